#pragma once
// The buckets of OTLP's exponential histograms at another scale.
//   Threads  pure functions.
//   Source   OpenTelemetry metrics data model, "ExponentialHistogram", "Exponential Scale".
#include <algorithm>
#include <limits>
#include <utility>

#include "model/metric_points.h"

namespace sightline::pipeline {

// `steps` scales coarser: bucket i, which is (base^i, base^(i+1)], is bucket i >> 1 of the next scale.
inline void coarsen(model::DataPoint::Buckets& b, int32_t steps) {
  if (steps <= 0 || b.counts.empty()) return;
  const int shift = std::min(steps, 31);
  const int64_t first = b.offset;
  model::DataPoint::Buckets out{.offset = static_cast<int32_t>(first >> shift)};
  for (size_t i = 0; i < b.counts.size(); ++i) {
    const auto to = static_cast<size_t>(((first + static_cast<int64_t>(i)) >> shift) - out.offset);
    if (to >= out.counts.size()) out.counts.resize(to + 1);
    out.counts[to] += b.counts[i];
  }
  b = std::move(out);
}

// The whole point, which is not made finer.
inline void coarsen_to(model::DataPoint& point, int32_t scale) {
  // A sender may name any scale: their difference may be more than an int32_t holds.
  const auto steps = static_cast<int32_t>(
      std::clamp<int64_t>(int64_t{point.scale} - scale, 0, std::numeric_limits<int32_t>::max()));
  coarsen(point.positive, steps);
  coarsen(point.negative, steps);
  point.scale = std::min(point.scale, scale);
}

}  // namespace sightline::pipeline
