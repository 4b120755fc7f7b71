#include "model/histogram_reduce.h"

namespace sightline::model {
namespace {

// Of one side. Bucket i of the finer schema ends at base^i: it lies in bucket ceil(i / 2^steps) of the coarser.
bool reduce_side(std::vector<BucketSpan>& spans, std::vector<double>& buckets, int32_t steps) {
  std::vector<BucketSpan> to_spans;
  std::vector<double> to_buckets;
  int64_t index = 0;
  int64_t last = 0;
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    if (span.length > buckets.size() - at) return false;
    for (uint32_t k = 0; k < span.length; ++k, ++index) {
      const int64_t to = ((index - 1) >> steps) + 1;
      if (!to_buckets.empty() && to == last) {
        to_buckets.back() += buckets[at++];
        continue;
      }
      const int64_t gap = to_buckets.empty() ? to : to - last - 1;
      if (gap < INT32_MIN || gap > INT32_MAX) return false;
      if (to_spans.empty() || gap != 0) to_spans.push_back({static_cast<int32_t>(gap), 0});
      ++to_spans.back().length;
      to_buckets.push_back(buckets[at++]);
      last = to;
    }
  }
  if (at != buckets.size()) return false;
  spans = std::move(to_spans);
  buckets = std::move(to_buckets);
  return true;
}

}  // namespace

bool reduce_resolution(Histogram& histogram, int32_t schema) {
  const int32_t steps = histogram.schema - schema;
  if (steps <= 0 || steps > 62) return false;
  Histogram h = histogram;
  if (!reduce_side(h.positive_spans, h.positive_buckets, steps) ||
      !reduce_side(h.negative_spans, h.negative_buckets, steps))
    return false;
  h.schema = schema;
  histogram = std::move(h);
  return true;
}

}  // namespace sightline::model
