#include "tsdb/codec/reset_hints.h"

#include "model/sample.h"

namespace sightline::tsdb {
namespace {

using model::Histogram;
using model::ResetHint;

// Walks the buckets of one side by index.
class Buckets {
 public:
  Buckets(const std::vector<model::BucketSpan>& spans, const std::vector<double>& counts)
      : spans_(spans), counts_(counts) {
    settle();
  }
  bool at_end() const { return at_ >= counts_.size(); }
  int64_t index() const { return index_; }
  double count() const { return counts_[at_]; }
  void next() {
    ++at_;
    ++index_;
    ++within_;
    settle();
  }

 private:
  // To the next bucket there is: over the ends of spans, and empty ones.
  void settle() {
    while (span_ < spans_.size() && (!entered_ || within_ >= spans_[span_].length)) {
      if (entered_) ++span_;
      if (span_ == spans_.size()) return;
      entered_ = true;
      within_ = 0;
      index_ += spans_[span_].offset;
    }
  }

  const std::vector<model::BucketSpan>& spans_;
  const std::vector<double>& counts_;
  size_t at_ = 0;
  size_t span_ = 0;
  uint32_t within_ = 0;
  bool entered_ = false;
  int64_t index_ = 0;
};

// A bucket holds less than it did, or is not there any more.
bool any_lower(Buckets before, Buckets now) {
  for (; !before.at_end(); before.next()) {
    if (before.count() == 0) continue;
    while (!now.at_end() && now.index() < before.index()) now.next();
    if (now.at_end() || now.index() != before.index() || now.count() < before.count()) return true;
  }
  return false;
}

}  // namespace

ResetHint derive_reset_hint(const Histogram* previous, const Histogram& current) {
  if (current.reset_hint == ResetHint::kGauge || current.reset_hint == ResetHint::kReset)
    return current.reset_hint;
  if (previous == nullptr || previous->reset_hint == ResetHint::kGauge ||
      model::is_stale_marker(previous->sum))
    return ResetHint::kUnknown;
  if (model::is_stale_marker(current.sum)) return ResetHint::kNotReset;
  if (current.count < previous->count) return ResetHint::kReset;
  if (current.schema != previous->schema || current.zero_threshold != previous->zero_threshold)
    return ResetHint::kUnknown;
  if (current.custom_values != previous->custom_values) return ResetHint::kReset;
  const bool lower = current.zero_count < previous->zero_count ||
                     any_lower({previous->positive_spans, previous->positive_buckets},
                               {current.positive_spans, current.positive_buckets}) ||
                     any_lower({previous->negative_spans, previous->negative_buckets},
                               {current.negative_spans, current.negative_buckets});
  return lower ? ResetHint::kReset : ResetHint::kNotReset;
}

HistogramPtr with_derived_hint(const Histogram* previous, HistogramPtr current) {
  const ResetHint hint = derive_reset_hint(previous, *current);
  if (hint == current->reset_hint) return current;
  auto copy = std::make_shared<Histogram>(*current);
  copy->reset_hint = hint;
  return copy;
}

HistogramPtr with_unknown_reset(HistogramPtr histogram) {
  if (histogram->reset_hint == ResetHint::kUnknown || histogram->reset_hint == ResetHint::kGauge)
    return histogram;
  auto copy = std::make_shared<Histogram>(*histogram);
  copy->reset_hint = ResetHint::kUnknown;
  return copy;
}

}  // namespace sightline::tsdb
