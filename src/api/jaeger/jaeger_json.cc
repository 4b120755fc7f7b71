#include "api/jaeger/jaeger_json.h"

#include <cmath>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/value_text.h"

namespace sightline::api::jaeger {
namespace {

// The elements of one JSON array.
class List {
 public:
  explicit List(std::string& out) : out_(out) { out_.push_back('['); }
  ~List() { out_.push_back(']'); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  std::string& next() {
    if (!first_) out_.push_back(',');
    first_ = false;
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_tag(std::string& out, std::string_view key, std::string_view type,
                std::string_view json) {
  out += R"({"key":)";
  append_text(out, key);
  out.append(R"(,"type":")").append(type).append(R"(","value":)").append(json).append("}");
}

void append_text_tag(std::string& out, std::string_view key, std::string_view text) {
  std::string json;
  append_text(json, text);
  append_tag(out, key, "string", json);
}

void append_attribute(std::string& out, const model::AttributeView& attribute) {
  const model::ValueView& value = attribute.value;
  switch (value.kind) {
    case model::ValueKind::kBool:
      return append_tag(out, attribute.key, "bool", value.int_value != 0 ? "true" : "false");
    case model::ValueKind::kInt:
      return append_tag(out, attribute.key, "int64", std::to_string(value.int_value));
    case model::ValueKind::kDouble:
      if (std::isfinite(value.double_value))
        return append_tag(out, attribute.key, "float64", format_float_go(value.double_value));
      return append_text_tag(out, attribute.key,
                             format_float_go(value.double_value));  // JSON has no infinities
    case model::ValueKind::kBytes: {
      std::string json;
      append_text(json, base64_encode(value.bytes));
      return append_tag(out, attribute.key, "binary", json);
    }
    default: return append_text_tag(out, attribute.key, model::value_text(value));
  }
}

void append_reference(std::string& out, std::string_view type, const TraceId& trace,
                      const SpanId& span) {
  out.append(R"({"refType":")")
      .append(type)
      .append(R"(","traceID":")")
      .append(to_hex(trace))
      .append(R"(","spanID":")");
  out.append(to_hex(span)).append("\"}");
}

class TraceWriter {
 public:
  TraceWriter(std::string& out, const model::SpanBatch& trace) : out_(out), trace_(trace) {}

  void write() {
    out_.append(R"({"traceID":")")
        .append(trace_.spans.empty() ? "" : to_hex(trace_.spans[0].trace_id))
        .append(R"(","spans":)");
    {
      List spans(out_);
      for (const model::SpanView& span : trace_.spans) {
        spans.next();
        write_span(span);
      }
    }
    out_ += R"(,"processes":{)";
    for (size_t i = 0; i < trace_.resources.size(); ++i) {
      out_.append(i > 0 ? ",\"p" : "\"p").append(std::to_string(i + 1)).append("\":");
      write_process(trace_.resources[i]);
    }
    out_ += R"(},"warnings":null})";
  }

 private:
  void write_span(const model::SpanView& span) {
    out_.append(R"({"traceID":")")
        .append(to_hex(span.trace_id))
        .append(R"(","spanID":")")
        .append(to_hex(span.span_id));
    out_.append(R"(","flags":)")
        .append(std::to_string(span.flags & 0xFF))
        .append(R"(,"operationName":)");
    append_text(out_, span.name);
    out_ += R"(,"references":)";
    {
      List references(out_);
      if (span.parent_span_id.is_valid())
        append_reference(references.next(), "CHILD_OF", span.trace_id, span.parent_span_id);
      for (const model::LinkView& link : trace_.links_of(span))
        append_reference(references.next(), "FOLLOWS_FROM", link.trace_id, link.span_id);
    }
    out_.append(R"(,"startTime":)").append(std::to_string(span.start.value / 1'000));
    out_.append(R"(,"duration":)")
        .append(std::to_string(span.duration_ns() / 1'000))
        .append(R"(,"tags":)");
    write_tags(span);
    out_ += R"(,"logs":)";
    write_logs(span);
    out_.append(R"(,"processID":"p)")
        .append(std::to_string(trace_.scopes[span.scope].resource + 1))
        .append(R"(","warnings":null})");
  }

  void write_tags(const model::SpanView& span) {
    static constexpr std::string_view kKinds[] = {"",       "internal", "server",
                                                  "client", "producer", "consumer"};
    List tags(out_);
    for (const model::AttributeView& attribute : trace_.of(span.attributes))
      append_attribute(tags.next(), attribute);
    if (span.kind != model::SpanKind::kUnspecified)
      append_text_tag(tags.next(), "span.kind",
                      kKinds[static_cast<size_t>(span.kind) % std::size(kKinds)]);
    if (span.status == model::StatusCode::kError) append_tag(tags.next(), "error", "bool", "true");
    if (span.status != model::StatusCode::kUnset)
      append_text_tag(tags.next(), "otel.status_code",
                      span.status == model::StatusCode::kError ? "ERROR" : "OK");
    if (!span.status_message.empty())
      append_text_tag(tags.next(), "otel.status_description", span.status_message);
    const model::ScopeView& scope = trace_.scope_of(span);
    if (!scope.name.empty()) append_text_tag(tags.next(), "otel.scope.name", scope.name);
    if (!scope.version.empty()) append_text_tag(tags.next(), "otel.scope.version", scope.version);
    if (!span.trace_state.empty()) append_text_tag(tags.next(), "w3c.tracestate", span.trace_state);
  }

  void write_logs(const model::SpanView& span) {
    List logs(out_);
    for (const model::EventView& event : trace_.events_of(span)) {
      logs.next()
          .append(R"({"timestamp":)")
          .append(std::to_string(event.time.value / 1'000))
          .append(R"(,"fields":)");
      {
        List fields(out_);
        if (!event.name.empty()) append_text_tag(fields.next(), "event", event.name);
        for (const model::AttributeView& attribute : trace_.of(event.attributes))
          append_attribute(fields.next(), attribute);
      }
      out_.push_back('}');
    }
  }

  void write_process(const model::ResourceView& resource) {
    const model::ValueView* service = trace_.find(resource.attributes, "service.name");
    out_ += R"({"serviceName":)";
    append_text(out_, service != nullptr && service->kind == model::ValueKind::kString
                          ? service->bytes
                          : "unknown_service");
    out_ += R"(,"tags":)";
    {
      List tags(out_);
      for (const model::AttributeView& attribute : trace_.of(resource.attributes))
        if (attribute.key != "service.name") append_attribute(tags.next(), attribute);
    }
    out_.push_back('}');
  }

  std::string& out_;
  const model::SpanBatch& trace_;
};

}  // namespace

void append_text(std::string& out, std::string_view text) {
  out.push_back('"');
  append_json_escaped(out, text);
  out.push_back('"');
}

void append_trace_json(std::string& out, const model::SpanBatch& trace) {
  TraceWriter(out, trace).write();
}

std::string envelope(std::string_view data, size_t total) {
  return R"({"data":)" + std::string(data) + R"(,"total":)" + std::to_string(total) +
         R"(,"limit":0,"offset":0,"errors":null})";
}

std::string error_envelope(int code, std::string_view message) {
  std::string out = R"({"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":)" +
                    std::to_string(code) + R"(,"msg":)";
  append_text(out, message);
  return out + "}]}";
}

}  // namespace sightline::api::jaeger
