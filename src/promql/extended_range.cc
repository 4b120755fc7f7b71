#include "promql/extended_range.h"

#include <algorithm>

#include "promql/histogram_math.h"

namespace sightline::promql {
namespace {

using tsdb::SampleColumns;

// How far t lies between two times, from 0 to 1.
double share(int64_t t, int64_t from, int64_t to) {
  return static_cast<double>(t - from) / static_cast<double>(to - from);
}

enum class Edge : uint8_t { kLeft, kRight };

// Values the two kinds of samples need for a window with edges.
struct FloatPoints {
  using Value = double;
  static double between(double a, double b, double part, bool is_counter, Edge edge) {
    if (is_counter && b < a) (edge == Edge::kLeft ? a = 0 : b += a);
    return a + (b - a) * part;
  }
};

struct HistogramPoints {
  using Value = HistogramPtr;
  static HistogramPtr between(const HistogramPtr& a, const HistogramPtr& b, double part, bool is_counter, Edge edge) {
    MergeNotes notes;
    model::Histogram low = *a;
    model::Histogram high = *b;
    if (is_counter && is_reset(*b, *a)) {
      if (edge == Edge::kLeft) {
        low = multiply(high, 0);
      } else if (auto sum = add(high, low, notes)) {
        high = std::move(*sum);
      }
    }
    auto scaled_low = multiply(low, 1 - part);
    auto out = add(scaled_low, multiply(high, part), notes);
    if (!out) return b;
    out->reset_hint = b->reset_hint == model::ResetHint::kGauge ? model::ResetHint::kGauge : model::ResetHint::kUnknown;
    return std::make_shared<const model::Histogram>(std::move(*out));
  }
};

struct Bounds {
  int64_t left = 0;
  int64_t right = 0;
  bool smoothed = false;
  bool is_counter = false;
};

template <typename Points>
void extend(const std::vector<int64_t>& all_times, const std::vector<typename Points::Value>& all, int64_t lookback,
            const Bounds& bounds, std::vector<int64_t>& times, std::vector<typename Points::Value>& values) {
  // What the peer would have read: (left - lookback, right (+ lookback when smoothed)].
  const int64_t reach = bounds.right + (bounds.smoothed ? lookback : 0);
  const auto begin = std::ranges::upper_bound(all_times, bounds.left - lookback) - all_times.begin();
  const auto end = std::ranges::upper_bound(all_times, reach) - all_times.begin();
  if (begin >= end) return;
  const auto t = std::span(all_times).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const auto v = std::span(all).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const auto within = t.first(t.size() - 1);
  const auto right_of_left = std::ranges::upper_bound(within, bounds.left) - within.begin();
  size_t first = static_cast<size_t>(std::max<ptrdiff_t>(0, right_of_left - 1));
  size_t last = t.size() - 1;
  if (bounds.smoothed) last = static_cast<size_t>(std::ranges::lower_bound(within, bounds.right) - within.begin());
  if (t[last] <= bounds.left) return;
  typename Points::Value left = v[first];
  if (bounds.smoothed && t[first] < bounds.left && first + 1 < t.size())
    left = Points::between(v[first], v[first + 1], share(bounds.left, t[first], t[first + 1]), bounds.is_counter, Edge::kLeft);
  typename Points::Value right = v[last];
  if (bounds.smoothed && last > 0 && t[last] > bounds.right)
    right = Points::between(v[last - 1], v[last], share(bounds.right, t[last - 1], t[last]), bounds.is_counter, Edge::kRight);
  times.push_back(bounds.left);
  values.push_back(std::move(left));
  for (size_t i = first; i <= last; ++i) {
    if (t[i] <= bounds.left || t[i] >= bounds.right) continue;
    times.push_back(t[i]);
    values.push_back(v[i]);
  }
  times.push_back(bounds.right);
  values.push_back(std::move(right));
}

}  // namespace

SampleColumns extended_samples(const SampleColumns& samples, const WindowPlan& plan, int64_t end_ms, bool is_counter) {
  const Bounds bounds{end_ms - plan.range_ms, end_ms, plan.smoothed, is_counter};
  SampleColumns out;
  extend<FloatPoints>(samples.times, samples.values, plan.lookback_ms, bounds, out.times, out.values);
  extend<HistogramPoints>(samples.histogram_times, samples.histograms, plan.lookback_ms, bounds, out.histogram_times,
                          out.histograms);
  return out;
}

Cell smoothed_instant(const SampleColumns& s, int64_t t, int64_t lookback) {
  const auto after = static_cast<size_t>(std::ranges::lower_bound(s.times, t) - s.times.begin());
  const bool has_after = after < s.times.size() && s.times[after] <= t + lookback;
  if (has_after && s.times[after] == t) return Cell::of(s.values[after]);
  const bool has_before = after > 0 && s.times[after - 1] > t - lookback;
  if (!has_before) return has_after ? Cell::of(s.values[after]) : Cell::none();
  const double before = s.values[after - 1];
  if (!has_after) return Cell::of(before);
  return Cell::of(FloatPoints::between(before, s.values[after], share(t, s.times[after - 1], s.times[after]), false, Edge::kLeft));
}

}  // namespace sightline::promql
