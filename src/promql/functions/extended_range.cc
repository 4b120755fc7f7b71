#include "promql/functions/extended_range.h"

#include <algorithm>

#include "promql/functions/histogram_math.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

using model::Histogram;
using model::ResetHint;
using tsdb::SampleColumns;

bool is_counter_function(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease;
}

// How far t lies between two times, from 0 to 1.
double share(int64_t t, int64_t from, int64_t to) {
  return static_cast<double>(t - from) / static_cast<double>(to - from);
}

struct Bounds {
  int64_t left = 0;
  int64_t right = 0;
  bool smoothed = false;
  int64_t lookback = 0;  // how far beyond the edges samples may lie
};

// A stretch of a column.
template <typename T>
struct Points {
  std::span<const int64_t> times;
  std::span<const T> values;
  std::span<const int64_t> created;  // empty when unknown
};

// What the peer reads for a window: (left - lookback, right], when smoothed also `lookback` beyond.
template <typename T>
Points<T> reach(const std::vector<int64_t>& times, const std::vector<T>& values,
                const std::vector<int64_t>& created, const Bounds& b) {
  const auto begin = std::ranges::upper_bound(times, b.left - b.lookback) - times.begin();
  const auto end =
      std::ranges::upper_bound(times, b.right + (b.smoothed ? b.lookback : 0)) - times.begin();
  const auto from = static_cast<size_t>(begin);
  const auto n = static_cast<size_t>(std::max<ptrdiff_t>(end - begin, 0));
  return {std::span(times).subspan(from, n), std::span<const T>(values).subspan(from, n),
          created.empty() ? std::span<const int64_t>() : std::span(created).subspan(from, n)};
}

Points<double> floats_within(const SampleColumns& s, const Bounds& b) {
  return reach(s.times, s.values, s.created, b);
}

Points<HistogramPtr> histograms_within(const SampleColumns& s, const Bounds& b) {
  return reach(s.histogram_times, s.histograms, s.histogram_created, b);
}

// Indices of the samples that stand for the edges.
struct EdgeIndices {
  size_t first = 0;
  size_t last = 0;
};

std::optional<EdgeIndices> edges_of(std::span<const int64_t> times, const Bounds& b) {
  if (times.empty()) return std::nullopt;
  const auto before_last = times.first(times.size() - 1);
  const auto after_left = std::ranges::upper_bound(before_last, b.left) - before_last.begin();
  EdgeIndices out{static_cast<size_t>(std::max<ptrdiff_t>(after_left - 1, 0)), times.size() - 1};
  if (b.smoothed)
    out.last =
        static_cast<size_t>(std::ranges::lower_bound(before_last, b.right) - before_last.begin());
  if (times[out.last] <= b.left) return std::nullopt;
  return out;
}

// A float sample with the start of what it counts; 0: unknown.
struct Reading {
  int64_t time = 0;
  double value = 0;
  int64_t start = 0;
};

Reading reading(const Points<double>& p, size_t i) {
  return {p.times[i], p.values[i], p.created.empty() ? 0 : p.created[i]};
}

bool is_reset_between(const Reading& a, const Reading& b) {
  return start_says_reset({a.time, a.start}, {b.time, b.start});
}

// Does what `r` counts begin after t?
bool begins_after(int64_t t, const Reading& r) {
  return r.start != 0 && r.start > t && r.time > t && r.start < r.time;
}

Reading zero_at_start(const Reading& r) { return {r.start, 0, r.start}; }

double between(double a, double b, double part, bool is_counter) {
  if (is_counter && b < a) a = 0;
  return a + (b - a) * part;
}

double between(const Reading& a, const Reading& b, int64_t t, bool is_counter) {
  return between(a.value, b.value, share(t, a.time, b.time), is_counter);
}

// The value at an edge that only a sample after it stands for.
double value_before(const Reading& r, int64_t edge, const Bounds& b, bool is_counter) {
  if (!is_counter || !begins_after(b.left - b.lookback, r)) return r.value;
  if (begins_after(edge, r) || !b.smoothed) return 0;
  return between(zero_at_start(r), r, edge, true);
}

// The value at the left edge, and the start that it has.
Reading left_edge(const Points<double>& p, size_t first, const Bounds& b, bool is_counter) {
  Reading at = reading(p, first);
  Reading out{b.left, at.value, at.start > b.left ? 0 : at.start};
  if (at.time == b.left) return out;
  if (at.time > b.left) {
    out.value = value_before(at, b.left, b, is_counter);
    return out;
  }
  Reading next = reading(p, first + 1);
  if (is_counter && begins_after(b.left, next)) {
    next = zero_at_start(next);
  } else if (is_counter && is_reset_between(at, next)) {
    out.start = next.start;
    at = zero_at_start(next);
  }
  out.value = b.smoothed ? between(at, next, b.left, is_counter) : at.value;
  return out;
}

Reading right_edge(const Points<double>& p, size_t last, const Bounds& b, bool is_counter) {
  Reading at = reading(p, last);
  Reading out{b.right, at.value, at.start > b.right ? 0 : at.start};
  if (at.time <= b.right) return out;
  if (last == 0) {
    out.value = value_before(at, b.right, b, is_counter);
    return out;
  }
  Reading before = reading(p, last - 1);
  if (is_counter && begins_after(b.right, at)) {
    out.start = before.start;
    at = zero_at_start(at);
  } else if (is_counter && is_reset_between(before, at)) {
    before = zero_at_start(at);
  }
  out.value = b.smoothed ? between(before, at, b.right, is_counter) : before.value;
  return out;
}

Cell float_rate(const Points<double>& p, const Bounds& b, bool is_counter, double divisor) {
  const auto e = edges_of(p.times, b);
  if (!e) return Cell::none();
  const Reading first = reading(p, e->first);
  if (b.smoothed && first.time > b.right &&
      (!is_counter || !begins_after(b.left - b.lookback, first) || begins_after(b.right, first)))
    return Cell::none();
  const Reading left = left_edge(p, e->first, b, is_counter);
  const Reading right = right_edge(p, e->last, b, is_counter);
  double change = right.value - left.value;
  if (is_counter) {
    Reading previous = left;
    const auto count = [&](const Reading& r) {
      if (r.value < previous.value || is_reset_between(previous, r)) change += previous.value;
      previous = r;
    };
    for (size_t i = e->first; i <= e->last; ++i)
      if (p.times[i] > b.left && p.times[i] < b.right) count(reading(p, i));
    count(right);
  }
  return Cell::of(change / divisor);
}

// Arithmetic that says what it met.
class HistogramSteps {
 public:
  explicit HistogramSteps(PositionRange at, std::string_view metric, Annotations& annotations)
      : at_(at), metric_(metric), annotations_(annotations) {}

  std::optional<Histogram> add(const Histogram& a, const Histogram& b) const {
    return merged(a, b, true);
  }
  std::optional<Histogram> subtract(const Histogram& a, const Histogram& b) const {
    return merged(a, b, false);
  }

  // Between two samples; across a reset from zero.
  std::optional<Histogram> between(const HistogramPtr& a, const HistogramPtr& b, double part,
                                   bool is_counter) const {
    if (part <= 0) return *a;
    if (part >= 1) return *b;
    if (is_counter && is_reset(*b, *a)) return multiply(*b, part);
    const auto difference = subtract(*b, *a);
    return difference ? add(multiply(*difference, part), *a) : std::nullopt;
  }

  void warn_mixed_layouts() const {
    annotations_.warn(
        at_, "vector contains a mix of histograms with exponential and custom buckets schemas" +
                 for_metric(metric_));
  }
  void warn(const std::string& text) const { annotations_.warn(at_, text + go_quote(metric_)); }

 private:
  std::optional<Histogram> merged(const Histogram& a, const Histogram& b, bool adding) const {
    MergeNotes notes;
    auto out = adding ? promql::add(a, b, notes) : promql::subtract(a, b, notes);
    if (!out) return warn_mixed_layouts(), std::nullopt;
    if (notes.bounds_reconciled)
      annotations_.info(at_, std::string("mismatched custom buckets were reconciled during ") +
                                 (adding ? "addition" : "subtraction"));
    return std::move(*out);
  }

  PositionRange at_;
  std::string_view metric_;
  Annotations& annotations_;
};

using HistogramPoints = Points<HistogramPtr>;

bool check_samples(const HistogramPoints& p, EdgeIndices e, bool is_counter,
                   const HistogramSteps& steps) {
  const bool custom = uses_custom_buckets(*p.values[e.first]);
  for (size_t i = e.first; i <= e.last; ++i) {
    if (uses_custom_buckets(*p.values[i]) != custom) return steps.warn_mixed_layouts(), false;
    if (is_counter && p.values[i]->reset_hint == ResetHint::kGauge)
      steps.warn("this native histogram metric is not a counter: ");
  }
  return true;
}

// What resets between the edges took away; nullopt after a fault. The sample at the right edge is compared
// as `right` alone: its own hint would count a reset twice.
std::optional<std::optional<Histogram>> lost_to_resets(const HistogramPoints& p, EdgeIndices e,
                                                       const Bounds& b, const Histogram& left,
                                                       const Histogram& right,
                                                       const HistogramSteps& steps) {
  std::optional<Histogram> lost;
  size_t next = e.first + 1;
  const Histogram* previous = &left;
  if (b.smoothed && p.times[e.first] < b.left &&
      is_reset(*p.values[e.first + 1], *p.values[e.first])) {
    previous = p.values[e.first + 1].get();  // interpolation to the left edge has settled this one
    ++next;
  }
  if (next > e.last) return lost;
  const auto compare = [&](const Histogram& h) {
    if (is_reset(h, *previous)) {
      auto sum = lost ? steps.add(*lost, *previous) : std::optional<Histogram>(*previous);
      if (!sum) return false;
      lost = std::move(sum);
    }
    previous = &h;
    return true;
  };
  for (size_t i = next; i < e.last; ++i)
    if (!compare(*p.values[i])) return std::nullopt;
  if (!compare(right)) return std::nullopt;
  return lost;
}

Cell histogram_rate(const HistogramPoints& p, const Bounds& b, bool is_counter, double divisor,
                    const HistogramSteps& steps) {
  const auto e = edges_of(p.times, b);
  if (!e || (b.smoothed && p.times[e->first] > b.right)) return Cell::none();
  if (!check_samples(p, *e, is_counter, steps)) return Cell::none();
  std::optional<Histogram> left = *p.values[e->first];
  std::optional<Histogram> right = *p.values[e->last];
  if (b.smoothed && p.times[e->first] < b.left)
    left = steps.between(p.values[e->first], p.values[e->first + 1],
                         share(b.left, p.times[e->first], p.times[e->first + 1]), is_counter);
  if (b.smoothed && e->last > 0 && p.times[e->last] > b.right)
    right = steps.between(p.values[e->last - 1], p.values[e->last],
                          share(b.right, p.times[e->last - 1], p.times[e->last]), is_counter);
  if (!left || !right) return Cell::none();
  if (!is_counter &&
      (left->reset_hint != ResetHint::kGauge || right->reset_hint != ResetHint::kGauge))
    steps.warn("this native histogram metric is not a gauge: ");
  auto change = steps.subtract(*right, *left);
  if (!change) return Cell::none();
  if (is_counter) {
    const auto lost = lost_to_resets(p, *e, b, *left, *right, steps);
    if (!lost) return Cell::none();
    if (*lost) change = steps.add(*change, **lost);
    if (!change) return Cell::none();
  }
  Histogram out = divide(*change, divisor);
  out.reset_hint = ResetHint::kGauge;
  return Cell::of(compact(out));
}

}  // namespace

SampleColumns extended_samples(const SampleColumns& samples, const WindowPlan& plan,
                               int64_t end_ms) {
  const Bounds b{end_ms - plan.range_ms, end_ms, plan.smoothed, plan.lookback_ms};
  SampleColumns out;
  const auto p = floats_within(samples, b);
  const auto e = edges_of(p.times, b);
  if (!e) return out;
  out.times.push_back(b.left);
  out.values.push_back(left_edge(p, e->first, b, false).value);
  for (size_t i = e->first; i <= e->last; ++i) {
    if (p.times[i] <= b.left || p.times[i] >= b.right) continue;
    out.times.push_back(p.times[i]);
    out.values.push_back(p.values[i]);
  }
  out.times.push_back(b.right);
  out.values.push_back(right_edge(p, e->last, b, false).value);
  return out;
}

Cell extended_rate(const SampleColumns& samples, const WindowPlan& plan, int64_t end_ms,
                   const RangeCallContext& call) {
  const Bounds b{end_ms - plan.range_ms, end_ms, plan.smoothed, plan.lookback_ms};
  const bool is_counter = is_counter_function(call.function);
  const double divisor =
      call.function == FunctionId::kRate ? static_cast<double>(plan.range_ms) / 1000 : 1;
  const auto floats = floats_within(samples, b);
  const auto histograms = histograms_within(samples, b);
  if (!floats.times.empty() && !histograms.times.empty()) {
    call.annotations.warn(call.at,
                          "encountered a mix of histograms and floats" + for_metric(call.metric));
    return Cell::none();
  }
  if (!floats.times.empty()) return float_rate(floats, b, is_counter, divisor);
  return histogram_rate(histograms, b, is_counter, divisor,
                        HistogramSteps(call.at, call.metric, call.annotations));
}

Cell anchored_count(const SampleColumns& samples, const WindowPlan& plan, int64_t end_ms,
                    const RangeCallContext& call) {
  const Bounds b{end_ms - plan.range_ms, end_ms, false, plan.lookback_ms};
  const auto floats = floats_within(samples, b);
  const auto histograms = histograms_within(samples, b);
  auto f =
      static_cast<size_t>(std::ranges::upper_bound(floats.times, b.left) - floats.times.begin());
  auto h = static_cast<size_t>(std::ranges::upper_bound(histograms.times, b.left) -
                               histograms.times.begin());
  if (f == floats.times.size() && h == histograms.times.size()) return Cell::none();
  // The newest sample at or before the edge is the anchor, of whichever kind.
  const bool float_anchor = f > 0 && (h == 0 || floats.times[f - 1] >= histograms.times[h - 1]);
  if (float_anchor)
    --f;
  else if (h > 0)
    --h;
  Window w;
  w.start_ms = b.left;
  w.end_ms = b.right;
  w.times = floats.times.subspan(f);
  w.values = floats.values.subspan(f);
  if (!floats.created.empty()) w.created = floats.created.subspan(f);
  w.histogram_times = histograms.times.subspan(h);
  w.histograms = histograms.values.subspan(h);
  if (!histograms.created.empty()) w.histogram_created = histograms.created.subspan(h);
  return over_time(w, call);
}

Cell smoothed_instant(const SampleColumns& s, const SmoothedAt& at, Annotations& annotations) {
  const Bounds b{at.time_ms, at.time_ms, true, at.lookback_ms};
  const auto floats = floats_within(s, b);
  const auto histograms = histograms_within(s, b);
  if (!floats.times.empty() && !histograms.times.empty()) {
    annotations.warn(at.position,
                     "encountered a mix of histograms and floats" + for_metric(at.metric));
    return Cell::none();
  }
  const auto& times = floats.times.empty() ? histograms.times : floats.times;
  const auto after =
      static_cast<size_t>(std::ranges::lower_bound(times, at.time_ms) - times.begin());
  const bool exact = after < times.size() && times[after] == at.time_ms;
  if (!exact && after == 0) return Cell::none();
  const bool carried = !exact && after == times.size();
  const double part = exact || carried ? 0 : share(at.time_ms, times[after - 1], times[after]);
  if (histograms.times.empty()) {
    if (exact) return Cell::of(floats.values[after]);
    return Cell::of(carried ? floats.values[after - 1]
                            : between(floats.values[after - 1], floats.values[after], part, false));
  }
  if (exact) return Cell::of(histograms.values[after]);
  const HistogramPtr& before = histograms.values[after - 1];
  if (carried) {
    Histogram copy = *before;
    copy.reset_hint = ResetHint::kUnknown;
    return Cell::of(std::move(copy));
  }
  const HistogramPtr& next = histograms.values[after];
  const HistogramSteps steps(at.position, at.metric, annotations);
  if (uses_custom_buckets(*before) != uses_custom_buckets(*next))
    return steps.warn_mixed_layouts(), Cell::none();
  const bool is_counter =
      before->reset_hint != ResetHint::kGauge || next->reset_hint != ResetHint::kGauge;
  auto out = steps.between(before, next, part, is_counter);
  return out ? Cell::of(std::move(*out)) : Cell::none();
}

}  // namespace sightline::promql
