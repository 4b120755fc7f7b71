#include "promql/histogram_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number_text.h"

namespace sightline::promql {
namespace {

using model::BucketSpan;
using model::Histogram;
using model::ResetHint;
using Buckets = std::vector<IndexedBucket>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double exponential_bound(int32_t index, int32_t schema) {
  if (schema <= 0) {
    const int64_t exponent = static_cast<int64_t>(index) << -schema;
    if (exponent == 1024) return std::numeric_limits<double>::max();
    return exponent > 1024 ? kInfinity : std::ldexp(1.0, static_cast<int>(std::max<int64_t>(exponent, -1080)));
  }
  const int32_t per_octave = 1 << schema;
  const int32_t fraction = index & (per_octave - 1);
  const int32_t octave = (index - fraction) / per_octave;
  if (fraction == 0 && octave == 1024) return std::numeric_limits<double>::max();
  return std::ldexp(std::exp2(static_cast<double>(fraction) / per_octave), octave);
}

void store(const Buckets& buckets, std::vector<BucketSpan>& spans, std::vector<double>& counts) {
  spans.clear();
  counts.clear();
  int32_t next = 0;
  for (const IndexedBucket& b : buckets) {
    if (b.count == 0) continue;
    if (spans.empty() || b.index != next) spans.push_back({spans.empty() ? b.index : b.index - next, 0});
    ++spans.back().length;
    counts.push_back(b.count);
    next = b.index + 1;
  }
}

// Adds sign * b to a, both sorted by index.
Buckets merged(const Buckets& a, const Buckets& b, double sign) {
  Buckets out;
  out.reserve(a.size() + b.size());
  size_t i = 0;
  for (const IndexedBucket& from : b) {
    while (i < a.size() && a[i].index < from.index) out.push_back(a[i++]);
    if (i < a.size() && a[i].index == from.index) out.push_back({from.index, a[i++].count + sign * from.count});
    else out.push_back({from.index, sign * from.count});
  }
  out.insert(out.end(), a.begin() + static_cast<ptrdiff_t>(i), a.end());
  return out;
}

// A histogram opened for arithmetic.
struct Open {
  explicit Open(const Histogram& from)
      : head(from),
        positive(indexed_buckets(from.positive_spans, from.positive_buckets)),
        negative(indexed_buckets(from.negative_spans, from.negative_buckets)) {}
  Histogram close() && {
    store(positive, head.positive_spans, head.positive_buckets);
    store(negative, head.negative_spans, head.negative_buckets);
    return std::move(head);
  }
  void reduce(int32_t schema);
  void widen_zero(double threshold);
  void rebucket(const std::vector<double>& bounds);

  Histogram head;  // its buckets are stale until close()
  Buckets positive;
  Buckets negative;
};

void Open::reduce(int32_t schema) {
  if (schema >= head.schema) return;
  const int32_t shift = head.schema - schema;
  for (Buckets* side : {&positive, &negative}) {
    Buckets out;
    for (const IndexedBucket& b : *side) {
      const int32_t index = ((b.index - 1) >> shift) + 1;
      if (!out.empty() && out.back().index == index) out.back().count += b.count;
      else out.push_back({index, b.count});
    }
    *side = std::move(out);
  }
  head.schema = schema;
}

// Lets the zero bucket swallow everything up to `threshold`, and on to the
// upper bound of a populated bucket that the threshold would cut.
void Open::widen_zero(double threshold) {
  for (bool grown = true; grown;) {
    grown = false;
    for (const Buckets* side : {&positive, &negative})
      for (const IndexedBucket& b : *side) {
        if (b.count == 0) continue;
        const double upper = exponential_bound(b.index, head.schema);
        if (exponential_bound(b.index - 1, head.schema) >= threshold) break;
        if (upper > threshold) threshold = upper, grown = true;
      }
  }
  for (Buckets* side : {&positive, &negative}) {
    Buckets out;
    for (const IndexedBucket& b : *side) {
      if (exponential_bound(b.index, head.schema) <= threshold) head.zero_count += b.count;
      else out.push_back(b);
    }
    *side = std::move(out);
  }
  head.zero_threshold = threshold;
}

void Open::rebucket(const std::vector<double>& bounds) {
  Buckets out;
  for (const IndexedBucket& b : positive) {
    const bool last = b.index >= static_cast<int32_t>(head.custom_values.size());
    const double upper = last ? kInfinity : head.custom_values[static_cast<size_t>(std::max(b.index, 0))];
    const auto index = static_cast<int32_t>(std::lower_bound(bounds.begin(), bounds.end(), upper) - bounds.begin());
    if (!out.empty() && out.back().index == index) out.back().count += b.count;
    else out.push_back({index, b.count});
  }
  positive = std::move(out);
  head.custom_values = bounds;
}

std::vector<double> common_bounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

// Brings both to one layout.
Status reconcile(Open& a, Open& b, MergeNotes& notes) {
  if (uses_custom_buckets(a.head) != uses_custom_buckets(b.head))
    return fail(Errc::kExecution, "histograms with exponential and custom buckets do not mix");
  if (uses_custom_buckets(a.head)) {
    if (a.head.custom_values == b.head.custom_values) return {};
    const auto bounds = common_bounds(a.head.custom_values, b.head.custom_values);
    a.rebucket(bounds);
    b.rebucket(bounds);
    notes.bounds_reconciled = true;
    return {};
  }
  const int32_t schema = std::min(a.head.schema, b.head.schema);
  while (a.head.zero_threshold != b.head.zero_threshold) {
    Open& narrow = a.head.zero_threshold < b.head.zero_threshold ? a : b;
    narrow.widen_zero(std::max(a.head.zero_threshold, b.head.zero_threshold));
  }
  a.reduce(schema);
  b.reduce(schema);
  return {};
}

ResetHint combined_hint(ResetHint a, ResetHint b, MergeNotes& notes) {
  if (a == b) return a;
  if (a == ResetHint::kGauge || b == ResetHint::kGauge) return ResetHint::kGauge;
  if (a == ResetHint::kUnknown || b == ResetHint::kUnknown) return ResetHint::kUnknown;
  notes.reset_collision = true;
  return ResetHint::kUnknown;
}

Result<Histogram> combine(const Histogram& x, const Histogram& y, double sign, MergeNotes& notes) {
  Open a(x);
  Open b(y);
  if (auto ok = reconcile(a, b, notes); !ok) return std::unexpected(ok.error());
  a.head.reset_hint = combined_hint(x.reset_hint, y.reset_hint, notes);
  a.head.count += sign * b.head.count;
  a.head.sum += sign * b.head.sum;
  a.head.zero_count += sign * b.head.zero_count;
  a.positive = merged(a.positive, b.positive, sign);
  a.negative = merged(a.negative, b.negative, sign);
  return std::move(a).close();
}

bool any_lower(const Buckets& current, const Buckets& previous) {
  size_t i = 0;
  for (const IndexedBucket& p : previous) {
    while (i < current.size() && current[i].index < p.index) ++i;
    const double now = i < current.size() && current[i].index == p.index ? current[i].count : 0;
    if (now < p.count) return true;
  }
  return false;
}

void scale(Histogram& h, auto&& f) {
  h.zero_count = f(h.zero_count);
  h.count = f(h.count);
  h.sum = f(h.sum);
  for (double& c : h.positive_buckets) c = f(c);
  for (double& c : h.negative_buckets) c = f(c);
}

}  // namespace

std::vector<IndexedBucket> indexed_buckets(const std::vector<BucketSpan>& spans, const std::vector<double>& counts) {
  Buckets out;
  out.reserve(counts.size());
  int32_t index = 0;
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < counts.size(); ++i) out.push_back({index++, counts[at++]});
  }
  return out;
}

double bucket_upper_bound(const Histogram& h, int32_t index) {
  if (!uses_custom_buckets(h)) return exponential_bound(index, h.schema);
  if (index < 0) return -kInfinity;
  return static_cast<size_t>(index) < h.custom_values.size() ? h.custom_values[static_cast<size_t>(index)] : kInfinity;
}

std::vector<BoundedBucket> bounded_buckets(const Histogram& h) {
  std::vector<BoundedBucket> out;
  const auto negative = indexed_buckets(h.negative_spans, h.negative_buckets);
  for (auto b = negative.rbegin(); b != negative.rend(); ++b)
    out.push_back({-exponential_bound(b->index, h.schema), -exponential_bound(b->index - 1, h.schema), true, false, b->count, false});
  if (h.zero_count > 0) out.push_back({-h.zero_threshold, h.zero_threshold, true, true, h.zero_count, true});
  for (const IndexedBucket& b : indexed_buckets(h.positive_spans, h.positive_buckets)) {
    const double lower = bucket_upper_bound(h, b.index - 1);
    const double upper = bucket_upper_bound(h, b.index);
    out.push_back({lower, upper, uses_custom_buckets(h) && b.index == 0, true, b.count, false});
  }
  return out;
}

Result<Histogram> add(const Histogram& a, const Histogram& b, MergeNotes& notes) { return combine(a, b, 1, notes); }

Result<Histogram> subtract(const Histogram& a, const Histogram& b, MergeNotes& notes) { return combine(a, b, -1, notes); }

Histogram multiply(const Histogram& h, double factor) {
  Histogram out = h;
  scale(out, [factor](double v) { return v * factor; });
  if (factor < 0) out.reset_hint = ResetHint::kGauge;
  return out;
}

Histogram divide(const Histogram& h, double divisor) {
  Histogram out = h;
  scale(out, [divisor](double v) { return v / divisor; });
  if (divisor < 0) out.reset_hint = ResetHint::kGauge;
  if (divisor == 0) {
    out.positive_spans.clear();
    out.positive_buckets.clear();
    out.negative_spans.clear();
    out.negative_buckets.clear();
  }
  return out;
}

Histogram compact(const Histogram& h) { return Open(h).close(); }

Histogram reduce_resolution(const Histogram& h, int32_t schema) {
  Open open(h);
  if (!uses_custom_buckets(h)) open.reduce(schema);
  return std::move(open).close();
}

bool same_histogram(const Histogram& a, const Histogram& b) {
  Histogram x = compact(a);
  Histogram y = compact(b);
  x.reset_hint = y.reset_hint;
  const bool nan_sums = std::isnan(x.sum) && std::isnan(y.sum);
  if (nan_sums) x.sum = y.sum = 0;
  return x == y;
}

bool is_reset(const Histogram& current, const Histogram& previous) {
  if (current.reset_hint == ResetHint::kReset) return true;
  if (current.reset_hint == ResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  if (uses_custom_buckets(current) != uses_custom_buckets(previous)) return true;
  Open now(current);
  Open before(previous);
  if (uses_custom_buckets(current)) {
    if (current.custom_values != previous.custom_values) {
      const auto bounds = common_bounds(current.custom_values, previous.custom_values);
      now.rebucket(bounds);
      before.rebucket(bounds);
    }
    return any_lower(now.positive, before.positive);
  }
  if (current.schema > previous.schema || current.zero_threshold < previous.zero_threshold) return true;
  before.widen_zero(current.zero_threshold);
  if (before.head.zero_threshold != current.zero_threshold || current.zero_count < before.head.zero_count) return true;
  before.reduce(current.schema);
  return any_lower(now.positive, before.positive) || any_lower(now.negative, before.negative);
}

namespace {

// The share of a bucket's observations below `bound`, which lies inside it.
double share_below(const BoundedBucket& b, const Histogram& h, double bound) {
  if (b.is_zero || uses_custom_buckets(h)) return (bound - b.lower) / (b.upper - b.lower);
  if (b.lower > 0) return (std::log2(bound) - std::log2(b.lower)) / (std::log2(b.upper) - std::log2(b.lower));
  const double high = std::log2(-b.lower);
  return (std::log2(-bound) - high) / (std::log2(-b.upper) - high);
}

// Where a bucket's observations are thought to lie on average.
double middle_of(const BoundedBucket& b, const Histogram& h) {
  if (b.is_zero || uses_custom_buckets(h)) return (b.lower + b.upper) / 2;
  return b.lower > 0 ? std::sqrt(b.lower * b.upper) : -std::sqrt(b.lower * b.upper);
}

struct Kept {
  double count = 0;
  double sum = 0;
};

// What stays of one bucket.
Kept keep_part(BoundedBucket b, const Histogram& h, double bound, bool keep_below) {
  if (b.count == 0) return {};
  if (keep_below ? b.upper <= bound : b.lower >= bound) {
    if (std::isinf(b.lower)) return {b.count, b.count * b.upper};
    if (std::isinf(b.upper)) return {b.count, b.count * b.lower};
    return {b.count, b.count * middle_of(b, h)};
  }
  if (keep_below ? b.lower >= bound : b.upper <= bound) return {};
  if (std::isinf(b.lower)) {
    // Of an open bucket nothing is known but its one bound.
    return keep_below ? Kept{b.count, b.count * bound} : Kept{};
  }
  if (std::isinf(b.upper)) return keep_below ? Kept{} : Kept{b.count, b.count * bound};
  const double below = share_below(b, h, bound);
  BoundedBucket part = b;
  (keep_below ? part.upper : part.lower) = bound;
  part.count = b.count * (keep_below ? below : 1 - below);
  return {part.count, part.count * middle_of(part, h)};
}

}  // namespace

Histogram trim(const Histogram& h, double bound, bool keep_below) {
  Open open(h);
  const bool custom = uses_custom_buckets(h);
  Kept total;
  const auto visit = [&](BoundedBucket b, double& count) {
    const Kept kept = keep_part(b, h, bound, keep_below);
    count = kept.count;
    total.count += kept.count;
    total.sum += kept.sum;
  };
  for (IndexedBucket& b : open.negative)
    visit({-exponential_bound(b.index, h.schema), -exponential_bound(b.index - 1, h.schema), true, false, b.count, false}, b.count);
  if (h.zero_count > 0) {
    BoundedBucket zero{-h.zero_threshold, h.zero_threshold, true, true, h.zero_count, true};
    if (open.negative.empty() && !open.positive.empty()) zero.lower = 0;
    if (open.positive.empty() && !open.negative.empty()) zero.upper = 0;
    visit(zero, open.head.zero_count);
  }
  for (IndexedBucket& b : open.positive) {
    double lower = bucket_upper_bound(h, b.index - 1);
    const double upper = bucket_upper_bound(h, b.index);
    if (custom && std::isinf(lower) && upper > 0) lower = 0;
    visit({lower, upper, false, true, b.count, false}, b.count);
  }
  if (total.count != h.count) {
    open.head.sum = total.sum;
    open.head.count = total.count;
  }
  return std::move(open).close();
}

std::string to_string(const Histogram& h) {
  std::string out = "{count:" + format_float_go(h.count) + ", sum:" + format_float_go(h.sum);
  for (const BoundedBucket& b : bounded_buckets(h)) {
    if (b.count == 0) continue;
    out += ", ";
    out += b.lower_inclusive ? '[' : '(';
    out += format_float_go(b.lower) + "," + format_float_go(b.upper);
    out += b.upper_inclusive ? ']' : ')';
    out += ":" + format_float_go(b.count);
  }
  return out + "}";
}

}  // namespace sightline::promql
