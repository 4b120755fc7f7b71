#pragma once
// ExportTraceServiceRequest (= TracesData) bytes to a SpanBatch, in place.
//   Ownership  every view of the batch points into the request bytes, which the batch keeps alive.
//   Rejected   a span whose trace, span or parent id has a wrong length, whose trace or span id is
//              zero, or that exceeds spans_per_request_max. The others are kept: OTLP partial success.
//   Dropped    attributes, events and links above their limits, values nested too deep, links with ids of
//              wrong length; counted in the dropped_* fields as if the sender had dropped them. Such a
//              span's `encoded` is empty, and so is the batch's, as it is when a span was rejected.
//   Lenient    unknown fields are skipped; strings are not checked for UTF-8, which is mended on
//              output; unknown enum numbers become "unspecified" and "unset"; of a singular
//              message sent twice the last one counts.
//   Errors     kInvalidArgument with the byte offset when the bytes are no protobuf message.
//   Threads    pure functions.
//   Source     opentelemetry-proto 1.x, trace/v1, common/v1, resource/v1.
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::wire::otlp {

struct DecodeLimits {
  uint32_t spans_per_request_max = 50'000;
  uint32_t attributes_max = 1'024;  // of one span, event, link, scope or resource
  uint32_t events_per_span_max = 4'096;
  uint32_t links_per_span_max = 4'096;
  uint32_t value_depth_max = 32;  // arrays and maps inside one attribute value
  uint64_t request_bytes_max = 1ull << 30;
  // Not null: whoever reads the batch looks at these attributes of spans alone, and at no events and links. The others are
  // passed over: their values are not checked, and they do not count as dropped.
  std::shared_ptr<const std::vector<std::string>> span_attributes;
  // Not empty: of a request whose spans are all kept these alone are needed, by their places, ascending. The others have
  // their places and scopes and nothing else, and are not checked. Must outlive the call.
  std::span<const uint32_t> spans;
};

enum class RejectReason : uint8_t { kTraceId, kSpanId, kParentSpanId, kTooManySpans };
inline constexpr size_t kRejectReasons = 4;
std::string_view reject_reason_name(RejectReason reason);  // "invalid_trace_id", for counters

struct DecodedTraces {
  std::shared_ptr<const model::SpanBatch> batch;       // never null
  std::array<uint64_t, kRejectReasons> rejected_by{};  // indexed by RejectReason

  uint64_t rejected_spans() const;
  // For partial_success.error_message; empty when nothing was rejected.
  std::string rejection_message() const;
};

Result<DecodedTraces> decode_traces(std::shared_ptr<const std::string> request_bytes,
                                    const DecodeLimits& limits = {});
// OTLP/JSON (proto3 JSON with hex ids): transcoded to protobuf, then decoded as above. A fault
// names the field ("resourceSpans[0].scopeSpans[0].spans[3].kind") or, for text that is not JSON, the byte.
Result<DecodedTraces> decode_traces_json(std::string_view json, const DecodeLimits& limits = {});
// The transcoding alone: an ExportTraceServiceRequest in protobuf.
Result<std::string> transcode_traces_json(std::string_view json);

}  // namespace sightline::wire::otlp
