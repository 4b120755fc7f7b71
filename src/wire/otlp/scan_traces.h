#pragma once
// A walk over an ExportTraceServiceRequest that counts and checks, and keeps nothing: for requests that go on as they came.
//   Checked   every message down to the fields of each span, and what decode_traces() rejects spans for. What lies inside
//             attributes, events and links is checked by whoever reads it.
//   Nothing   when the bytes are malformed, or a span would be rejected, or there are more than may be: then decode_traces()
//             says what is wrong, or what is left.
//   Threads   pure functions; views point into the request.
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/otlp/decode_traces.h"

namespace sightline::wire::otlp {

struct ScannedTraces {
  uint64_t spans = 0;
  // Of each resource that has spans: its service.name, or empty, and how many.
  std::vector<std::pair<std::string_view, uint64_t>> services;
};

std::optional<ScannedTraces> scan_traces(std::string_view request, const DecodeLimits& limits = {});

}  // namespace sightline::wire::otlp
