#pragma once
// A whole trace as Tempo's trace-by-id answers carry it, in JSON and protobuf.
//   JSON      proto3 JSON as Tempo's marshaller writes it: ids in base64, enum names,
//             64-bit integers as strings, zero and empty fields left out. (OTLP/JSON differs: hex ids.)
//   Invalid UTF-8 in strings becomes U+FFFD in JSON.
//   Threads   pure functions.
//   Source    tempopb.Trace, tempopb.TraceByIDResponse; opentelemetry-proto trace/v1.
#include <cstdint>
#include <string>
#include <string_view>

#include "model/span_batch.h"

namespace sightline::wire::tempo {

// {"batches":[...]}: GET /api/traces/{id}.
std::string trace_json_v1(const model::SpanBatch& trace);
// {"trace":{"resourceSpans":[...]},"metrics":{"inspectedBytes":"n"}}: GET /api/v2/traces/{id}.
// Without spans: {"trace":{},"metrics":{}}. `partial` says why not the whole trace is shown: then the answer ends with
// "status":"PARTIAL" and it as the message; empty: it is whole.
std::string trace_json_v2(const model::SpanBatch& trace, uint64_t inspected_bytes,
                          std::string_view partial = {});

// Trace{resourceSpans=1}, the bytes of OTLP's TracesData.
std::string trace_protobuf_v1(const model::SpanBatch& trace);
// TraceByIDResponse{trace=1, metrics=2{inspectedBytes=1}, status=3, message=4}.
std::string trace_protobuf_v2(const model::SpanBatch& trace, uint64_t inspected_bytes,
                              std::string_view partial = {});

// One AnyValue: {"stringValue":"x"}, {"intValue":"5"}, {} for an empty one. For search answers, too.
void append_value_json(std::string& out, const model::ValueView& value);

}  // namespace sightline::wire::tempo
