#include "promql/evaluation/float_column.h"

#include <algorithm>
#include <cmath>

#include "promql/evaluation/column_kernels.h"
#include "promql/functions/compensated_sum.h"

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

// The windows of all steps; those found for the series before when its times were the same.
void find_windows(const SampleColumns& s, const WindowPlan& plan, const StepGrid& grid,
                  ColumnWindows& windows) {
  if (windows.from.size() == grid.count && windows.times == s.times) return;
  windows.times = s.times;
  windows.factor.clear();
  windows.from.resize(grid.count);
  windows.to.resize(grid.count);
  windows.samples = {};
  windows.each_has_two = true;
  const int64_t* times = s.times.data();
  const auto n = static_cast<uint32_t>(s.times.size());
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t seen = 0;  // samples before this one have been read
  uint32_t from_stride = 0;
  uint32_t to_stride = 0;
  for (size_t step = 0; step < grid.count; ++step) {
    const int64_t end = plan.end_at(grid.at(step));
    advance(times, n, end, to, to_stride);
    advance(times, n, end - plan.range_ms, from, from_stride);
    windows.from[step] = from;
    windows.to[step] = to;
    windows.samples.queried += to - from;
    windows.samples.read += to - std::max(from, seen);
    windows.each_has_two = windows.each_has_two && to - from >= 2;
    seen = to;
  }
}

// Fills scratch.lost; nothing when there was no reset. False: not a matter of adding up.
bool find_resets(const SampleColumns& s, ColumnScratch& scratch) {
  scratch.lost.clear();
  const double* v = s.values.data();
  const size_t n = s.values.size();
  const bool any = any_fall(s.values);
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

struct RateKind {
  bool counter = false;
  double per_second = 1;
};

// The part of extrapolation that depends on times alone.
void find_stretches(const WindowPlan& plan, const StepGrid& grid, double per_second,
                    ColumnWindows& windows) {
  if (windows.factor.size() == grid.count) return;
  for (auto* column : {&windows.factor, &windows.sampled, &windows.to_start, &windows.to_end})
    column->resize(grid.count);
  for (size_t step = 0; step < grid.count; ++step) {
    const uint32_t a = windows.from[step];
    const uint32_t b = windows.to[step];
    if (b - a < 2) continue;
    const int64_t end = plan.end_at(grid.at(step));
    const int64_t first = windows.times[a];
    const int64_t last = windows.times[b - 1];
    const double sampled = static_cast<double>(last - first) / 1000;
    const double average = sampled / static_cast<double>(b - a - 1);
    const double threshold = average * 1.1;
    double to_start = static_cast<double>(first - (end - plan.range_ms)) / 1000;
    double to_end = static_cast<double>(end - last) / 1000;
    if (to_start >= threshold) to_start = average / 2;
    if (to_end >= threshold) to_end = average / 2;
    windows.sampled[step] = sampled;
    windows.to_start[step] = to_start;
    windows.to_end[step] = to_end;
    windows.factor[step] = (sampled + to_start + to_end) / sampled / per_second;
  }
}

// The factor of a counter, which may not reach below zero.
double factor_above_zero(const ColumnWindows& windows, size_t step, double first, double change,
                         double per_second) {
  const double sampled = windows.sampled[step];
  if (!(change > 0 && first >= 0)) return windows.factor[step];
  const double to_zero = sampled * (first / change);
  if (to_zero >= windows.to_start[step]) return windows.factor[step];
  return (sampled + to_zero + windows.to_end[step]) / sampled / per_second;
}

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

// One step; a counter's window with a start timestamp in it, or with fewer than two samples, is a case of its own.
void rate_at(const SampleColumns& s, const WindowPlan& plan, const RateKind& kind,
             const StepGrid& grid, const ColumnScratch& scratch, size_t step, Series& out) {
  const uint32_t a = scratch.windows.from[step];
  const uint32_t b = scratch.windows.to[step];
  if (a == b) return;
  double change = s.values[b - 1] - s.values[a];
  if (!scratch.lost.empty()) change += scratch.lost[b - 1] - scratch.lost[a];
  if (kind.counter && !s.created.empty()) {
    const int64_t end = plan.end_at(grid.at(step));
    const int64_t created = s.created[a];
    if (created != 0 && created > end - plan.range_ms && created < s.times[a])
      return out.set_float(step, rate_from_start(s, a, b, change, kind, end));
  }
  if (b - a < 2) return;
  const double factor =
      kind.counter ? factor_above_zero(scratch.windows, step, s.values[a], change, kind.per_second)
                   : scratch.windows.factor[step];
  out.set_float(step, change * factor);
}

bool rate_column(const SampleColumns& s, const WindowPlan& plan, const RateKind& kind,
                 const StepGrid& grid, ColumnScratch& scratch, Series& out) {
  scratch.lost.clear();
  if (kind.counter && !find_resets(s, scratch)) return false;
  ColumnWindows& w = scratch.windows;
  find_stretches(plan, grid, kind.per_second, w);
  if (w.each_has_two && (!kind.counter || s.created.empty())) {
    const bool near_zero = stretched_changes(
        {w.from, w.to, w.factor.data(), w.sampled.data(), w.to_start.data()}, s.values.data(),
        scratch.lost.empty() ? nullptr : scratch.lost.data(), out.floats.data());
    if (!near_zero || !kind.counter) {
      std::ranges::fill(out.cells, CellKind::kFloat);
      return true;
    }
  }
  for (size_t step = 0; step < grid.count; ++step) rate_at(s, plan, kind, grid, scratch, step, out);
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
    const uint32_t a = scratch.windows.from[step];
    const uint32_t b = scratch.windows.to[step];
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
    const uint32_t a = scratch.windows.from[step];
    const uint32_t b = scratch.windows.to[step];
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
    if (scratch.windows.from[step] < scratch.windows.to[step])
      out.set_float(step, pick(scratch.windows.from[step], scratch.windows.to[step]));
}

}  // namespace

bool float_column(const RangeCallContext& call, const SampleColumns& s, const StepGrid& grid,
                  ColumnScratch& scratch, Series& out) {
  find_windows(s, call.plan, grid, scratch.windows);
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
