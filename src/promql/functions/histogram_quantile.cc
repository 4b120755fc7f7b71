#include "promql/functions/histogram_quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/functions/compensated_sum.h"
#include "promql/functions/histogram_math.h"

namespace sightline::promql {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Relative differences this small come from float arithmetic, not from the data.
constexpr double kSmallDelta = 1e-12;

bool almost_equal(double a, double b) {
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double diff = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < std::numeric_limits<double>::min())
    return diff < kSmallDelta * std::numeric_limits<double>::min();
  return diff / std::min(sum, std::numeric_limits<double>::max()) < kSmallDelta;
}

void sort_and_merge(std::vector<ClassicBucket>& buckets) {
  if (!std::ranges::is_sorted(buckets, {}, &ClassicBucket::upper))
    std::ranges::stable_sort(buckets, {}, &ClassicBucket::upper);
  size_t kept = 0;
  for (const ClassicBucket& b : buckets) {
    if (kept > 0 && buckets[kept - 1].upper == b.upper)
      buckets[kept - 1].count += b.count;
    else
      buckets[kept++] = b;
  }
  buckets.resize(kept);
}

std::optional<MonotonicityFix> make_monotonic(std::vector<ClassicBucket>& buckets) {
  std::optional<MonotonicityFix> fix;
  double previous = buckets.front().count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double& current = buckets[i].count;
    if (current == previous) continue;
    if (almost_equal(previous, current)) {
      current = previous;
    } else if (current < previous) {
      if (!fix) fix = MonotonicityFix{buckets[i].upper, buckets[i].upper, 0};
      fix->highest = buckets[i].upper;
      fix->most = std::max(fix->most, previous - current);
      current = previous;
    }
    previous = current;
  }
  return fix;
}

bool is_usable(const std::vector<ClassicBucket>& buckets) {
  return buckets.size() >= 2 && std::isinf(buckets.back().upper) && buckets.back().upper > 0;
}

// The zero bucket reaches only to where observations can be.
BoundedBucket narrowed(BoundedBucket b, const model::Histogram& h) {
  if (!b.is_zero) return b;
  if (h.negative_buckets.empty() && !h.positive_buckets.empty())
    b.lower = 0;
  else if (h.positive_buckets.empty() && !h.negative_buckets.empty())
    b.upper = 0;
  return b;
}

// Value at a share of a bucket that spreads observations evenly in log space.
double between_exponential(double lower, double upper, double part) {
  if (lower > 0) {
    const double low = std::log2(lower);
    return std::exp2(low + (std::log2(upper) - low) * part);
  }
  const double low = std::log2(std::fabs(upper));
  const double high = std::log2(std::fabs(lower));
  return -std::exp2(high + (low - high) * part);
}

double position_exponential(double lower, double upper, double v) {
  if (lower > 0) return (std::log2(v) - std::log2(lower)) / (std::log2(upper) - std::log2(lower));
  const double high = std::log2(-lower);
  return (std::log2(-v) - high) / (std::log2(-upper) - high);
}

bool is_linear(const BoundedBucket& b, const model::Histogram& h) {
  return b.is_zero || uses_custom_buckets(h);
}

}  // namespace

ClassicQuantile classic_quantile(double phi, std::vector<ClassicBucket>& buckets) {
  if (std::isnan(phi)) return {kNan, {}};
  if (phi < 0) return {-kInfinity, {}};
  if (phi > 1) return {kInfinity, {}};
  sort_and_merge(buckets);
  if (buckets.empty() || !std::isinf(buckets.back().upper)) return {kNan, {}};
  ClassicQuantile out{kNan, make_monotonic(buckets)};
  if (!is_usable(buckets)) return out;
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(total)) return out;
  double rank = phi * total;
  const auto found =
      std::ranges::find_if(buckets.begin(), buckets.end() - 1,
                           [rank](const ClassicBucket& b) { return b.count >= rank; });
  const auto b = static_cast<size_t>(found - buckets.begin());
  if (b == buckets.size() - 1) return out.value = buckets[b - 1].upper, out;
  if (b == 0 && buckets[0].upper <= 0) return out.value = buckets[0].upper, out;
  double lower = 0;
  double count = buckets[b].count;
  if (b > 0) {
    lower = buckets[b - 1].upper;
    count -= buckets[b - 1].count;
    rank -= buckets[b - 1].count;
  }
  out.value = lower + (buckets[b].upper - lower) * (rank / count);
  return out;
}

double classic_fraction(double lower, double upper, std::vector<ClassicBucket>& buckets) {
  sort_and_merge(buckets);
  if (buckets.empty() || buckets.back().upper != kInfinity) return kNan;
  const double total = buckets.back().count;
  if (total == 0 || std::isnan(lower) || std::isnan(upper) || std::isnan(total)) return kNan;
  if (lower >= upper) return 0;
  const auto rank_of = [&](double v) {
    double from = buckets[0].upper <= 0 ? -kInfinity : 0;
    double below = 0;
    for (const ClassicBucket& b : buckets) {
      if (v <= from) return std::min(below, total);
      if (v < b.upper) {
        if (std::isinf(from)) return std::min(b.count, total);
        return std::min(below + (b.count - below) * (v - from) / (b.upper - from), total);
      }
      from = b.upper;
      below = b.count;
    }
    return total;
  };
  return (rank_of(upper) - rank_of(lower)) / total;
}

NativeQuantile native_quantile(double phi, const model::Histogram& h) {
  if (phi < 0) return {-kInfinity};
  if (phi > 1) return {kInfinity};
  if (h.count == 0 || std::isnan(phi) || std::isnan(h.count)) return {kNan};
  auto buckets = bounded_buckets(h);
  std::erase_if(buckets, [](const BoundedBucket& b) { return b.count == 0; });
  const bool nan_sum = std::isnan(h.sum);
  const bool forward = nan_sum || phi < 0.5;
  double rank = (forward ? phi : 1 - phi) * h.count;
  if (buckets.empty())
    return {kNan, nan_sum ? NanObservations::kResultNan : NanObservations::kNone};
  if (!forward) std::ranges::reverse(buckets);
  double seen = 0;
  BoundedBucket bucket;
  for (const BoundedBucket& b : buckets) {
    bucket = b;
    seen += b.count;
    if (seen >= rank) break;
  }
  const NanObservations skew = nan_sum ? NanObservations::kResultSkewed : NanObservations::kNone;
  bucket = narrowed(bucket, h);
  if (uses_custom_buckets(h)) {
    if (bucket.lower == -kInfinity) {
      if (bucket.upper <= 0) return {bucket.upper, NanObservations::kNone};
      bucket.lower = 0;
    } else if (bucket.upper == kInfinity) {
      if (!(nan_sum && seen < rank)) return {bucket.lower, NanObservations::kNone};
    }
  }
  if (seen < rank && nan_sum) return {kNan, NanObservations::kResultNan};
  if (std::isinf(bucket.upper) || std::isinf(bucket.lower))
    return {std::isinf(bucket.upper) ? bucket.upper : bucket.lower, skew};
  bool has_nans = false;
  if (nan_sum) {
    double all = 0;
    for (const BoundedBucket& b : buckets) all += b.count;
    has_nans = all < h.count;
  }
  // From the high end the rank counts backwards within the bucket.
  rank = forward ? rank - (seen - bucket.count) : seen - rank;
  const double part = bucket.count == 0 ? 0 : rank / bucket.count;
  const NanObservations nans = has_nans ? NanObservations::kResultSkewed : NanObservations::kNone;
  if (is_linear(bucket, h)) return {bucket.lower + (bucket.upper - bucket.lower) * part, nans};
  return {between_exponential(bucket.lower, bucket.upper, part), nans};
}

double observed(const model::Histogram& h) {
  double out = h.zero_count;
  for (const double c : h.positive_buckets) out += c;
  for (const double c : h.negative_buckets) out += c;
  return out;
}

double native_fraction(double lower, double upper, const model::Histogram& h) {
  if (h.count == 0 || std::isnan(lower) || std::isnan(upper) || std::isnan(h.count)) return kNan;
  if (lower >= upper) return 0;
  const auto buckets = bounded_buckets(h);
  // NaN observations are counted, but lie in no bucket.
  const double total = std::isnan(h.sum) ? observed(h) : h.count;
  const auto rank_of = [&](double v) {
    double below = 0;
    for (const BoundedBucket& raw : buckets) {
      BoundedBucket b = narrowed(raw, h);
      // Nothing is known of where the first custom bucket starts, unless it may start at 0.
      if (uses_custom_buckets(h) && b.lower == -kInfinity && b.upper > 0) b.lower = 0;
      if (v <= b.lower) return std::min(below, total);
      if (v < b.upper) {
        if (std::isinf(b.upper)) return std::min(below, total);
        if (std::isinf(b.lower)) return std::min(below + b.count, total);
        const double part = is_linear(b, h) ? (v - b.lower) / (b.upper - b.lower)
                                            : position_exponential(b.lower, b.upper, v);
        return std::min(below + b.count * part, total);
      }
      below += b.count;
    }
    return total;
  };
  return (rank_of(upper) - rank_of(lower)) / h.count;
}

double native_variance(const model::Histogram& h) {
  const double mean = h.sum / h.count;
  CompensatedSum squares;
  for (const BoundedBucket& b : bounded_buckets(h)) {
    if (b.count == 0) continue;
    double middle = 0;
    if (b.is_zero)
      middle = 0;
    else if (uses_custom_buckets(h))
      middle = (b.upper + b.lower) / 2;
    else
      middle = std::sqrt(b.upper * b.lower) * (b.upper < 0 ? -1 : 1);
    squares.add(b.count * (middle - mean) * (middle - mean));
  }
  return squares.value() / h.count;
}

}  // namespace sightline::promql
