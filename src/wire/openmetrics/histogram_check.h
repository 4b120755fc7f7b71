#pragma once
// The rules that hold among the samples of one histogram: buckets ascending and
// monotonic up to +Inf, a count that equals it, a sum where it may be.
//   Source  OpenMetrics 1.0, "Histogram", "GaugeHistogram".
#include <limits>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"

namespace sightline::wire::openmetrics {

class HistogramCheck {
 public:
  struct Sample {
    std::string_view suffix;  // "_bucket", "_count", ...
    model::Labels group;      // without le
    std::optional<TimestampMs> time;
    double bound = 0;  // of a bucket
    double value = 0;
  };

  // Samples of one family in the order of the text; another group or time begins another histogram.
  Status add(const Sample& sample) {
    if (!group_ || *group_ != sample.group || time_ != sample.time) {
      if (auto status = finish(); !status) return status;
      *this = HistogramCheck();
      group_ = sample.group;
      time_ = sample.time;
    }
    if (sample.suffix == "_bucket") return add_bucket(sample);
    if (sample.suffix == "_count" || sample.suffix == "_gcount") count_ = sample.value;
    if (sample.suffix == "_sum") has_sum_ = true;
    if (sample.suffix == "_gsum") {
      has_gsum_ = true;
      has_negative_gsum_ = sample.value < 0;
    }
    return {};
  }

  Status finish() const {
    const auto broken = [](std::string_view what) { return fail(Errc::kInvalidArgument, what); };
    if (!group_) return {};
    if (bound_ != std::numeric_limits<double>::infinity())
      return broken("the histogram has no +Inf bucket");
    if (count_ && *count_ != in_buckets_)
      return broken("the histogram's count is not that of its +Inf bucket");
    if ((has_sum_ || has_gsum_) && !count_) return broken("a histogram with a sum needs a count");
    if (count_ && !has_sum_ && !has_gsum_) return broken("a histogram with a count needs a sum");
    if (has_negative_bounds_ && has_sum_)
      return broken("a histogram with negative buckets cannot have a _sum");
    if (!has_negative_bounds_ && has_negative_gsum_)
      return broken("a histogram without negative buckets cannot have a negative _gsum");
    return {};
  }

 private:
  Status add_bucket(const Sample& sample) {
    if (sample.bound < 0) has_negative_bounds_ = true;
    if (bound_ && sample.bound <= *bound_)
      return fail(Errc::kInvalidArgument, "the histogram's buckets are out of order");
    if (sample.value < in_buckets_)
      return fail(Errc::kInvalidArgument, "a bucket holds less than the one below it");
    bound_ = sample.bound;
    in_buckets_ = sample.value;
    return {};
  }

  std::optional<model::Labels> group_;
  std::optional<TimestampMs> time_;
  std::optional<double> bound_;  // of the last bucket
  double in_buckets_ = 0;        // its value
  std::optional<double> count_;
  bool has_sum_ = false;
  bool has_gsum_ = false;
  bool has_negative_gsum_ = false;
  bool has_negative_bounds_ = false;
};

}  // namespace sightline::wire::openmetrics
