#pragma once
// ExportMetricsServiceRequest bytes, point by point to a sink, in place.
//   Ownership  every view points into the request bytes; a DataPoint is reused for the next.
//   Lenient    unknown fields are skipped; attribute values nested deeper than 32 are empty.
//   Errors     kInvalidArgument when the bytes are no such message; a sink's error is passed on.
//   Limits     linear in the bytes, which the caller bounds.
//   Threads    pure functions.
//   Source     opentelemetry-proto 1.x, metrics/v1.
#include <string>
#include <string_view>

#include "model/metric_points.h"
#include "wire/otlp/responses.h"

namespace sightline::wire::otlp {

Status decode_metrics(std::string_view protobuf, model::MetricsSink& sink);
// OTLP/JSON as protobuf; a fault names the field.
Result<std::string> transcode_metrics_json(std::string_view json);

}  // namespace sightline::wire::otlp
