#pragma once
// What one group of an aggregation gathers at one step.
#include <string>

#include "promql/annotations.h"
#include "promql/functions/compensated_sum.h"
#include "promql/functions/histogram_math.h"
#include "promql/value.h"

namespace sightline::promql {

// Histogram addition that remembers what to complain about.
class HistogramSum {
 public:
  enum class Result : uint8_t { kSum, kMean };
  explicit HistogramSum(Result wanted) : wanted_(wanted) {}
  void add(const model::Histogram& h);
  bool failed() const { return failed_; }
  uint64_t count() const { return count_; }
  model::Histogram value() const;
  // Says what was odd while adding; `operation` is "aggregation" or the like.
  void annotate(Annotations& annotations, PositionRange at, const std::string& operation) const;

 private:
  bool merge(CompensatedHistogram& to, const model::Histogram& h);

  const Result wanted_;
  CompensatedHistogram state_;  // the sum, or once that overflows the running mean
  uint64_t count_ = 0;
  bool running_mean_ = false;
  bool failed_ = false;
  bool reconciled_ = false;
  bool saw_reset_ = false;
  bool saw_no_reset_ = false;
};

}  // namespace sightline::promql
