#pragma once
// OpenTelemetry's consistent probability sampling, as a span's tracestate carries it:
// "ot=th:c;rv:1234567890abcd". A span was kept when its randomness is not below the threshold;
// so it stands for 2^56 / (2^56 - threshold) spans.
//   Errors    a tracestate that breaks the rules of W3C or of `ot` is kInvalidArgument.
//   Threads   values.
//   Source    OpenTelemetry, "TraceState: Probability Sampling"; W3C Trace Context, "tracestate".
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace sightline::model {

inline constexpr uint64_t kSamplingRange = 1ull << 56;    // thresholds and randomness lie below
inline constexpr uint64_t kNeverSample = kSamplingRange;  // as a threshold
inline constexpr uint64_t kAlwaysSample = 0;

struct SamplingState {
  std::optional<uint64_t> threshold;                          // th
  std::optional<uint64_t> randomness;                         // rv
  std::vector<std::pair<std::string, std::string>> other_ot;  // further members of ot, in order
  std::vector<std::pair<std::string, std::string>> other_vendors;  // further vendors, in order

  static Result<SamplingState> parse(std::string_view trace_state);
  std::string text() const;
};

// The last 56 bits of a trace id (W3C Trace Context level 2).
uint64_t randomness_of(const TraceId& id);
// The threshold that keeps this part (2^-56 to 1) of all traces, rounded to `precision` hexadecimal digits (0: all 14).
uint64_t threshold_of_probability(double probability, uint32_t precision);
double probability_of_threshold(uint64_t threshold);

}  // namespace sightline::model
