#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/value_text.h"
#include "pipeline/exporters/debug_text.h"

namespace sightline::pipeline {

using model::ValueKind;

std::string_view kind_title(ValueKind kind) {
  switch (kind) {
    case ValueKind::kEmpty: return "Empty";
    case ValueKind::kString: return "Str";
    case ValueKind::kBool: return "Bool";
    case ValueKind::kInt: return "Int";
    case ValueKind::kDouble: return "Double";
    case ValueKind::kBytes: return "Bytes";
    case ValueKind::kArray: return "Slice";
    case ValueKind::kKvlist: return "Map";
  }
  return "Empty";
}

std::string debug_time(TimestampNs time) {
  std::string text = format_rfc3339(time.value);  // 2026-11-24T01:58:08.48Z
  text[10] = ' ';
  text.pop_back();
  return text + " +0000 UTC";
}

namespace {

using model::SpanBatch;
using Verbosity = config::DebugExporterConfig::Verbosity;

std::string_view kind_text(model::SpanKind kind) {
  switch (kind) {
    case model::SpanKind::kUnspecified: return "Unspecified";
    case model::SpanKind::kInternal: return "Internal";
    case model::SpanKind::kServer: return "Server";
    case model::SpanKind::kClient: return "Client";
    case model::SpanKind::kProducer: return "Producer";
    case model::SpanKind::kConsumer: return "Consumer";
  }
  return "Unspecified";
}

std::string_view status_text(model::StatusCode code) {
  switch (code) {
    case model::StatusCode::kUnset: return "Unset";
    case model::StatusCode::kOk: return "Ok";
    case model::StatusCode::kError: return "Error";
  }
  return "Unset";
}

// Writes one batch; a member function per level of the data.
class DetailedText {
 public:
  explicit DetailedText(const SpanBatch& batch) : batch_(batch) {}

  std::string write() {
    for (size_t r = 0; r < batch_.resources.size(); ++r) resource(r);
    return std::move(out_);
  }

 private:
  template <typename... Parts>
  void line(const Parts&... parts) {
    ((out_ += parts), ...);
    out_ += '\n';
  }

  void attributes(model::Run run) {
    for (const model::AttributeView& attribute : batch_.of(run)) {
      line("     -> ", attribute.key, ": ", kind_title(attribute.value.kind), "(",
           model::value_text(attribute.value), ")");
    }
  }

  void resource(size_t r) {
    const model::ResourceView& view = batch_.resources[r];
    line("ResourceSpans #", std::to_string(r));
    line("Resource SchemaURL: ", view.schema_url);
    if (view.attributes.count > 0) {
      line("Resource attributes:");
      attributes(view.attributes);
    }
    size_t index = 0;
    for (size_t s = 0; s < batch_.scopes.size(); ++s)
      if (batch_.scopes[s].resource == r) scope(s, index++);
  }

  void scope(size_t s, size_t index) {
    const model::ScopeView& view = batch_.scopes[s];
    line("ScopeSpans #", std::to_string(index));
    line("ScopeSpans SchemaURL: ", view.schema_url);
    line("InstrumentationScope ", view.name, " ", view.version);
    if (view.attributes.count > 0) {
      line("InstrumentationScope attributes:");
      attributes(view.attributes);
    }
    size_t n = 0;
    for (const model::SpanView& each : batch_.spans)
      if (each.scope == s) span(each, n++);
  }

  void span(const model::SpanView& view, size_t index) {
    line("Span #", std::to_string(index));
    line("    Trace ID       : ", to_hex(view.trace_id));
    line("    Parent ID      : ",
         view.parent_span_id.is_valid() ? to_hex(view.parent_span_id) : "");
    line("    ID             : ", to_hex(view.span_id));
    line("    Name           : ", view.name);
    line("    Kind           : ", kind_text(view.kind));
    if (!view.trace_state.empty()) line("    TraceState     : ", view.trace_state);
    line("    Start time     : ", debug_time(view.start));
    line("    End time       : ", debug_time(view.end));
    line("    Status code    : ", status_text(view.status));
    line("    Status message : ", view.status_message);
    if (view.attributes.count > 0) {
      line("Attributes:");
      attributes(view.attributes);
    }
    events(view);
    links(view);
  }

  void events(const model::SpanView& view) {
    if (view.events.count == 0) return;
    line("Events:");
    size_t n = 0;
    for (const model::EventView& event : batch_.events_of(view)) {
      line("SpanEvent #", std::to_string(n++));
      line("     -> Name: ", event.name);
      line("     -> Timestamp: ", debug_time(event.time));
      line("     -> DroppedAttributesCount: ", std::to_string(event.dropped_attributes));
      if (event.attributes.count > 0) line("     -> Attributes::");
      for (const model::AttributeView& attribute : batch_.of(event.attributes))
        line("          -> ", attribute.key, ": ", kind_title(attribute.value.kind), "(",
             model::value_text(attribute.value), ")");
    }
  }

  void links(const model::SpanView& view) {
    if (view.links.count == 0) return;
    line("Links:");
    size_t n = 0;
    for (const model::LinkView& link : batch_.links_of(view)) {
      line("SpanLink #", std::to_string(n++));
      line("     -> Trace ID: ", to_hex(link.trace_id));
      line("     -> ID: ", to_hex(link.span_id));
      line("     -> TraceState: ", link.trace_state);
      line("     -> DroppedAttributesCount: ", std::to_string(link.dropped_attributes));
      if (link.attributes.count > 0) line("     -> Attributes::");
      for (const model::AttributeView& attribute : batch_.of(link.attributes))
        line("          -> ", attribute.key, ": ", kind_title(attribute.value.kind), "(",
             model::value_text(attribute.value), ")");
    }
  }

  const SpanBatch& batch_;
  std::string out_;
};

std::string normal_text(const SpanBatch& batch) {
  std::string out;
  for (const model::SpanView& span : batch.spans) {
    out += std::string(span.name) + " " + to_hex(span.trace_id) + " " + to_hex(span.span_id);
    for (const model::AttributeView& attribute : batch.of(span.attributes))
      (((out += ' ') += attribute.key) += '=') += model::value_text(attribute.value);
    out += '\n';
  }
  return out;
}

}  // namespace

std::string debug_text(const SpanBatch& batch, Verbosity verbosity) {
  std::string out = "Traces\t{\"resource spans\": " + std::to_string(batch.resources.size()) +
                    ", \"spans\": " + std::to_string(batch.spans.size()) + "}\n";
  if (verbosity == Verbosity::kNormal) out += normal_text(batch);
  if (verbosity == Verbosity::kDetailed) out += DetailedText(batch).write();
  return out;
}

}  // namespace sightline::pipeline
