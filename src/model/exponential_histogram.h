#pragma once
// A histogram whose buckets grow by powers of 2^(2^-scale), and whose scale falls as its range
// grows, so that it never has more than max_size buckets: OpenTelemetry's exponential histogram.
//   Values    not negative; bucket i holds (2^(i*2^-scale), 2^((i+1)*2^-scale)].
//   Threads   a value; guard it as its owner.
//   Source    OpenTelemetry metrics data model, "ExponentialHistogram".
#include <cstdint>
#include <vector>

#include "model/histogram.h"

namespace sightline::model {

class ExponentialHistogram {
 public:
  static constexpr int32_t kScaleMax = 20;
  static constexpr int32_t kScaleMin = -10;
  static constexpr uint32_t kDefaultSize = 160;

  explicit ExponentialHistogram(uint32_t max_size = kDefaultSize)
      : max_size_(max_size < 2 ? 2 : max_size) {}

  void add(double value, uint64_t times = 1);
  uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  double min() const { return min_; }  // of what was added; 0 without any
  double max() const { return max_; }
  uint64_t zero_count() const { return zero_count_; }
  int32_t scale() const { return scale_; }
  int32_t offset() const { return first_; }  // index of the first bucket
  const std::vector<uint64_t>& buckets() const { return buckets_; }
  // As Prometheus holds it: schema 8 at most, bucket i covers (.., base^i].
  Histogram to_native() const;

 private:
  static int32_t index_of(double value, int32_t scale);
  void lower_scale(int32_t by);

  uint32_t max_size_;
  int32_t scale_ = kScaleMax;
  int32_t first_ = 0;
  std::vector<uint64_t> buckets_;
  uint64_t zero_count_ = 0;
  uint64_t count_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace sightline::model
