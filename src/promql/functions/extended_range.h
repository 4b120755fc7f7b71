#pragma once
// The anchored and smoothed modifiers: windows that have a value at both edges,
// picked from the nearest sample or interpolated between two.
//   Source  spec: PromQL anchored / smoothed.
#include "promql/functions/range_functions.h"
#include "promql/functions/range_window.h"

namespace sightline::promql {

// The float samples of the window that ends at `end_ms`, with one at each edge. Empty
// when nothing lies right of the left edge.
tsdb::SampleColumns extended_samples(const tsdb::SampleColumns& samples, const WindowPlan& plan,
                                     int64_t end_ms);

// rate, increase, delta between the edges: no extrapolation.
Cell extended_rate(const tsdb::SampleColumns& samples, const WindowPlan& plan, int64_t end_ms,
                   const RangeCallContext& call);
// resets and changes, from the newest sample at or before the left edge on.
Cell anchored_count(const tsdb::SampleColumns& samples, const WindowPlan& plan, int64_t end_ms,
                    const RangeCallContext& call);

struct SmoothedAt {
  int64_t time_ms = 0;
  int64_t lookback_ms = 0;  // to both sides
  PositionRange position;
  std::string_view metric;
};
// `x smoothed`: between the two samples around a time; the one before it when none follows.
Cell smoothed_instant(const tsdb::SampleColumns& samples, const SmoothedAt& at,
                      Annotations& annotations);

}  // namespace sightline::promql
