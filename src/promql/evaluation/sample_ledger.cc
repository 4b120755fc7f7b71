#include "promql/evaluation/sample_ledger.h"

#include <algorithm>

namespace sightline::promql {

uint64_t sample_weight(const model::Histogram& h) {
  constexpr uint64_t kFixedBytes = 168 + 8;  // the peer's struct, and the time beside it
  constexpr uint64_t kBytesPerSample = 16;
  const uint64_t elements = h.positive_spans.size() + h.negative_spans.size() +
                            h.positive_buckets.size() + h.negative_buckets.size() +
                            h.custom_values.size();
  return (kFixedBytes + 8 * elements) / kBytesPerSample;
}

SampleLedger::SampleLedger(const StepGrid& grid, StepCounts counts) : grid_(grid), counts_(counts) {
  if (each_step()) steps_.resize(grid.count);
}

void SampleLedger::add_total(SampleCount count) {
  queried_.fetch_add(count.queried, std::memory_order_relaxed);
  read_.fetch_add(count.read, std::memory_order_relaxed);
}

void SampleLedger::add_at(size_t step, SampleCount count) {
  add_total(count);
  if (!each_step()) return;
  steps_[step].queried += count.queried;
  steps_[step].read += count.read;
}

void SampleLedger::note_points(const Series& series) {
  if (!each_step() && series.histograms.empty()) {
    const uint64_t n = series.count();
    return add_total({n, n});
  }
  std::vector<SampleCount> counts(series.cells.size());
  for (size_t step = 0; step < counts.size(); ++step) {
    if (!series.has(step)) continue;
    const uint64_t n = series.is_float(step) ? 1 : sample_weight(*series.histograms[step]);
    counts[step] = {n, n};
  }
  note_steps(counts);
}

void SampleLedger::note_windows(SampleCount total, std::span<const uint32_t> from,
                                std::span<const uint32_t> to) {
  add_total(total);
  if (!each_step()) return;
  const std::lock_guard lock(mutex_);
  uint32_t seen = 0;  // samples before this one have been read
  for (size_t step = 0; step < from.size(); ++step) {
    steps_[step].queried += to[step] - from[step];
    steps_[step].read += to[step] - std::max(from[step], std::min(seen, to[step]));
    seen = std::max(seen, to[step]);
  }
}

void SampleLedger::note_steps(std::span<const SampleCount> counts) {
  SampleCount total;
  for (const SampleCount& count : counts) {
    total.queried += count.queried;
    total.read += count.read;
  }
  add_total(total);
  if (!each_step()) return;
  const std::lock_guard lock(mutex_);
  for (size_t step = 0; step < counts.size(); ++step) {
    steps_[step].queried += counts[step].queried;
    steps_[step].read += counts[step].read;
  }
}

void SampleLedger::add(const SampleLedger& other) {
  note_series(other.series());
  if (other.steps_.empty()) return add_total(other.total());
  for (size_t step = 0; step < other.steps_.size(); ++step) add_at(step, other.steps_[step]);
}

void SampleLedger::add_invariant(const SampleLedger& child) {
  note_series(child.series());
  const SampleCount each = child.total();
  for (size_t step = 0; step < grid_.count; ++step)
    add_at(step, {each.queried, step == 0 ? each.read : 0});
}

void SampleLedger::add_subquery(const SampleLedger& child, const SubqueryUse& use) {
  note_series(child.series());
  if (grid_.count <= 1) return add_at(0, child.total());
  const auto time_of = [&](size_t inner) { return child.grid_.at(inner) + use.offset_ms; };
  const size_t inner_count = child.steps_.size();
  uint64_t queried = 0;  // at the inner steps from `from` to `to`
  size_t from = 0;
  size_t to = 0;
  size_t seen = 0;
  for (size_t step = 0; step < grid_.count; ++step) {
    const int64_t end = use.at_ms.value_or(grid_.at(step));
    while (to < inner_count && time_of(to) <= end) queried += child.steps_[to++].queried;
    while (from < to && time_of(from) <= end - use.range_ms)
      queried -= child.steps_[from++].queried;
    uint64_t read = 0;
    for (seen = std::max(seen, from); seen < to; ++seen) read += child.steps_[seen].read;
    add_at(step, {queried, read});
  }
}

}  // namespace sightline::promql
