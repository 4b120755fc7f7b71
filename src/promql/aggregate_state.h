#pragma once
// What one group of an aggregation gathers at one step.
#include <string>

#include "promql/annotations.h"
#include "promql/compensated_sum.h"
#include "promql/value.h"

namespace sightline::promql {

// Histogram addition that remembers what to complain about.
class HistogramSum {
 public:
  void add(const model::Histogram& h);
  bool failed() const { return failed_; }
  uint64_t count() const { return count_; }
  // The sum, divided by `divisor`.
  model::Histogram value(double divisor) const;
  // Says what was odd while adding; `operation` is "aggregation" or the like.
  void annotate(Annotations& annotations, PositionRange at, const std::string& operation) const;

 private:
  model::Histogram sum_;
  uint64_t count_ = 0;
  bool failed_ = false;
  bool reconciled_ = false;
  bool saw_reset_ = false;
  bool saw_no_reset_ = false;
};

}  // namespace sightline::promql
