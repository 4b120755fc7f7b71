#include "wire/jaeger/span_builder.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/number_text.h"

namespace sightline::wire::jaeger {
namespace {

using model::AttributeView;
using model::StatusCode;
using model::ValueKind;
using model::ValueView;
using Tags = std::vector<AttributeView>;

const ValueView* find(const Tags& tags, std::string_view key) {
  const auto found = std::ranges::find(tags, key, &AttributeView::key);
  return found == tags.end() ? nullptr : &found->value;
}

// The tag's value, taken out.
std::optional<ValueView> take(Tags& tags, std::string_view key) {
  const auto found = std::ranges::find(tags, key, &AttributeView::key);
  if (found == tags.end()) return std::nullopt;
  const ValueView value = found->value;
  tags.erase(found);
  return value;
}

std::string_view text_of(const std::optional<ValueView>& value) {
  return value && value->kind == ValueKind::kString ? value->bytes : std::string_view();
}

model::SpanKind kind_of(std::string_view kind) {
  if (kind == "client") return model::SpanKind::kClient;
  if (kind == "server") return model::SpanKind::kServer;
  if (kind == "producer") return model::SpanKind::kProducer;
  if (kind == "consumer") return model::SpanKind::kConsumer;
  return kind == "internal" ? model::SpanKind::kInternal : model::SpanKind::kUnspecified;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return out;
}

std::optional<int64_t> http_code(const Tags& tags) {
  const ValueView* value = find(tags, "http.status_code");
  if (value == nullptr) value = find(tags, "http.response.status_code");
  if (value == nullptr) return std::nullopt;
  if (value->kind == ValueKind::kInt) return value->int_value;
  if (value->kind != ValueKind::kString) return std::nullopt;
  const auto parsed = parse_int(value->bytes);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

StatusCode status_of_http(int64_t code, model::SpanKind kind) {
  if (code >= 400 && code < 500 && kind == model::SpanKind::kServer) return StatusCode::kUnset;
  return code >= 100 && code < 400 ? StatusCode::kUnset : StatusCode::kError;
}

}  // namespace

void put_tag(Tags& tags, const AttributeView& tag) {
  const auto same = std::ranges::find(tags, tag.key, &AttributeView::key);
  if (same != tags.end())
    same->value = tag.value;
  else
    tags.push_back(tag);
}

SpanBuilder::SpanBuilder(std::shared_ptr<const std::string> request, bool scope_from_tags,
                         const JaegerLimits& limits)
    : scope_from_tags_(scope_from_tags), limits_(limits) {
  owner_->request = std::move(request);
  set_process({});
}

std::string_view SpanBuilder::keep(std::string text) {
  return *owner_->texts.emplace_back(std::make_unique<std::string>(std::move(text)));
}

model::Run SpanBuilder::append(const Tags& attributes) {
  const model::Run run{static_cast<uint32_t>(batch_->attributes.size()),
                       static_cast<uint32_t>(attributes.size())};
  batch_->attributes.insert(batch_->attributes.end(), attributes.begin(), attributes.end());
  return run;
}

void SpanBuilder::set_process(const JaegerProcess& process) {
  Tags tags;
  if (!process.service.empty() && process.service != "OTLPResourceNoServiceName")
    tags.push_back({"service.name", ValueView::of_string(process.service)});
  for (const AttributeView& tag : process.tags) put_tag(tags, tag);
  if (find(tags, "host.name") == nullptr)
    if (const auto host = take(tags, "hostname")) tags.push_back({"host.name", *host});
  if (find(tags, "opencensus.exporterversion") == nullptr)
    if (const auto version = take(tags, "jaeger.version"))
      tags.push_back({"opencensus.exporterversion",
                      ValueView::of_string(keep("Jaeger-" + std::string(text_of(version))))});
  std::string key;
  for (const AttributeView& tag : tags) {
    append_sized(key, tag.key);
    key += static_cast<char>(tag.value.kind);
    append_le(key, tag.value.int_value);
    append_sized(key, tag.value.bytes);
  }
  const auto [known, is_new] =
      resources_.try_emplace(std::move(key), static_cast<uint32_t>(batch_->resources.size()));
  resource_ = known->second;
  if (is_new) batch_->resources.push_back({.attributes = append(tags)});
}

uint32_t SpanBuilder::scope_of(std::string_view name, std::string_view version) {
  const auto [known, is_new] =
      scopes_.try_emplace({resource_, std::string(name), std::string(version)},
                          static_cast<uint32_t>(batch_->scopes.size()));
  if (is_new) batch_->scopes.push_back({.resource = resource_, .name = name, .version = version});
  return known->second;
}

void SpanBuilder::set_kind_and_status(Tags& tags, model::SpanView& span) {
  if (const auto kind = take(tags, "span.kind")) span.kind = kind_of(text_of(kind));
  bool is_known = false;
  if (const ValueView* error = find(tags, "error");
      error != nullptr && error->kind == ValueKind::kBool && error->int_value != 0) {
    (void)take(tags, "error");
    is_known = true;
    span.status = StatusCode::kError;
    if (const auto text = take(tags, "otel.status_description"))
      span.status_message = text_of(text);
    else if (const ValueView* http = find(tags, "http.status_message"))
      span.status_message = text_of(*http);
  }
  if (const auto code = take(tags, "otel.status_code")) {
    if (is_known) return;
    const std::string word = upper(text_of(code));
    span.status = word == "OK"      ? StatusCode::kOk
                  : word == "ERROR" ? StatusCode::kError
                                    : StatusCode::kUnset;
    if (const auto text = take(tags, "otel.status_description"))
      span.status_message = text_of(text);
    return;
  }
  if (is_known) return;
  if (const auto code = http_code(tags)) {
    span.status = status_of_http(*code, span.kind);
    const ValueView* text = find(tags, "http.status_message");
    if (span.status != StatusCode::kUnset && text != nullptr) span.status_message = text_of(*text);
  }
}

void SpanBuilder::add_events(const JaegerSpan& from, model::SpanView& span) {
  span.events.begin = static_cast<uint32_t>(batch_->events.size());
  for (const JaegerLog& log : from.logs) {
    Tags fields = log.fields;
    model::EventView event{.time = {log.time_ns}};
    if (const auto name = take(fields, "event")) event.name = text_of(name);
    event.attributes = append(fields);
    batch_->events.push_back(event);
  }
  span.events.count = static_cast<uint32_t>(batch_->events.size()) - span.events.begin;
}

// All references but the one to the parent.
void SpanBuilder::add_links(const JaegerSpan& from, model::SpanView& span) {
  span.links.begin = static_cast<uint32_t>(batch_->links.size());
  for (const JaegerReference& reference : from.references) {
    if (reference.is_child_of && reference.span_id == span.parent_span_id) continue;
    const AttributeView kind{
        "opentracing.ref_type",
        ValueView::of_string(reference.is_child_of ? "child_of" : "follows_from")};
    batch_->links.push_back({.trace_id = reference.trace_id,
                             .span_id = reference.span_id,
                             .attributes = append({kind})});
  }
  span.links.count = static_cast<uint32_t>(batch_->links.size()) - span.links.begin;
}

void SpanBuilder::add(JaegerSpan from) {
  if (!from.trace_id.is_valid() || !from.span_id.is_valid() ||
      batch_->spans.size() >= limits_.spans_max) {
    ++rejected_;
    return;
  }
  model::SpanView span{.trace_id = from.trace_id,
                       .span_id = from.span_id,
                       .parent_span_id = from.parent_span_id,
                       .flags = from.flags & 1,
                       .name = from.name,
                       .start = {from.start_ns},
                       .end = {from.start_ns + from.duration_ns},
                       .dropped_attributes = from.dropped_tags};
  // Without a parent of its own, a reference to the same trace names it: a child's before a follower's.
  for (const bool child_of : {true, false})
    for (const JaegerReference& reference : from.references)
      if (!span.parent_span_id.is_valid() && reference.is_child_of == child_of &&
          reference.trace_id == from.trace_id)
        span.parent_span_id = reference.span_id;
  std::string_view scope, version;
  if (scope_from_tags_) {
    if (const auto name = take(from.tags, "otel.scope.name")) {
      scope = text_of(name);
      version = text_of(take(from.tags, "otel.scope.version"));
    }
    span.trace_state = text_of(take(from.tags, "w3c.tracestate"));
  }
  span.scope = scope_of(scope, version);
  set_kind_and_status(from.tags, span);
  span.attributes = append(from.tags);
  add_events(from, span);
  add_links(from, span);
  batch_->spans.push_back(span);
}

DecodedJaeger SpanBuilder::finish() {
  batch_->owner = owner_;
  return {std::move(batch_), rejected_};
}

}  // namespace sightline::wire::jaeger
