#pragma once
// Which input series fed each series of a result, and at which steps.
//   Meaning     at a step where a result has a value, it was fed by the sources whose `steps` have that
//               step. Grid: the query's own (QueryResult::grid).
//   Inputs      a source names an entry of QueryResult::inputs: one series of one selector of the query. The
//               same series read by two selectors is two inputs.
//   What feeds  operands of arithmetic, both sides of `and`, the left side of `unless`, members of a group,
//               the buckets of a quantile, what scalar() read. Not: parameters such as k and φ, info() series, and
//               what absent() missed.
//   Cost        a list per series; steps take memory only where values have gaps.
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/labels.h"

namespace sightline::promql {

// One series as one selector read it. It fed a step at time t with its samples in
// (T - offset - window, T - offset], where T is `at_ms`, or without one t.
struct QueryInput {
  model::Labels labels;
  int64_t window_ms = 0;  // lookback or range, and what subqueries around it add
  int64_t offset_ms = 0;
  std::optional<int64_t> at_ms;
};

// A set of steps; all of them takes no memory. Copies share.
class StepSet {
 public:
  StepSet() = default;  // all
  // The steps below `count` for which has(step) holds.
  template <typename Has>
  static StepSet where(size_t count, Has has) {
    std::vector<uint64_t> bits((count + 63) / 64);
    bool all = true;
    for (size_t step = 0; step < count; ++step) {
      if (has(step))
        bits[step / 64] |= uint64_t{1} << (step % 64);
      else
        all = false;
    }
    return all ? StepSet() : StepSet(std::move(bits));
  }

  bool has(size_t step) const {
    return !bits_ || (step / 64 < bits_->size() && ((*bits_)[step / 64] >> (step % 64) & 1) != 0);
  }
  bool is_all() const { return bits_ == nullptr; }
  bool empty() const;
  StepSet intersected(const StepSet& other) const;
  StepSet united(const StepSet& other) const;

 private:
  explicit StepSet(std::vector<uint64_t> bits)
      : bits_(std::make_shared<const std::vector<uint64_t>>(std::move(bits))) {}
  std::shared_ptr<const std::vector<uint64_t>> bits_;  // null: all
};

struct SeriesSource {
  uint32_t input = 0;  // index into QueryResult::inputs
  StepSet steps;
};
using Sources = std::vector<SeriesSource>;  // ascending by input, each once

// Gathers the sources of what is combined into one series.
class SourceUnion {
 public:
  // Only where `present` has a step.
  void add(const Sources& sources, const StepSet& present);
  Sources take();

 private:
  Sources all_;
};

}  // namespace sightline::promql
