#pragma once
// A SpanBatch as protobuf: for the WAL when the batch has no `encoded`, for OTLP
// export, and for answers that carry OTLP traces.
//   Source  ExportTraceServiceRequest and TracesData have the same bytes.
#include <span>
#include <string>

#include "model/span_batch.h"

namespace sightline::wire::otlp {

// Spans are grouped by resource and scope, in batch order within each. A message the batch still
// holds in encoded form is copied, any other is written from the views.
std::string encode_traces(const model::SpanBatch& batch);
// The same for some of the batch's spans only; `spans` holds indexes into batch.spans.
std::string encode_traces(const model::SpanBatch& batch, std::span<const uint32_t> spans);

// One KeyValue message, without tag and length.
std::string encode_attribute(const model::AttributeView& attribute);

}  // namespace sightline::wire::otlp
