#pragma once
// The anchored and smoothed modifiers: windows with a value at both edges,
// picked from the nearest sample or interpolated between two.
//   Source  spec: PromQL anchored / smoothed.
#include "promql/range_window.h"

namespace sightline::promql {

// The samples of the window that ends at `end_ms`, with one at each edge. Empty
// when nothing lies right of the left edge. `is_counter` interpolates over a reset from 0.
tsdb::SampleColumns extended_samples(const tsdb::SampleColumns& samples, const WindowPlan& plan, int64_t end_ms,
                                     bool is_counter);
// `x smoothed` at t: between the two samples around it, at most `lookback` away.
Cell smoothed_instant(const tsdb::SampleColumns& samples, int64_t t, int64_t lookback);

}  // namespace sightline::promql
