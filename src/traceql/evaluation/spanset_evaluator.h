#pragma once
// Evaluates spanset expressions and pipelines over the whole traces of one row group.
//   Errors    kInvalidArgument when spanset operators meet several spansets of one trace.
//   Threads   one.
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "traceql/evaluation/field_evaluator.h"

namespace sightline::traceql {

// What spansets are split by.
struct SplitColumn {
  std::string name;  // "by(name)"
  Column values = Column::constant({});
};

// Spans of one trace that belong together, and what aggregates and by() said of them.
struct SpanGroup {
  uint32_t trace = 0;                                          // index into the row group's traces
  std::vector<uint32_t> rows;                                  // ascending, never empty
  std::vector<std::pair<std::string, OwnedValue>> attributes;  // "count()", "by(name)"
  // What by() said last, to become attributes if the group stays: most do not.
  std::vector<const SplitColumn*> split_by;
};

// How many spans a trace that passes the pipeline has at least.
int64_t least_count(const Pipeline& pipeline);

class SpansetEvaluator {
 public:
  explicit SpansetEvaluator(FieldEvaluator& fields) : fields_(fields) {}

  // The groups that pass every stage, in the order of their traces; `among` says which rows count.
  Result<std::vector<SpanGroup>> pipeline(const Pipeline& pipeline, const RowMask& among);
  // The rows those groups hold; without building groups where no stage needs them.
  Result<RowMask> rows(const Pipeline& pipeline, const RowMask& among);
  Result<RowMask> spanset(const Spanset& spanset, const RowMask& among);

 private:
  Result<RowMask> operation(const Spanset& spanset, const RowMask& among);
  RowMask both_in_trace(const RowMask& left, const RowMask& right);
  RowMask related(SpansetOp op, const RowMask& left, const RowMask& right);
  RowMask below(const RowMask& tops, bool directly);
  RowMask above(const RowMask& bottoms, bool directly);
  RowMask siblings(const RowMask& of);
  // Groups of fewer than `least` rows are left out.
  std::vector<SpanGroup> groups_of(const RowMask& mask, int64_t least);
  Status filter_groups(const Spanset& spanset, std::vector<SpanGroup>& groups);
  void scalar_filter(const Stage& stage, std::vector<SpanGroup>& groups);
  std::vector<SpanGroup> split(const Field& by, std::vector<SpanGroup> groups, int64_t least);
  std::vector<SpanGroup> coalesce(std::vector<SpanGroup> groups);
  static void note_splits(SpanGroup& group);

  FieldEvaluator& fields_;
  std::deque<SplitColumn> splits_;  // groups point into it
};

}  // namespace sightline::traceql
