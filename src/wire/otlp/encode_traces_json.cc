#include "wire/otlp/encode_traces_json.h"

#include <cmath>
#include <map>
#include <vector>

#include "base/number_text.h"
#include "base/protobuf_reader.h"
#include "base/text_codec.h"

namespace sightline::wire::otlp {
namespace {

using model::SpanBatch;
using model::ValueKind;
using model::ValueView;

constexpr int kDepthMax = 64;

// Writes objects and lists with commas where they belong.
class JsonText {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void key(std::string_view name) {
    separate();
    ((out_ += '"') += name) += "\":";
    first_ = true;  // the value follows without a comma
  }
  void text(std::string_view value) {
    separate();
    out_ += '"';
    append_json_escaped(out_, value);
    out_ += '"';
  }
  void raw(std::string_view value) {
    separate();
    out_ += value;
  }
  void text_field(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    text(value);
  }
  void number_field(std::string_view name, uint64_t value) {
    if (value == 0) return;
    key(name);
    raw(std::to_string(value));
  }
  void long_field(std::string_view name, uint64_t value) {
    if (value == 0) return;
    key(name);
    text(std::to_string(value));
  }
  std::string take() { return std::move(out_); }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string out_;
  bool first_ = true;
};

class TracesJson {
 public:
  explicit TracesJson(const SpanBatch& batch) : batch_(batch) {}
  std::string write();

 private:
  void value(const ValueView& value, int depth);
  void encoded_value(std::string_view message, int depth);
  void encoded_list(std::string_view message, int depth);
  void encoded_map(std::string_view message, int depth);
  void attributes(model::Run run, uint32_t dropped);
  void scope_spans(uint32_t scope, const std::vector<uint32_t>& spans);
  void span(const model::SpanView& span);
  void events(const model::SpanView& span);
  void links(const model::SpanView& span);

  const SpanBatch& batch_;
  JsonText json_;
};

std::string double_text(double value) {
  if (value == 0 && std::signbit(value))
    return "-0.0";  // readers take "-0" for an integer, which has no sign
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  return format_float_go(value);
}

void TracesJson::encoded_map(std::string_view message, int depth) {
  json_.key("kvlistValue");
  json_.open('{');
  json_.key("values");
  json_.open('[');
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    std::string_view key, member;
    for (ProtobufReader entry(r.bytes()); entry.next();) {
      if (entry.tag() == protobuf_bytes(1))
        key = entry.bytes();
      else if (entry.tag() == protobuf_bytes(2))
        member = entry.bytes();
      else
        entry.skip();
    }
    json_.open('{');
    json_.key("key");
    json_.text(key);
    json_.key("value");
    encoded_value(member, depth + 1);
    json_.close('}');
  }
  json_.close(']');
  json_.close('}');
}

void TracesJson::encoded_list(std::string_view message, int depth) {
  json_.key("arrayValue");
  json_.open('{');
  json_.key("values");
  json_.open('[');
  for (ProtobufReader r(message); r.next();) {
    if (r.tag() == protobuf_bytes(1))
      encoded_value(r.bytes(), depth + 1);
    else
      r.skip();
  }
  json_.close(']');
  json_.close('}');
}

// An AnyValue message.
void TracesJson::encoded_value(std::string_view message, int depth) {
  ValueView view;
  for (ProtobufReader r(message); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): view = ValueView::of_string(r.bytes()); break;
      case protobuf_varint(2): view = ValueView::of_bool(r.varint() != 0); break;
      case protobuf_varint(3): view = ValueView::of_int(static_cast<int64_t>(r.varint())); break;
      case protobuf_fixed64(4): {
        const uint64_t bits = r.fixed64();
        view = {.kind = ValueKind::kDouble, .int_value = static_cast<int64_t>(bits)};
        break;
      }
      case protobuf_bytes(5): view = {.kind = ValueKind::kArray, .bytes = r.bytes()}; break;
      case protobuf_bytes(6): view = {.kind = ValueKind::kKvlist, .bytes = r.bytes()}; break;
      case protobuf_bytes(7): view = {.kind = ValueKind::kBytes, .bytes = r.bytes()}; break;
      default: r.skip();
    }
  }
  value(view, depth);
}

void TracesJson::value(const ValueView& value, int depth) {
  json_.open('{');
  switch (value.kind) {
    case ValueKind::kEmpty: break;
    case ValueKind::kString:
      json_.key("stringValue");
      json_.text(value.bytes);
      break;
    case ValueKind::kBool:
      json_.key("boolValue");
      json_.raw(value.int_value != 0 ? "true" : "false");
      break;
    case ValueKind::kInt:
      json_.key("intValue");
      json_.text(std::to_string(value.int_value));
      break;
    case ValueKind::kDouble:
      json_.key("doubleValue");
      json_.raw(double_text(value.double_value));
      break;
    case ValueKind::kBytes:
      json_.key("bytesValue");
      json_.text(base64_encode(value.bytes));
      break;
    case ValueKind::kArray:
      if (depth < kDepthMax) encoded_list(value.bytes, depth);
      break;
    case ValueKind::kKvlist:
      if (depth < kDepthMax) encoded_map(value.bytes, depth);
      break;
  }
  json_.close('}');
}

void TracesJson::attributes(model::Run run, uint32_t dropped) {
  if (run.count > 0) {
    json_.key("attributes");
    json_.open('[');
    for (const model::AttributeView& attribute : batch_.of(run)) {
      json_.open('{');
      json_.key("key");
      json_.text(attribute.key);
      json_.key("value");
      value(attribute.value, 0);
      json_.close('}');
    }
    json_.close(']');
  }
  json_.number_field("droppedAttributesCount", dropped);
}

void TracesJson::events(const model::SpanView& span) {
  if (span.events.count == 0) return;
  json_.key("events");
  json_.open('[');
  for (const model::EventView& event : batch_.events_of(span)) {
    json_.open('{');
    json_.long_field("timeUnixNano", event.time.value);
    json_.text_field("name", event.name);
    attributes(event.attributes, event.dropped_attributes);
    json_.close('}');
  }
  json_.close(']');
}

void TracesJson::links(const model::SpanView& span) {
  if (span.links.count == 0) return;
  json_.key("links");
  json_.open('[');
  for (const model::LinkView& link : batch_.links_of(span)) {
    json_.open('{');
    json_.text_field("traceId", to_hex(link.trace_id));
    json_.text_field("spanId", to_hex(link.span_id));
    json_.text_field("traceState", link.trace_state);
    attributes(link.attributes, link.dropped_attributes);
    json_.number_field("flags", link.flags);
    json_.close('}');
  }
  json_.close(']');
}

void TracesJson::span(const model::SpanView& span) {
  json_.open('{');
  json_.text_field("traceId", to_hex(span.trace_id));
  json_.text_field("spanId", to_hex(span.span_id));
  json_.text_field("traceState", span.trace_state);
  if (span.parent_span_id.is_valid()) json_.text_field("parentSpanId", to_hex(span.parent_span_id));
  json_.number_field("flags", span.flags);
  json_.text_field("name", span.name);
  json_.number_field("kind", static_cast<uint64_t>(span.kind));
  json_.long_field("startTimeUnixNano", span.start.value);
  json_.long_field("endTimeUnixNano", span.end.value);
  attributes(span.attributes, span.dropped_attributes);
  events(span);
  json_.number_field("droppedEventsCount", span.dropped_events);
  links(span);
  json_.number_field("droppedLinksCount", span.dropped_links);
  json_.key("status");
  json_.open('{');
  json_.text_field("message", span.status_message);
  json_.number_field("code", static_cast<uint64_t>(span.status));
  json_.close('}');
  json_.close('}');
}

void TracesJson::scope_spans(uint32_t scope, const std::vector<uint32_t>& spans) {
  const model::ScopeView& view = batch_.scopes[scope];
  json_.open('{');
  json_.key("scope");
  json_.open('{');
  json_.text_field("name", view.name);
  json_.text_field("version", view.version);
  attributes(view.attributes, view.dropped_attributes);
  json_.close('}');
  json_.key("spans");
  json_.open('[');
  for (const uint32_t index : spans) span(batch_.spans[index]);
  json_.close(']');
  json_.text_field("schemaUrl", view.schema_url);
  json_.close('}');
}

std::string TracesJson::write() {
  std::map<uint32_t, std::map<uint32_t, std::vector<uint32_t>>> groups;  // resource, scope
  for (uint32_t i = 0; i < batch_.spans.size(); ++i) {
    const uint32_t scope = batch_.spans[i].scope;
    groups[batch_.scopes[scope].resource][scope].push_back(i);
  }
  json_.open('{');
  json_.key("resourceSpans");
  json_.open('[');
  for (const auto& [resource, scopes] : groups) {
    const model::ResourceView& view = batch_.resources[resource];
    json_.open('{');
    json_.key("resource");
    json_.open('{');
    attributes(view.attributes, view.dropped_attributes);
    json_.close('}');
    json_.key("scopeSpans");
    json_.open('[');
    for (const auto& [scope, spans] : scopes) scope_spans(scope, spans);
    json_.close(']');
    json_.text_field("schemaUrl", view.schema_url);
    json_.close('}');
  }
  json_.close(']');
  json_.close('}');
  return json_.take();
}

}  // namespace

std::string encode_traces_json(const SpanBatch& batch) { return TracesJson(batch).write(); }

}  // namespace sightline::wire::otlp
