#pragma once
// Functions of one series' samples inside one window: rate() and its family,
// *_over_time, regressions.
//   Threads  pure but for the annotations, which take any thread.
//   Source   spec: counters and gauges over ranges; rate / increase / delta.
#include <string>

#include "promql/annotations.h"
#include "promql/functions/range_window.h"
#include "promql/syntax/function_table.h"

namespace sightline::promql {

// What a range function knows besides the samples.
struct RangeCallContext {
  FunctionId function{};
  PositionRange at;        // of the range vector argument
  PositionRange param_at;  // of the first scalar argument
  const WindowPlan& plan;
  Annotations& annotations;
  int64_t step_time_ms = 0;  // of the step being evaluated
  double param = 0;          // φ, seconds ahead, smoothing factor
  double second_param = 0;   // trend factor
  std::string_view metric;   // name of the series
};

// rate, increase, delta with extrapolation to the window's edges.
Cell extrapolated_rate(const Window& w, const RangeCallContext& call);
Cell instant_rate(const Window& w, const RangeCallContext& call);  // irate, idelta

// Every function of a range vector but the rate family.
Cell over_time(const Window& w, const RangeCallContext& call);

// A sample of a counter, and since when it counts; 0: unknown.
struct CountedSince {
  int64_t time = 0;
  int64_t start = 0;
};
// Does the start of one sample say that the counter began anew after the one before it?
bool start_says_reset(const CountedSince& before, const CountedSince& after);

// What a start timestamp says of the step from sample i - 1 to i of a counter.
enum class StartTimeVerdict : uint8_t {
  kNothing,
  kReset,
  kOverlap
};  // kOverlap: it lies before the sample before it
StartTimeVerdict start_time_verdict(std::span<const int64_t> times,
                                    std::span<const int64_t> created, size_t i);

// Says that a counter function meets a float series that is not named like a counter.
void check_counter_name(const model::Labels& labels, const RangeCallContext& call);

}  // namespace sightline::promql
