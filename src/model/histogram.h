#pragma once
// A native histogram sample (Prometheus native histograms, remote write 2.0).
// Bucket counts are absolute doubles, whatever the wire or the disk held.
#include <cstdint>
#include <vector>

namespace sightline::model {

enum class ResetHint : uint8_t { kUnknown, kReset, kNotReset, kGauge };

struct BucketSpan {
  int32_t offset = 0;  // gap to the previous span's end; of the first: its first index
  uint32_t length = 0;
  friend bool operator==(const BucketSpan&, const BucketSpan&) = default;
};

inline constexpr int32_t kCustomBucketsSchema = -53;

// Schema -4..8: bucket i covers (base^(i-1), base^i], base = 2^(2^-schema), mirrored
// for negatives. Schema -53: custom_values are ascending finite upper bounds, +Inf implied,
// positive side only. Invariant: a side has as many buckets as its spans' lengths add up to.
struct Histogram {
  ResetHint reset_hint = ResetHint::kUnknown;
  int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  std::vector<BucketSpan> positive_spans;
  std::vector<double> positive_buckets;
  std::vector<BucketSpan> negative_spans;
  std::vector<double> negative_buckets;
  std::vector<double> custom_values;
  friend bool operator==(const Histogram&, const Histogram&) = default;
};

}  // namespace sightline::model
