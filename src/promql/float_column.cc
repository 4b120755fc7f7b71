#include "promql/float_column.h"

#include <algorithm>
#include <cmath>

#include "promql/compensated_sum.h"

namespace sightline::promql {
namespace {

using tsdb::SampleColumns;

// Moves `at` to the first time after `bound`. Samples that keep their distance let the same stride serve
// from step to step.
inline void advance(const int64_t* times, uint32_t n, int64_t bound, uint32_t& at,
                    uint32_t& stride) {
  const uint32_t guess = at + stride;
  if (guess > at && guess < n && times[guess - 1] <= bound && times[guess] > bound) {
    at = guess;
    return;
  }
  const uint32_t before = at;
  while (at < n && times[at] <= bound) ++at;
  stride = at - before;
}

// The windows of all steps.
void find_windows(const SampleColumns& s, const WindowPlan& plan, const StepGrid& grid,
                  ColumnScratch& scratch) {
  scratch.from.resize(grid.count);
  scratch.to.resize(grid.count);
  const int64_t* times = s.times.data();
  const auto n = static_cast<uint32_t>(s.times.size());
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t from_stride = 0;
  uint32_t to_stride = 0;
  for (size_t step = 0; step < grid.count; ++step) {
    const int64_t end = plan.end_at(grid.at(step));
    advance(times, n, end, to, to_stride);
    advance(times, n, end - plan.range_ms, from, from_stride);
    scratch.from[step] = from;
    scratch.to[step] = to;
  }
}

// Fills scratch.lost; nothing when there was no reset. False: not a matter of adding up.
bool find_resets(const SampleColumns& s, ColumnScratch& scratch) {
  scratch.lost.clear();
  const double* v = s.values.data();
  const size_t n = s.values.size();
  bool any = false;
  for (size_t i = 1; i < n; ++i) any |= v[i] < v[i - 1];
  const bool starts = !s.created.empty();
  if (!any && !starts) return true;
  scratch.lost.resize(n);
  double lost = 0;
  for (size_t i = 1; i < n; ++i) {
    const StartTimeVerdict verdict =
        starts ? start_time_verdict(s.times, s.created, i) : StartTimeVerdict::kNothing;
    if (verdict == StartTimeVerdict::kOverlap) return false;  // to be complained about, by window
    if (v[i] < v[i - 1] || verdict == StartTimeVerdict::kReset) lost += v[i - 1];
    scratch.lost[i] = lost;
  }
  return std::isfinite(lost);
}

// The part of extrapolation that depends on times alone. Samples of one target keep their distances, so the
// last answer usually serves again.
class Stretch {
 public:
  struct Edges {
    int64_t to_start_ms, sampled_ms, to_end_ms;
    uint32_t count;
    bool operator==(const Edges&) const = default;
  };

  explicit Stretch(double per_second) : per_second_(per_second) {}

  void at(const Edges& e) {
    if (e == edges_) return;
    edges_ = e;
    sampled_ = static_cast<double>(e.sampled_ms) / 1000;
    const double average = sampled_ / static_cast<double>(e.count - 1);
    const double threshold = average * 1.1;
    to_start_ = static_cast<double>(e.to_start_ms) / 1000;
    to_end_ = static_cast<double>(e.to_end_ms) / 1000;
    if (to_start_ >= threshold) to_start_ = average / 2;
    if (to_end_ >= threshold) to_end_ = average / 2;
    factor_ = (sampled_ + to_start_ + to_end_) / sampled_ / per_second_;
  }
  double factor() const { return factor_; }
  // For a counter, which may not reach below zero. Most are so far above it that no division is needed to see that.
  double factor_from(double first, double change) const {
    constexpr double kClear = 1.000001;
    if (!(change > 0 && first >= 0) || sampled_ * first > to_start_ * change * kClear)
      return factor_;
    const double to_zero = sampled_ * (first / change);
    return to_zero < to_start_ ? (sampled_ + to_zero + to_end_) / sampled_ / per_second_ : factor_;
  }

 private:
  double per_second_;
  double sampled_ = 0, to_start_ = 0, to_end_ = 0, factor_ = 0;
  Edges edges_{-1, -1, -1, 0};
};

struct RateKind {
  bool counter = false;
  double per_second = 1;
};

// One window by itself, when a start timestamp lies in it: the sample has a zero before it.
double rate_from_start(const SampleColumns& s, uint32_t a, uint32_t b, double change,
                       const RateKind& kind, int64_t end) {
  const int64_t first = s.times[a];
  const int64_t last = s.times[b - 1];
  const double covered = static_cast<double>(last - s.created[a]) / 1000;
  const double average =
      b - a > 1 ? static_cast<double>(last - first) / 1000 / static_cast<double>(b - a - 1) : 0;
  double to_end = static_cast<double>(end - last) / 1000;
  if (to_end >= average * 1.1) to_end = average / 2;
  return (change + s.values[a]) * ((covered + to_end) / covered / kind.per_second);
}

bool rate_column(const SampleColumns& s, const WindowPlan& plan, const RateKind& kind,
                 const StepGrid& grid, ColumnScratch& scratch, Series& out) {
  scratch.lost.clear();
  if (kind.counter && !find_resets(s, scratch)) return false;
  const int64_t* times = s.times.data();
  const double* values = s.values.data();
  const double* lost = scratch.lost.empty() ? nullptr : scratch.lost.data();
  const bool starts = kind.counter && !s.created.empty();
  Stretch stretch(kind.per_second);
  for (size_t step = 0; step < grid.count; ++step) {
    const uint32_t a = scratch.from[step];
    const uint32_t b = scratch.to[step];
    if (a == b) continue;
    const int64_t end = plan.end_at(grid.at(step));
    const int64_t start = end - plan.range_ms;
    double change = values[b - 1] - values[a];
    if (lost != nullptr) change += lost[b - 1] - lost[a];
    if (starts && s.created[a] != 0 && s.created[a] > start && s.created[a] < times[a]) {
      out.set_float(step, rate_from_start(s, a, b, change, kind, end));
      continue;
    }
    if (b - a < 2) continue;
    stretch.at({times[a] - start, times[b - 1] - times[a], end - times[b - 1], b - a});
    out.set_float(
        step, change * (kind.counter ? stretch.factor_from(values[a], change) : stretch.factor()));
  }
  return true;
}

// The extreme of each window in one pass: a queue holds those that may yet become it. NaN only where all are.
void extreme_column(const SampleColumns& s, bool lowest, const StepGrid& grid,
                    ColumnScratch& scratch, Series& out) {
  auto& queue = scratch.queue;
  queue.clear();
  size_t head = 0;
  uint32_t next = 0;
  for (size_t step = 0; step < grid.count; ++step) {
    const uint32_t a = scratch.from[step];
    const uint32_t b = scratch.to[step];
    for (; next < b; ++next) {
      const double v = s.values[next];
      if (std::isnan(v)) continue;
      while (queue.size() > head &&
             (lowest ? v < s.values[queue.back()] : v > s.values[queue.back()]))
        queue.pop_back();
      queue.push_back(next);
    }
    while (head < queue.size() && queue[head] < a) ++head;
    if (a == b) continue;
    out.set_float(step, head < queue.size() ? s.values[queue[head]] : std::nan(""));
  }
}

template <typename State>
void total_column(const SampleColumns& s, const StepGrid& grid, const ColumnScratch& scratch,
                  Series& out) {
  for (size_t step = 0; step < grid.count; ++step) {
    const uint32_t a = scratch.from[step];
    const uint32_t b = scratch.to[step];
    if (a == b) continue;
    State state;
    for (uint32_t i = a; i < b; ++i) state.add(s.values[i]);
    out.set_float(step, state.value());
  }
}

// What depends on a window's bounds alone.
template <typename Pick>
void bounds_column(const StepGrid& grid, const ColumnScratch& scratch, Series& out, Pick pick) {
  for (size_t step = 0; step < grid.count; ++step)
    if (scratch.from[step] < scratch.to[step])
      out.set_float(step, pick(scratch.from[step], scratch.to[step]));
}

}  // namespace

bool float_column(const RangeCallContext& call, const SampleColumns& s, const StepGrid& grid,
                  ColumnScratch& scratch, Series& out) {
  find_windows(s, call.plan, grid, scratch);
  bool done = true;
  const double seconds = static_cast<double>(call.plan.range_ms) / 1000;
  switch (call.function) {
    case FunctionId::kRate:
      done = rate_column(s, call.plan, {true, seconds}, grid, scratch, out);
      break;
    case FunctionId::kIncrease:
      done = rate_column(s, call.plan, {true, 1}, grid, scratch, out);
      break;
    case FunctionId::kDelta:
      done = rate_column(s, call.plan, {false, 1}, grid, scratch, out);
      break;
    case FunctionId::kMinOverTime: extreme_column(s, true, grid, scratch, out); break;
    case FunctionId::kMaxOverTime: extreme_column(s, false, grid, scratch, out); break;
    case FunctionId::kSumOverTime: total_column<CompensatedSum>(s, grid, scratch, out); break;
    case FunctionId::kAvgOverTime: total_column<CompensatedMean>(s, grid, scratch, out); break;
    case FunctionId::kCountOverTime:
      bounds_column(grid, scratch, out,
                    [](uint32_t a, uint32_t b) { return static_cast<double>(b - a); });
      break;
    case FunctionId::kPresentOverTime:
      bounds_column(grid, scratch, out, [](uint32_t, uint32_t) { return 1.0; });
      break;
    case FunctionId::kLastOverTime:
      bounds_column(grid, scratch, out, [&](uint32_t, uint32_t b) { return s.values[b - 1]; });
      break;
    case FunctionId::kFirstOverTime:
      bounds_column(grid, scratch, out, [&](uint32_t a, uint32_t) { return s.values[a]; });
      break;
    default: done = false;
  }
  return done;
}

}  // namespace sightline::promql
