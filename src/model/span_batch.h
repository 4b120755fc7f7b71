#pragma once
// Spans as columns of views: what decoding makes and every stage reads.
//   Ownership  views point into memory that `owner` keeps alive (the received
//              request, or a block's decoded columns); a batch is moved or
//              shared whole, never copied span by span.
//   Threads    immutable once made; share as shared_ptr<const SpanBatch>.
//   Source     opentelemetry/proto/trace/v1/trace.proto, OTLP 1.x.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace sightline::model {

enum class ValueKind : uint8_t { kEmpty, kString, kBool, kInt, kDouble, kBytes, kArray, kKvlist };

// An OTLP AnyValue.
struct ValueView {
  ValueKind kind = ValueKind::kEmpty;
  union {
    int64_t int_value = 0;  // kInt; kBool as 0 or 1
    double double_value;    // kDouble
  };
  // kString, kBytes: the content. kArray, kKvlist: the encoded ArrayValue or
  // KeyValueList message.
  std::string_view bytes;

  static ValueView of_string(std::string_view s) {
    return {.kind = ValueKind::kString, .bytes = s};
  }
  static ValueView of_int(int64_t v) { return {.kind = ValueKind::kInt, .int_value = v}; }
  static ValueView of_bool(bool v) { return {.kind = ValueKind::kBool, .int_value = v ? 1 : 0}; }
  static ValueView of_double(double v) { return {.kind = ValueKind::kDouble, .double_value = v}; }
};
// Equal kind and content (doubles by bits).
bool operator==(const ValueView& a, const ValueView& b);

struct AttributeView {
  std::string_view key;
  ValueView value;
};

// A run of consecutive entries in one of the batch's vectors.
struct Run {
  uint32_t begin = 0;
  uint32_t count = 0;
};

// OTLP's numbers.
enum class SpanKind : uint8_t { kUnspecified, kInternal, kServer, kClient, kProducer, kConsumer };
enum class StatusCode : uint8_t { kUnset, kOk, kError };
std::string_view span_kind_name(SpanKind kind);      // "SPAN_KIND_SERVER"
std::string_view status_code_name(StatusCode code);  // "STATUS_CODE_ERROR"

struct ResourceView {
  Run attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of ResourceSpans
  std::string_view encoded;     // the Resource message, empty if there is none: a cache key
};

struct ScopeView {
  uint32_t resource = 0;  // index into resources
  std::string_view name;
  std::string_view version;
  Run attributes;
  uint32_t dropped_attributes = 0;
  std::string_view schema_url;  // of ScopeSpans
  std::string_view encoded;     // the InstrumentationScope message: a cache key
};

struct EventView {
  TimestampNs time;
  std::string_view name;
  Run attributes;
  uint32_t dropped_attributes = 0;
};

struct LinkView {
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  Run attributes;
  uint32_t dropped_attributes = 0;
  uint32_t flags = 0;
};

struct SpanView {
  TraceId trace_id;       // valid in every decoded batch: others were rejected
  SpanId span_id;         // likewise
  SpanId parent_span_id;  // not valid: a root
  uint32_t scope = 0;     // index into scopes
  SpanKind kind = SpanKind::kUnspecified;
  StatusCode status = StatusCode::kUnset;
  uint32_t flags = 0;
  std::string_view name;
  std::string_view status_message;
  std::string_view trace_state;
  TimestampNs start;
  TimestampNs end;  // may lie before start: clocks differ
  Run attributes;
  Run events;
  Run links;
  uint32_t dropped_attributes = 0;
  uint32_t dropped_events = 0;
  uint32_t dropped_links = 0;
  std::string_view encoded;  // the Span message; empty when rebuilt from columns

  // 0 when the end lies before the start.
  uint64_t duration_ns() const { return end.value > start.value ? end.value - start.value : 0; }
};

struct SpanBatch {
  std::shared_ptr<const void> owner;
  // The whole ExportTraceServiceRequest (= TracesData) in protobuf holding exactly
  // these spans; empty when the batch was not received as such, or when some spans of the
  // request were rejected.
  std::string_view encoded;
  std::vector<ResourceView> resources;
  std::vector<ScopeView> scopes;
  std::vector<SpanView> spans;
  std::vector<EventView> events;
  std::vector<LinkView> links;
  std::vector<AttributeView> attributes;

  std::span<const AttributeView> of(Run run) const {
    return std::span(attributes).subspan(run.begin, run.count);
  }
  std::span<const EventView> events_of(const SpanView& s) const {
    return std::span(events).subspan(s.events.begin, s.events.count);
  }
  std::span<const LinkView> links_of(const SpanView& s) const {
    return std::span(links).subspan(s.links.begin, s.links.count);
  }
  const ScopeView& scope_of(const SpanView& s) const { return scopes[s.scope]; }
  const ResourceView& resource_of(const SpanView& s) const {
    return resources[scopes[s.scope].resource];
  }
  // First attribute of that key in the run; null when absent.
  const ValueView* find(Run run, std::string_view key) const;
  // The resource's service.name, or empty.
  std::string_view service_name(const SpanView& s) const;
};

}  // namespace sightline::model
