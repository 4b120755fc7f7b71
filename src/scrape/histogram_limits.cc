#include "scrape/histogram_limits.h"

#include <algorithm>
#include <cmath>

#include "model/histogram_reduce.h"

namespace sightline::scrape {
namespace {

// The finest schema whose buckets grow by `factor` or more: 2^(2^-schema) >= factor.
int32_t finest_schema(double factor) {
  if (factor <= 1) return model::kSchemaMax;
  const double schema = std::floor(-std::log2(std::log2(factor)));
  return static_cast<int32_t>(std::clamp<double>(schema, model::kSchemaMin, model::kSchemaMax));
}

size_t bucket_count(const model::Histogram& h) {
  return h.positive_buckets.size() + h.negative_buckets.size();
}

}  // namespace

bool fit_histogram(model::Histogram& h, const config::SampleLimits& limits) {
  const bool is_exponential = h.schema != model::kCustomBucketsSchema;
  if (is_exponential) {
    const int32_t finest = finest_schema(limits.native_histogram_factor_min);
    if (h.schema > finest && !model::reduce_resolution(h, finest))
      return true;  // for the store to refuse
  }
  const uint64_t buckets_max = limits.native_histogram_buckets;
  if (buckets_max == 0) return true;
  while (bucket_count(h) > buckets_max) {
    if (!is_exponential || h.schema <= model::kSchemaMin) return false;
    if (!model::reduce_resolution(h, h.schema - 1)) return false;
  }
  return true;
}

}  // namespace sightline::scrape
