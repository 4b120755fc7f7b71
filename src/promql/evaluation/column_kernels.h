#pragma once
// The innermost loops over samples and steps, each simple enough for the compiler to work on several values at once.
//   Results  those of the same steps taken one by one.
#include <cstddef>
#include <cstdint>
#include <span>

namespace sightline::promql {

bool any_nan(std::span<const double> values);
// Is some value lower than the one before it?
bool any_fall(std::span<const double> values);

// sums[i] += values[i], and what rounding loses of it goes to lost[i] (see CompensatedSum).
void add_compensated(std::span<const double> values, double* sums, double* lost);

// Where windows lie, and what stretches the change of each to the window's edges; one entry per step.
struct StretchedWindows {
  std::span<const uint32_t> from;  // first sample of each window, which has two or more
  std::span<const uint32_t> to;    // one behind its last
  const double* factor = nullptr;
  const double* sampled = nullptr;   // seconds between first and last sample
  const double* to_start = nullptr;  // seconds from there to the edge
};
// out[i] = the change over window i times its factor. `lost` (null: nothing) is what resets took away up to each sample.
// True when a counter may reach zero within some window: then its factor is another.
bool stretched_changes(const StretchedWindows& windows, const double* values, const double* lost,
                       double* out);

}  // namespace sightline::promql
