#include "promql/functions/aggregate_state.h"

#include "promql/functions/histogram_math.h"

namespace sightline::promql {

bool HistogramSum::merge(CompensatedHistogram& to, const model::Histogram& h) {
  MergeNotes notes;
  if (!add_compensated(to, h, notes)) return false;
  reconciled_ = reconciled_ || notes.bounds_reconciled;
  return true;
}

void HistogramSum::add(const model::Histogram& h) {
  if (failed_) return;
  saw_reset_ = saw_reset_ || h.reset_hint == model::ResetHint::kReset;
  saw_no_reset_ = saw_no_reset_ || h.reset_hint == model::ResetHint::kNotReset;
  if (count_++ == 0) {
    state_ = start_sum(h);
    return;
  }
  const auto n = static_cast<double>(count_);
  if (!running_mean_) {
    CompensatedHistogram next = state_;
    if (!merge(next, h)) {
      failed_ = true;
      return;
    }
    if (wanted_ == Result::kSum || !overflows(next.sum)) {
      state_ = std::move(next);
      return;
    }
    running_mean_ = true;
    state_ = {divide(state_.sum, n - 1), divide(state_.lost, n - 1)};
  }
  const double kept = (n - 1) / n;
  state_ = {multiply(state_.sum, kept), multiply(state_.lost, kept)};
  failed_ = !merge(state_, divide(h, n));
}

model::Histogram HistogramSum::value() const {
  MergeNotes ignored;
  const double divisor =
      wanted_ == Result::kMean && !running_mean_ ? static_cast<double>(count_) : 1;
  if (count_ == 1) return compact(state_.sum);
  model::Histogram lost = state_.lost;
  lost.reset_hint = state_.sum.reset_hint;
  auto out = promql::add(divide(state_.sum, divisor), divide(lost, divisor), ignored);
  return out ? compact(*out) : compact(state_.sum);
}

void HistogramSum::annotate(Annotations& annotations, PositionRange at,
                            const std::string& operation) const {
  if (saw_reset_ && saw_no_reset_)
    annotations.warn(at, "conflicting counter resets during histogram " + operation);
  if (reconciled_)
    annotations.info(at, "mismatched custom buckets were reconciled during " + operation);
}

}  // namespace sightline::promql
