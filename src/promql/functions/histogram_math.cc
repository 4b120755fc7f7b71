#include "promql/functions/histogram_math.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/number_text.h"
#include "promql/functions/compensated_sum.h"

namespace sightline::promql {
namespace {

using model::BucketSpan;
using model::Histogram;
using model::ResetHint;
using Buckets = std::vector<IndexedBucket>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr int32_t kSchemaMax = 8;
constexpr int32_t kFractions = 1 << kSchemaMax;  // bounds in an octave of the finest schema

// How many ulps below 2^(i/256 - 1) the peer's bound i lies, plus one: its table was not rounded well, and results
// that show a bound show that.
constexpr std::string_view kUlpsBelowPlusOne =
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344";
static_assert(kUlpsBelowPlusOne.size() == kFractions);

// The bounds in [0.5, 1) of the finest schema; those of coarser ones are among them.
const std::array<double, kFractions>& octave_bounds() {
  static const auto bounds = [] {
    std::array<double, kFractions> out{};
    for (int32_t i = 0; i < kFractions; ++i) {
      double bound = std::exp2(static_cast<double>(i) / kFractions - 1);
      for (int ulps = kUlpsBelowPlusOne[static_cast<size_t>(i)] - '1'; ulps != 0;
           ulps += ulps > 0 ? -1 : 1)
        bound = std::nextafter(bound, ulps > 0 ? 0.0 : 1.0);
      out[static_cast<size_t>(i)] = bound;
    }
    return out;
  }();
  return bounds;
}

double exponential_bound(int32_t index, int32_t schema) {
  if (schema <= 0) {
    const int64_t exponent = static_cast<int64_t>(index) << -schema;
    if (exponent == 1024) return std::numeric_limits<double>::max();
    return exponent > 1024 ? kInfinity
                           : std::ldexp(1.0, static_cast<int>(std::max<int64_t>(exponent, -1080)));
  }
  const int32_t fraction = index & ((1 << schema) - 1);
  const int32_t octave = index >> schema;
  if (fraction == 0 && octave == 1024) return std::numeric_limits<double>::max();
  const int32_t among_finest = fraction << (kSchemaMax - std::min(schema, kSchemaMax));
  return std::ldexp(octave_bounds()[static_cast<size_t>(among_finest)], octave + 1);
}

void store(const Buckets& buckets, std::vector<BucketSpan>& spans, std::vector<double>& counts) {
  spans.clear();
  counts.clear();
  int32_t next = 0;
  for (const IndexedBucket& b : buckets) {
    if (b.count == 0) continue;
    if (spans.empty() || b.index != next)
      spans.push_back({spans.empty() ? b.index : b.index - next, 0});
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
    if (i < a.size() && a[i].index == from.index)
      out.push_back({from.index, a[i++].count + sign * from.count});
    else
      out.push_back({from.index, sign * from.count});
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
  void swallow(double threshold);

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
      if (!out.empty() && out.back().index == index)
        out.back().count += b.count;
      else
        out.push_back({index, b.count});
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
  swallow(threshold);
}

// Moves every bucket that ends at or below `threshold` into the zero bucket.
void Open::swallow(double threshold) {
  for (Buckets* side : {&positive, &negative}) {
    Buckets out;
    for (const IndexedBucket& b : *side) {
      if (exponential_bound(b.index, head.schema) <= threshold)
        head.zero_count += b.count;
      else
        out.push_back(b);
    }
    *side = std::move(out);
  }
  head.zero_threshold = threshold;
}

void Open::rebucket(const std::vector<double>& bounds) {
  Buckets out;
  for (const IndexedBucket& b : positive) {
    const bool last = b.index >= static_cast<int32_t>(head.custom_values.size());
    const double upper =
        last ? kInfinity : head.custom_values[static_cast<size_t>(std::max(b.index, 0))];
    const auto index = static_cast<int32_t>(std::lower_bound(bounds.begin(), bounds.end(), upper) -
                                            bounds.begin());
    if (!out.empty() && out.back().index == index)
      out.back().count += b.count;
    else
      out.push_back({index, b.count});
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

void add_to(double& sum, double& lost, double v) {
  CompensatedSum s{sum, lost};
  s.add(v);
  sum = s.sum;
  lost = s.lost;
}

// Adds b to a, bucket by bucket; c holds what a lost. All sorted by index.
void merge_compensated(Buckets& a, Buckets& c, const Buckets& b) {
  Buckets sums;
  Buckets losses;
  sums.reserve(a.size() + b.size());
  losses.reserve(a.size() + b.size());
  for (size_t i = 0, j = 0, k = 0; i < a.size() || j < b.size() || k < c.size();) {
    int32_t index = std::numeric_limits<int32_t>::max();
    if (i < a.size()) index = std::min(index, a[i].index);
    if (j < b.size()) index = std::min(index, b[j].index);
    if (k < c.size()) index = std::min(index, c[k].index);
    double sum = i < a.size() && a[i].index == index ? a[i++].count : 0;
    double lost = k < c.size() && c[k].index == index ? c[k++].count : 0;
    if (j < b.size() && b[j].index == index) add_to(sum, lost, b[j++].count);
    sums.push_back({index, sum});
    if (lost != 0) losses.push_back({index, lost});
  }
  a = std::move(sums);
  c = std::move(losses);
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

std::vector<IndexedBucket> indexed_buckets(const std::vector<BucketSpan>& spans,
                                           const std::vector<double>& counts) {
  Buckets out;
  out.reserve(counts.size());
  int32_t index = 0;
  size_t at = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && at < counts.size(); ++i)
      out.push_back({index++, counts[at++]});
  }
  return out;
}

double bucket_upper_bound(const Histogram& h, int32_t index) {
  if (!uses_custom_buckets(h)) return exponential_bound(index, h.schema);
  if (index < 0) return -kInfinity;
  return static_cast<size_t>(index) < h.custom_values.size()
             ? h.custom_values[static_cast<size_t>(index)]
             : kInfinity;
}

std::vector<BoundedBucket> bounded_buckets(const Histogram& h) {
  std::vector<BoundedBucket> out;
  const auto negative = indexed_buckets(h.negative_spans, h.negative_buckets);
  for (auto b = negative.rbegin(); b != negative.rend(); ++b)
    out.push_back({-exponential_bound(b->index, h.schema),
                   -exponential_bound(b->index - 1, h.schema), true, false, b->count, false});
  if (h.zero_count > 0)
    out.push_back({-h.zero_threshold, h.zero_threshold, true, true, h.zero_count, true});
  for (const IndexedBucket& b : indexed_buckets(h.positive_spans, h.positive_buckets)) {
    const double lower = bucket_upper_bound(h, b.index - 1);
    const double upper = bucket_upper_bound(h, b.index);
    out.push_back({lower, upper, uses_custom_buckets(h) && b.index == 0, true, b.count, false});
  }
  return out;
}

Result<Histogram> add(const Histogram& a, const Histogram& b, MergeNotes& notes) {
  return combine(a, b, 1, notes);
}

Result<Histogram> subtract(const Histogram& a, const Histogram& b, MergeNotes& notes) {
  return combine(a, b, -1, notes);
}

CompensatedHistogram start_sum(const Histogram& h) {
  CompensatedHistogram out{h, {}};
  out.lost.schema = h.schema;
  out.lost.zero_threshold = h.zero_threshold;
  out.lost.custom_values = h.custom_values;
  return out;
}

Status add_compensated(CompensatedHistogram& to, const Histogram& other, MergeNotes& notes) {
  Open a(to.sum);
  Open b(other);
  Open c(to.lost);
  if (auto ok = reconcile(a, b, notes); !ok) return ok;
  if (uses_custom_buckets(a.head)) {
    if (c.head.custom_values != a.head.custom_values) c.rebucket(a.head.custom_values);
  } else {
    c.swallow(a.head.zero_threshold);
    c.reduce(a.head.schema);
  }
  a.head.reset_hint = combined_hint(to.sum.reset_hint, other.reset_hint, notes);
  add_to(a.head.count, c.head.count, b.head.count);
  add_to(a.head.sum, c.head.sum, b.head.sum);
  add_to(a.head.zero_count, c.head.zero_count, b.head.zero_count);
  merge_compensated(a.positive, c.positive, b.positive);
  merge_compensated(a.negative, c.negative, b.negative);
  to.sum = std::move(a).close();
  to.lost = std::move(c).close();
  return {};
}

bool overflows(const Histogram& h) {
  const auto infinite = [](double v) { return std::isinf(v); };
  return infinite(h.zero_count) || infinite(h.count) || infinite(h.sum) ||
         std::ranges::any_of(h.positive_buckets, infinite) ||
         std::ranges::any_of(h.negative_buckets, infinite);
}

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
  if (current.schema > previous.schema || current.zero_threshold < previous.zero_threshold)
    return true;
  before.widen_zero(current.zero_threshold);
  if (before.head.zero_threshold != current.zero_threshold ||
      current.zero_count < before.head.zero_count)
    return true;
  before.reduce(current.schema);
  return any_lower(now.positive, before.positive) || any_lower(now.negative, before.negative);
}

namespace {

// The share of a bucket's observations below `bound`, which lies inside it.
double share_below(const BoundedBucket& b, const Histogram& h, double bound) {
  if (b.is_zero || uses_custom_buckets(h)) return (bound - b.lower) / (b.upper - b.lower);
  if (b.lower > 0)
    return (std::log2(bound) - std::log2(b.lower)) / (std::log2(b.upper) - std::log2(b.lower));
  const double high = std::log2(-b.lower);
  return (std::log2(-bound) - high) / (std::log2(-b.upper) - high);
}

// Where the observations between two bounds are thought to lie on average.
double middle_of(double lower, double upper, bool linear, bool positive) {
  if (std::isinf(lower)) {
    if (std::isinf(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (std::isinf(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const double middle = std::sqrt(std::fabs(lower * upper));
  return positive ? middle : -middle;
}

struct Kept {
  double count = 0;
  double middle = 0;
};

// What stays of a bucket whose observations are of unknown spread, as one of its bounds is infinite.
Kept keep_of_open_bucket(const BoundedBucket& b, double bound, bool keep_below) {
  const bool from_zero = std::isinf(b.lower) && b.upper > 0 && !std::isinf(b.upper) &&
                         bound >= 0;  // taken to start at 0
  if (keep_below) {
    if (std::isinf(b.lower) && b.upper <= 0) return {b.count, bound};
    return from_zero && bound > 0 ? Kept{b.count * bound / b.upper, bound / 2} : Kept{};
  }
  if (std::isinf(b.lower))
    return from_zero ? Kept{b.count * (1 - bound / b.upper), (bound + b.upper) / 2} : Kept{};
  return {b.count, bound};
}

Kept keep_part(const BoundedBucket& b, const Histogram& h, double bound, bool keep_below,
               bool positive) {
  const bool linear = b.is_zero || uses_custom_buckets(h);
  if (keep_below ? b.upper <= bound : b.lower >= bound)
    return {b.count, middle_of(b.lower, b.upper, linear, positive)};
  if (keep_below ? b.lower >= bound : b.upper <= bound) return {};
  if (std::isinf(b.lower) || std::isinf(b.upper)) return keep_of_open_bucket(b, bound, keep_below);
  const double below = share_below(b, h, bound);
  if (keep_below) return {b.count * below, middle_of(b.lower, bound, linear, positive)};
  return {b.count - b.count * below, middle_of(bound, b.upper, linear, positive)};
}

}  // namespace

Histogram trim(const Histogram& h, double bound, bool keep_below) {
  Open open(h);
  double total = 0;
  double sum = 0;
  bool changed = false;
  const auto visit = [&](const BoundedBucket& b, double& count, bool positive) {
    if (b.count == 0) return;
    const Kept kept = keep_part(b, h, bound, keep_below, positive);
    changed = changed || kept.count != b.count;
    count = kept.count;
    total += kept.count;
    sum += kept.count * kept.middle;
  };
  for (IndexedBucket& b : open.positive)
    visit({bucket_upper_bound(h, b.index - 1), bucket_upper_bound(h, b.index), false, true, b.count,
           false},
          b.count, true);
  for (IndexedBucket& b : open.negative)
    visit({-exponential_bound(b.index, h.schema), -exponential_bound(b.index - 1, h.schema), true,
           false, b.count, false},
          b.count, false);
  if (h.zero_count > 0) {
    const auto counts = [](const std::vector<double>& v) {
      return std::ranges::any_of(v, [](double c) { return c != 0; });
    };
    const bool positive = counts(h.positive_buckets);
    const bool negative = counts(h.negative_buckets);
    BoundedBucket zero{-h.zero_threshold, h.zero_threshold, true, true, h.zero_count, true};
    if (positive && !negative) zero.lower = 0;
    if (negative && !positive) zero.upper = 0;
    visit(zero, open.head.zero_count, true);
  }
  if (changed) {
    open.head.sum = sum;
    open.head.count = total;
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
