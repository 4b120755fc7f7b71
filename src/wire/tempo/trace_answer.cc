#include "wire/tempo/trace_answer.h"

#include <cmath>

#include <protozero/pbf_writer.hpp>
#include <vector>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "base/typed_pbf_reader.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::wire::tempo {
namespace {

using model::SpanBatch;
using model::ValueKind;
using model::ValueView;

constexpr int kValueDepthMax = 64;  // decoding allows less; a bound for stored bytes

// AnyValue fields, opentelemetry/proto/common/v1/common.proto.
enum AnyValueField : protozero::pbf_tag_type {
  kStringValue = 1,
  kBoolValue = 2,
  kIntValue = 3,
  kDoubleValue = 4,
  kArrayValue = 5,
  kKvlistValue = 6,
  kBytesValue = 7
};

std::string_view view_of(protozero::data_view view) { return {view.data(), view.size()}; }

void append_text(std::string& out, std::string_view text) {
  out += '"';
  append_json_escaped(out, text);
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  ((out += '"') += base64_encode(bytes)) += '"';
}

void append_number(std::string& out, double value) {
  if (std::isnan(value))
    out += "\"NaN\"";
  else if (std::isinf(value))
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  else
    out += format_float_go(value);
}

// The members of a JSON object that are only there when they say something.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  ~Members() { out_ += '}'; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  std::string& begin(std::string_view name) {
    out_ += first_ ? "\"" : ",\"";
    first_ = false;
    return (out_ += name) += "\":";
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_text(begin(name), value);
  }
  void base64(std::string_view name, std::string_view value) {
    if (!value.empty()) append_base64(begin(name), value);
  }
  template <typename Id>
  void id(std::string_view name, const Id& id) {
    if (id.is_valid())
      append_base64(begin(name), {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
  }
  void count(std::string_view name, uint32_t value) {
    if (value != 0) begin(name) += std::to_string(value);
  }
  void long_count(std::string_view name, uint64_t value) {
    if (value != 0) ((begin(name) += '"') += std::to_string(value)) += '"';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_any(std::string& out, TypedPbfReader value, int depth);

void append_values(std::string& out, TypedPbfReader list, int depth) {
  out += "{\"values\":[";
  bool first = true;
  while (list.next(1)) {
    if (!first) out += ',';
    first = false;
    append_any(out, list.get_message(), depth);
  }
  out += "]}";
}

void append_pairs(std::string& out, TypedPbfReader list, int depth) {
  out += "{\"values\":[";
  bool first = true;
  while (list.next(1)) {
    out += first ? "{\"key\":" : ",{\"key\":";
    first = false;
    std::string_view key;
    TypedPbfReader value;
    TypedPbfReader pair = list.get_message();
    while (pair.next()) {
      if (pair.tag() == 1)
        key = view_of(pair.get_view());
      else if (pair.tag() == 2)
        value = pair.get_message();
      else
        pair.skip();
    }
    append_text(out, key);
    out += ",\"value\":";
    append_any(out, value, depth);
    out += '}';
  }
  out += "]}";
}

// An encoded AnyValue, as it lies inside arrays and maps.
void append_any(std::string& out, TypedPbfReader value, int depth) {
  if (depth > kValueDepthMax || !value.next()) {
    out += "{}";
    return;
  }
  switch (value.tag()) {
    case kStringValue:
      out += "{\"stringValue\":";
      append_text(out, view_of(value.get_view()));
      break;
    case kBoolValue:
      out += value.get_bool() ? "{\"boolValue\":true" : "{\"boolValue\":false";
      break;
    case kIntValue:
      ((out += "{\"intValue\":\"") += std::to_string(value.get_int64())) += '"';
      break;
    case kDoubleValue:
      out += "{\"doubleValue\":";
      append_number(out, value.get_double());
      break;
    case kArrayValue:
      out += "{\"arrayValue\":";
      append_values(out, value.get_message(), depth + 1);
      break;
    case kKvlistValue:
      out += "{\"kvlistValue\":";
      append_pairs(out, value.get_message(), depth + 1);
      break;
    case kBytesValue:
      out += "{\"bytesValue\":";
      append_base64(out, view_of(value.get_view()));
      break;
    default: out += '{'; break;
  }
  out += '}';
}

// Spans grouped as they are told: by resource, then by scope, in batch order.
class TraceWriter {
 public:
  explicit TraceWriter(const SpanBatch& batch)
      : batch_(batch),
        spans_of_scope_(batch.scopes.size()),
        scopes_of_resource_(batch.resources.size()) {
    for (uint32_t i = 0; i < batch.spans.size(); ++i) {
      const uint32_t scope = batch.spans[i].scope;
      if (spans_of_scope_[scope].empty())
        scopes_of_resource_[batch.scopes[scope].resource].push_back(scope);
      spans_of_scope_[scope].push_back(i);
    }
  }

  std::string resource_spans() {
    out_ += '[';
    bool first = true;
    for (uint32_t r = 0; r < batch_.resources.size(); ++r) {
      if (scopes_of_resource_[r].empty()) continue;
      if (!first) out_ += ',';
      first = false;
      resource(r);
    }
    out_ += ']';
    return std::move(out_);
  }

 private:
  void attributes(Members& members, model::Run run) {
    if (run.count == 0) return;
    members.begin("attributes") += '[';
    bool first = true;
    for (const model::AttributeView& attribute : batch_.of(run)) {
      out_ += first ? "{\"key\":" : ",{\"key\":";
      first = false;
      append_text(out_, attribute.key);
      out_ += ",\"value\":";
      append_value_json(out_, attribute.value);
      out_ += '}';
    }
    out_ += ']';
  }

  template <typename Items, typename Write>
  void list(Members& members, std::string_view name, const Items& items, const Write& write) {
    if (items.empty()) return;
    members.begin(name) += '[';
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      write(item);
    }
    out_ += ']';
  }

  void resource(uint32_t r) {
    const model::ResourceView& view = batch_.resources[r];
    Members members(out_);
    members.begin("resource");
    {
      Members inner(out_);
      attributes(inner, view.attributes);
      inner.count("droppedAttributesCount", view.dropped_attributes);
    }
    list(members, "scopeSpans", scopes_of_resource_[r], [&](uint32_t s) { scope(s); });
    members.text("schemaUrl", view.schema_url);
  }

  void scope(uint32_t s) {
    const model::ScopeView& view = batch_.scopes[s];
    Members members(out_);
    members.begin("scope");
    {
      Members inner(out_);
      inner.text("name", view.name);
      inner.text("version", view.version);
      attributes(inner, view.attributes);
      inner.count("droppedAttributesCount", view.dropped_attributes);
    }
    list(members, "spans", spans_of_scope_[s], [&](uint32_t i) { span(batch_.spans[i]); });
    members.text("schemaUrl", view.schema_url);
  }

  void span(const model::SpanView& view) {
    Members members(out_);
    members.id("traceId", view.trace_id);
    members.id("spanId", view.span_id);
    members.text("traceState", view.trace_state);
    members.id("parentSpanId", view.parent_span_id);
    members.count("flags", view.flags);
    members.text("name", view.name);
    if (view.kind != model::SpanKind::kUnspecified)
      append_text(members.begin("kind"), model::span_kind_name(view.kind));
    members.long_count("startTimeUnixNano", view.start.value);
    members.long_count("endTimeUnixNano", view.end.value);
    attributes(members, view.attributes);
    members.count("droppedAttributesCount", view.dropped_attributes);
    list(members, "events", batch_.events_of(view), [&](const model::EventView& event) {
      Members inner(out_);
      inner.long_count("timeUnixNano", event.time.value);
      inner.text("name", event.name);
      attributes(inner, event.attributes);
      inner.count("droppedAttributesCount", event.dropped_attributes);
    });
    members.count("droppedEventsCount", view.dropped_events);
    list(members, "links", batch_.links_of(view), [&](const model::LinkView& link) {
      Members inner(out_);
      inner.id("traceId", link.trace_id);
      inner.id("spanId", link.span_id);
      inner.text("traceState", link.trace_state);
      attributes(inner, link.attributes);
      inner.count("droppedAttributesCount", link.dropped_attributes);
      inner.count("flags", link.flags);
    });
    members.count("droppedLinksCount", view.dropped_links);
    members.begin("status");
    Members inner(out_);
    inner.text("message", view.status_message);
    if (view.status != model::StatusCode::kUnset)
      append_text(inner.begin("code"), model::status_code_name(view.status));
  }

  const SpanBatch& batch_;
  std::string out_;
  std::vector<std::vector<uint32_t>> spans_of_scope_;
  std::vector<std::vector<uint32_t>> scopes_of_resource_;
};

}  // namespace

void append_value_json(std::string& out, const ValueView& value) {
  const protozero::data_view bytes(value.bytes.data(), value.bytes.size());
  // Stored bytes were checked when they were received; damage yields "{}", never more.
  try {
    switch (value.kind) {
      case ValueKind::kEmpty: out += '{'; break;
      case ValueKind::kString:
        out += "{\"stringValue\":";
        append_text(out, value.bytes);
        break;
      case ValueKind::kBool:
        out += value.int_value != 0 ? "{\"boolValue\":true" : "{\"boolValue\":false";
        break;
      case ValueKind::kInt:
        ((out += "{\"intValue\":\"") += std::to_string(value.int_value)) += '"';
        break;
      case ValueKind::kDouble:
        out += "{\"doubleValue\":";
        append_number(out, value.double_value);
        break;
      case ValueKind::kBytes:
        out += "{\"bytesValue\":";
        append_base64(out, value.bytes);
        break;
      case ValueKind::kArray: {
        std::string inner;
        append_values(inner, TypedPbfReader(bytes), 1);
        (out += "{\"arrayValue\":") += inner;
        break;
      }
      case ValueKind::kKvlist: {
        std::string inner;
        append_pairs(inner, TypedPbfReader(bytes), 1);
        (out += "{\"kvlistValue\":") += inner;
        break;
      }
    }
  } catch (const protozero::exception&) {
    out += '{';
  }
  out += '}';
}

std::string trace_json_v1(const SpanBatch& trace) {
  return "{\"batches\":" + TraceWriter(trace).resource_spans() + "}";
}

std::string trace_json_v2(const SpanBatch& trace, uint64_t inspected_bytes,
                          std::string_view partial) {
  std::string out = "{\"trace\":{";
  if (!trace.spans.empty()) out += "\"resourceSpans\":" + TraceWriter(trace).resource_spans();
  out += "},\"metrics\":";
  {
    Members metrics(out);
    if (!trace.spans.empty() || !partial.empty())
      metrics.long_count("inspectedBytes", inspected_bytes);
  }
  if (!partial.empty()) {
    out += ",\"status\":\"PARTIAL\",\"message\":";
    append_text(out, partial);
  }
  return out + "}";
}

std::string trace_protobuf_v1(const SpanBatch& trace) { return otlp::encode_traces(trace); }

std::string trace_protobuf_v2(const SpanBatch& trace, uint64_t inspected_bytes,
                              std::string_view partial) {
  constexpr int kPartial = 1;  // PartialStatus
  std::string metrics;
  protozero::pbf_writer(metrics).add_uint64(1, inspected_bytes);
  std::string out;
  protozero::pbf_writer response(out);
  response.add_message(1, otlp::encode_traces(trace));
  response.add_message(2, metrics);
  if (!partial.empty()) {
    response.add_enum(3, kPartial);
    response.add_string(4, partial.data(), partial.size());
  }
  return out;
}

}  // namespace sightline::wire::tempo
