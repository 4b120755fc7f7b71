#pragma once
// Quantiles and fractions of observations, from classic buckets and native histograms.
//   Source  spec: PromQL histograms (classic quantile, native quantile, fraction).
#include <optional>
#include <vector>

#include "model/histogram.h"

namespace sightline::promql {

struct ClassicBucket {
  double upper = 0;
  double count = 0;  // cumulative
};

// What had to be put right so that the counts do not fall.
struct MonotonicityFix {
  double lowest = 0;  // upper bounds of the first and last bucket raised
  double highest = 0;
  double most = 0;  // the largest difference
};

struct ClassicQuantile {
  double value = 0;
  std::optional<MonotonicityFix> fixed;
};

// Sorts and merges `buckets`.
ClassicQuantile classic_quantile(double phi, std::vector<ClassicBucket>& buckets);
double classic_fraction(double lower, double upper, std::vector<ClassicBucket>& buckets);

enum class NanObservations : uint8_t { kNone, kResultNan, kResultSkewed };
struct NativeQuantile {
  double value = 0;
  NanObservations nans = NanObservations::kNone;
};
NativeQuantile native_quantile(double phi, const model::Histogram& h);
// Observations that lie in buckets: fewer than `count` when some are NaN.
double observed(const model::Histogram& h);
double native_fraction(double lower, double upper, const model::Histogram& h);
double native_variance(const model::Histogram& h);

}  // namespace sightline::promql
