#include "promql/aggregate_state.h"

#include "promql/histogram_math.h"

namespace sightline::promql {

void HistogramSum::add(const model::Histogram& h) {
  if (failed_) return;
  saw_reset_ = saw_reset_ || h.reset_hint == model::ResetHint::kReset;
  saw_no_reset_ = saw_no_reset_ || h.reset_hint == model::ResetHint::kNotReset;
  if (count_++ == 0) {
    sum_ = h;
    return;
  }
  MergeNotes notes;
  auto next = promql::add(sum_, h, notes);
  if (!next) {
    failed_ = true;
    return;
  }
  reconciled_ = reconciled_ || notes.bounds_reconciled;
  sum_ = std::move(*next);
}

model::Histogram HistogramSum::value(double divisor) const {
  return compact(divisor == 1 ? sum_ : divide(sum_, divisor));
}

void HistogramSum::annotate(Annotations& annotations, PositionRange at, const std::string& operation) const {
  if (saw_reset_ && saw_no_reset_) annotations.warn(at, "conflicting counter resets during histogram " + operation);
  if (reconciled_) annotations.info(at, "mismatched custom buckets were reconciled during " + operation);
}

}  // namespace sightline::promql
