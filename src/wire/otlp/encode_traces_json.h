#pragma once
// A SpanBatch as OTLP/JSON: TracesData, as exporters send it to /v1/traces and write it to files.
//   Form      ids in hex, 64-bit integers as strings, enums as numbers, bytes in base64; fields with their default value are left out.
//   Order     spans are grouped by resource and scope, in batch order within each.
//   Threads   pure function.
//   Source    OTLP 1.x, "JSON Protobuf Encoding"; proto3 JSON mapping.
#include <string>

#include "model/span_batch.h"

namespace sightline::wire::otlp {

std::string encode_traces_json(const model::SpanBatch& batch);

}  // namespace sightline::wire::otlp
