#pragma once
// How many samples a query looked at, in all and at each step of a grid.
//   Units     a float counts as one sample, a native histogram as so many as it takes memory for, as the peer counts.
//   Meaning   `queried`: what each step would have looked at by itself, so that overlapping windows count their common
//             samples again; `read`: the same samples once.
//   Threads   note_...() from any; the rest from one, while no note is being made.
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "promql/value.h"

namespace sightline::promql {

uint64_t sample_weight(const model::Histogram& histogram);

struct SampleCount {
  uint64_t queried = 0;
  uint64_t read = 0;
};

enum class StepCounts : uint8_t { kTotalOnly, kEachStep };

// How an expression consumes what a subquery in it evaluates at each of its steps.
struct SubqueryUse {
  int64_t offset_ms = 0;
  int64_t range_ms = 0;
  std::optional<int64_t> at_ms;
};

class SampleLedger {
 public:
  SampleLedger(const StepGrid& grid, StepCounts counts);

  // A series of an instant vector: what it has at a step was looked at there.
  void note_points(const Series& series);
  // A series of a range vector without histograms: the windows [from, to) of all steps, and what they hold together.
  void note_windows(SampleCount total, std::span<const uint32_t> from,
                    std::span<const uint32_t> to);
  // Any series: one count per step.
  void note_steps(std::span<const SampleCount> counts);
  void note_series(uint64_t count) { series_.fetch_add(count, std::memory_order_relaxed); }

  // Over the same grid.
  void add(const SampleLedger& other);
  // `child` was evaluated at one step and its value serves all of ours.
  void add_invariant(const SampleLedger& child);
  // `child` has counts for each of its steps.
  void add_subquery(const SampleLedger& child, const SubqueryUse& use);

  StepCounts step_counts() const { return counts_; }
  SampleCount total() const { return {queried_.load(), read_.load()}; }
  uint64_t series() const { return series_.load(); }
  // One for each step, or empty.
  std::vector<SampleCount> take_steps() { return std::move(steps_); }

 private:
  bool each_step() const { return counts_ == StepCounts::kEachStep; }
  void add_at(size_t step, SampleCount count);
  void add_total(SampleCount count);

  const StepGrid grid_;
  const StepCounts counts_;
  std::atomic<uint64_t> queried_{0};
  std::atomic<uint64_t> read_{0};
  std::atomic<uint64_t> series_{0};
  std::mutex mutex_;
  std::vector<SampleCount> steps_;  // guarded by mutex_; empty unless counted
};

}  // namespace sightline::promql
