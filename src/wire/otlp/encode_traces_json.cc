#include "wire/otlp/encode_traces_json.h"

#include <map>
#include <vector>

#include "wire/otlp/json_text.h"

namespace sightline::wire::otlp {
namespace {

using model::SpanBatch;

class TracesJson {
 public:
  explicit TracesJson(const SpanBatch& batch) : batch_(batch) {}
  std::string write();

 private:
  void attributes(model::Run run, uint32_t dropped) { json_.attributes(batch_.of(run), dropped); }
  void scope_spans(uint32_t scope, const std::vector<uint32_t>& spans);
  void span(const model::SpanView& span);
  void events(const model::SpanView& span);
  void links(const model::SpanView& span);

  const SpanBatch& batch_;
  JsonText json_;
};

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
