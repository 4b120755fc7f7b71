#pragma once
// Range vectors as functions see them: one series' samples, and a window that
// slides over them from step to step.
//   Invariants  no stale markers; times ascending.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "promql/value.h"
#include "tsdb/querier.h"

namespace sightline::promql {

struct RangeSeries {  // kept from series to series: its arrays keep their memory
  model::Labels labels;
  bool drop_name = false;
  Sources sources;
  tsdb::SampleColumns samples;
};

// Where a window lies at each step: (end - range, end].
struct WindowPlan {
  int64_t range_ms = 0;
  int64_t offset_ms = 0;
  bool fixed = false;    // @: the same window at every step
  int64_t fixed_ms = 0;  // its end before the offset
  bool anchored = false;
  bool smoothed = false;
  int64_t lookback_ms = 0;  // how far anchored and smoothed look beyond the window
  int64_t end_at(int64_t step_time_ms) const {
    return (fixed ? fixed_ms : step_time_ms) - offset_ms;
  }
  // What is looked at for the window that ends at `end`: (first, last].
  struct Reach {
    int64_t first, last;
  };
  Reach reach(int64_t end) const {
    return {end - range_ms - (anchored || smoothed ? lookback_ms : 0),
            end + (smoothed ? lookback_ms : 0)};
  }
};

// The series of a range vector. load() replaces what its RangeSeries held, and may be called from several threads.
struct RangeSource {
  WindowPlan plan;
  size_t series_count = 0;
  bool is_subquery = false;  // what it looked at is counted
  std::function<Status(size_t, RangeSeries&)> load;
  std::function<const model::Labels&(size_t)> labels;
};

// The samples of one series inside one window.
struct Window {
  std::span<const int64_t> times;
  std::span<const double> values;
  std::span<const int64_t> created;  // empty when unknown
  std::span<const int64_t> histogram_times;
  std::span<const HistogramPtr> histograms;
  std::span<const int64_t> histogram_created;
  int64_t start_ms = 0;  // exclusive
  int64_t end_ms = 0;
  bool empty() const { return times.empty() && histogram_times.empty(); }
};

// Slides over one series; ends must not decrease.
class WindowCursor {
 public:
  explicit WindowCursor(const tsdb::SampleColumns& samples) : samples_(samples) {}
  Window move_to(int64_t start_ms, int64_t end_ms);

 private:
  const tsdb::SampleColumns& samples_;
  size_t from_ = 0, to_ = 0;
  size_t histogram_from_ = 0, histogram_to_ = 0;
};

void drop_stale(tsdb::SampleColumns& samples);

}  // namespace sightline::promql
