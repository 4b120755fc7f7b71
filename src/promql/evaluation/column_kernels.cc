#include "promql/evaluation/column_kernels.h"

#include <cmath>
#include <limits>

// One loop each, for whoever can do several of its rounds at once.
#if defined(__GNUC__) && !defined(__clang__)
#define SIGHTLINE_VECTORIZED [[gnu::optimize("O3")]]
#else
#define SIGHTLINE_VECTORIZED
#endif

namespace sightline::promql {

SIGHTLINE_VECTORIZED bool any_nan(std::span<const double> values) {
  const double* v = values.data();
  const size_t n = values.size();
  int64_t found = 0;
  for (size_t i = 0; i < n; ++i) found |= v[i] != v[i] ? 1 : 0;
  return found != 0;
}

SIGHTLINE_VECTORIZED bool any_fall(std::span<const double> values) {
  const double* v = values.data();
  const size_t n = values.size();
  int64_t found = 0;
  for (size_t i = 1; i < n; ++i) found |= v[i] < v[i - 1] ? 1 : 0;
  return found != 0;
}

SIGHTLINE_VECTORIZED void add_compensated(std::span<const double> values, double* __restrict sums,
                                          double* __restrict lost) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  const double* __restrict v = values.data();
  const size_t n = values.size();
  for (size_t i = 0; i < n; ++i) {
    const double sum = sums[i];
    const double total = sum + v[i];
    const bool sum_is_larger = std::fabs(sum) >= std::fabs(v[i]);
    const double larger = sum_is_larger ? sum : v[i];
    const double smaller = sum_is_larger ? v[i] : sum;
    const double more = lost[i] + ((larger - total) + smaller);
    lost[i] = std::fabs(total) > kLargest ? 0 : more;
    sums[i] = total;
  }
}

SIGHTLINE_VECTORIZED bool stretched_changes(const StretchedWindows& windows,
                                            const double* __restrict values,
                                            const double* __restrict lost, double* __restrict out) {
  // A counter is mostly so far above zero that no division is needed to see that it does not reach it.
  constexpr double kClear = 1.000001;
  const uint32_t* __restrict from = windows.from.data();
  const uint32_t* __restrict to = windows.to.data();
  const size_t n = windows.from.size();
  int64_t near_zero = 0;
  for (size_t i = 0; i < n; ++i) {
    const double first = values[from[i]];
    double change = values[to[i] - 1] - first;
    if (lost != nullptr) change += lost[to[i] - 1] - lost[from[i]];
    out[i] = change * windows.factor[i];
    const bool clear = windows.sampled[i] * first > windows.to_start[i] * change * kClear;
    near_zero |= change > 0 && first >= 0 && !clear ? 1 : 0;
  }
  return near_zero != 0;
}

}  // namespace sightline::promql
