#include "model/exponential_histogram.h"

#include <algorithm>
#include <cmath>

namespace sightline::model {
namespace {

// The threshold below which a value counts as zero, where the histogram says none.
constexpr double kZeroThreshold = 1e-128;
constexpr int32_t kNativeSchemaMax = 8;

}  // namespace

int32_t ExponentialHistogram::index_of(double value, int32_t scale) {
  int exponent = 0;
  const double fraction =
      std::frexp(value, &exponent);  // value = fraction * 2^exponent, 0.5 <= fraction < 1
  const int32_t log2_floor = exponent - 1;
  const bool is_power = fraction == 0.5;
  if (scale <= 0) return (is_power ? log2_floor - 1 : log2_floor) >> -scale;
  if (is_power) return (log2_floor << scale) - 1;
  return static_cast<int32_t>(std::floor(std::log(value) * std::ldexp(M_LOG2E, scale)));
}

void ExponentialHistogram::lower_scale(int32_t by) {
  if (by <= 0) return;
  scale_ -= by;
  std::vector<uint64_t> merged;
  const int32_t first = first_ >> by;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const auto place = static_cast<size_t>(((first_ + static_cast<int32_t>(i)) >> by) - first);
    if (merged.size() <= place) merged.resize(place + 1);
    merged[place] += buckets_[i];
  }
  first_ = first;
  buckets_ = std::move(merged);
}

void ExponentialHistogram::add(double value, uint64_t times) {
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  count_ += times;
  sum_ += value * static_cast<double>(times);
  if (!(value > 0) || !std::isfinite(value)) {
    zero_count_ += times;
    return;
  }
  int32_t index = index_of(value, scale_);
  if (!buckets_.empty()) {
    int32_t low = std::min(index, first_),
            high = std::max(index, first_ + static_cast<int32_t>(buckets_.size()) - 1);
    int32_t by = 0;
    while (static_cast<int64_t>(high) - low >= static_cast<int64_t>(max_size_) &&
           scale_ - by > kScaleMin) {
      low >>= 1;
      high >>= 1;
      ++by;
    }
    lower_scale(by);
    index >>= by;
  }
  if (buckets_.empty()) first_ = index;
  if (index < first_) {
    buckets_.insert(buckets_.begin(), static_cast<size_t>(first_ - index), 0);
    first_ = index;
  }
  const auto place = static_cast<size_t>(index - first_);
  if (buckets_.size() <= place) buckets_.resize(place + 1);
  buckets_[place] += times;
}

Histogram ExponentialHistogram::to_native() const {
  Histogram native{.schema = std::min(scale_, kNativeSchemaMax),
                   .zero_threshold = kZeroThreshold,
                   .zero_count = static_cast<double>(zero_count_),
                   .count = static_cast<double>(count_),
                   .sum = sum_};
  const int32_t by = std::max(0, scale_ - kNativeSchemaMax);
  int32_t previous = 0;
  bool any = false;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    if (buckets_[i] == 0) continue;
    const int32_t index = ((first_ + static_cast<int32_t>(i)) >> by) + 1;
    if (any && index == previous) {
      native.positive_buckets.back() += static_cast<double>(buckets_[i]);
      continue;
    }
    if (any && index == previous + 1)
      ++native.positive_spans.back().length;
    else
      native.positive_spans.push_back({any ? index - previous - 1 : index, 1});
    native.positive_buckets.push_back(static_cast<double>(buckets_[i]));
    previous = index;
    any = true;
  }
  return native;
}

}  // namespace sightline::model
