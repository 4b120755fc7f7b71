// *_over_time, changes, resets, and the regressions.
#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "promql/functions/aggregate_state.h"
#include "promql/functions/compensated_sum.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/quantile.h"
#include "promql/functions/range_functions.h"

namespace sightline::promql {
namespace {

double seconds(int64_t ms) { return static_cast<double>(ms) / 1000; }

void inform_ignored(const RangeCallContext& call) {
  call.annotations.info(call.at,
                        "ignored histograms in a range containing both floats and histograms" +
                            for_metric(call.metric));
}

// Floats alone count; says so when histograms lie among them.
bool has_floats(const Window& w, const RangeCallContext& call) {
  if (w.times.empty()) return false;
  if (!w.histogram_times.empty()) inform_ignored(call);
  return true;
}

Cell total(const Window& w, const RangeCallContext& call) {
  const bool mean = call.function == FunctionId::kAvgOverTime;
  if (!w.times.empty() && !w.histogram_times.empty()) {
    call.annotations.warn(call.at,
                          "encountered a mix of histograms and floats" + for_metric(call.metric));
    return Cell::none();
  }
  if (!w.histogram_times.empty()) {
    HistogramSum sum(mean ? HistogramSum::Result::kMean : HistogramSum::Result::kSum);
    for (const HistogramPtr& h : w.histograms) sum.add(*h);
    sum.annotate(call.annotations, call.at, "aggregation");
    if (sum.failed()) {
      call.annotations.warn(
          call.at,
          "vector contains a mix of histograms with exponential and custom buckets schemas" +
              for_metric(call.metric));
      return Cell::none();
    }
    return Cell::of(sum.value());
  }
  if (mean) {
    CompensatedMean state;
    for (const double v : w.values) state.add(v);
    return Cell::of(state.value());
  }
  CompensatedSum state;
  for (const double v : w.values) state.add(v);
  return Cell::of(state.value());
}

// Index of the smallest or largest float; the last of equals when asked.
size_t extreme_index(const Window& w, bool lowest, bool last_of_equals) {
  size_t best = 0;
  for (size_t i = 1; i < w.values.size(); ++i) {
    const double v = w.values[i];
    const double b = w.values[best];
    const bool better = lowest ? v < b : v > b;
    if (better || std::isnan(b) || (last_of_equals && v == b)) best = i;
  }
  return best;
}

// A NaN leaves the median undefined, and so the deviation from it.
Cell median_deviation(const Window& w) {
  if (std::ranges::any_of(w.values, [](double v) { return std::isnan(v); }))
    return Cell::of(std::nan(""));
  std::vector<double> values(w.values.begin(), w.values.end());
  const double median = quantile(0.5, values);
  for (double& v : values) v = std::fabs(v - median);
  return Cell::of(quantile(0.5, values));
}

Cell quantile_of(const Window& w, const RangeCallContext& call) {
  if (std::isnan(call.param) || call.param < 0 || call.param > 1)
    call.annotations.warn(call.param_at, "quantile value should be between 0 and 1, got " +
                                             format_float_go(call.param));
  std::vector<double> values(w.values.begin(), w.values.end());
  return Cell::of(quantile(call.param, values));
}

// Visits a window's samples in time order with their predecessor.
template <typename Visit>
void for_each_pair(const Window& w, Visit visit) {
  size_t f = 0;
  size_t h = 0;
  Cell previous;
  while (f < w.times.size() || h < w.histogram_times.size()) {
    const bool is_float =
        h == w.histogram_times.size() || (f < w.times.size() && w.times[f] <= w.histogram_times[h]);
    Cell current = is_float ? Cell::of(w.values[f]) : Cell::of(w.histograms[h]);
    if (previous.kind != CellKind::kNone) visit(previous, current, is_float ? f : h);
    ++(is_float ? f : h);
    previous = std::move(current);
  }
}

bool start_reset(std::span<const int64_t> times, std::span<const int64_t> created, size_t i) {
  return i > 0 && !created.empty() &&
         start_time_verdict(times, created, i) == StartTimeVerdict::kReset;
}

Cell count_resets(const Window& w) {
  double count = 0;
  for_each_pair(w, [&](const Cell& a, const Cell& b, size_t i) {
    if (a.kind != b.kind)
      ++count;
    else if (a.kind == CellKind::kFloat)
      count += b.value < a.value || start_reset(w.times, w.created, i) ? 1 : 0;
    else
      count += is_reset(*b.histogram, *a.histogram) ||
                       start_reset(w.histogram_times, w.histogram_created, i)
                   ? 1
                   : 0;
  });
  return Cell::of(count);
}

Cell count_changes(const Window& w) {
  double count = 0;
  for_each_pair(w, [&](const Cell& a, const Cell& b, size_t) {
    if (a.kind != b.kind)
      ++count;
    else if (a.kind == CellKind::kFloat)
      count += a.value != b.value && !(std::isnan(a.value) && std::isnan(b.value)) ? 1 : 0;
    else
      count += same_histogram(*a.histogram, *b.histogram) ? 0 : 1;
  });
  return Cell::of(count);
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares; x in seconds from `origin_ms`.
Line fit(const Window& w, int64_t origin_ms) {
  CompensatedSum x_sum, y_sum, xy_sum, xx_sum;
  bool constant = true;
  for (size_t i = 0; i < w.times.size(); ++i) {
    constant = constant && w.values[i] == w.values[0];
    const double x = seconds(w.times[i] - origin_ms);
    x_sum.add(x);
    y_sum.add(w.values[i]);
    xy_sum.add(x * w.values[i]);
    xx_sum.add(x * x);
  }
  if (constant) {
    if (std::isinf(w.values[0])) return {std::nan(""), std::nan("")};
    return {0, w.values[0]};
  }
  const auto n = static_cast<double>(w.times.size());
  const double covariance = xy_sum.value() - x_sum.value() * y_sum.value() / n;
  const double variance = xx_sum.value() - x_sum.value() * x_sum.value() / n;
  const double slope = covariance / variance;
  return {slope, y_sum.value() / n - slope * x_sum.value() / n};
}

Cell regression(const Window& w, const RangeCallContext& call) {
  if (w.times.size() < 2) {
    if (w.times.size() == 1 && !w.histogram_times.empty()) inform_ignored(call);
    return Cell::none();
  }
  if (!w.histogram_times.empty()) inform_ignored(call);
  if (call.function == FunctionId::kDeriv) return Cell::of(fit(w, w.times.front()).slope);
  const Line line = fit(w, call.step_time_ms);
  return Cell::of(line.slope * call.param + line.intercept);
}

Cell smoothing(const Window& w, const RangeCallContext& call) {
  if (w.times.size() < 2) {
    if (w.times.size() == 1 && !w.histogram_times.empty()) inform_ignored(call);
    return Cell::none();
  }
  if (!w.histogram_times.empty()) inform_ignored(call);
  double before = 0;
  double level = w.values[0];
  double trend = w.values[1] - w.values[0];
  for (size_t i = 1; i < w.values.size(); ++i) {
    if (i > 1) trend = call.second_param * (level - before) + (1 - call.second_param) * trend;
    const double next = call.param * w.values[i] + (1 - call.param) * (level + trend);
    before = level;
    level = next;
  }
  return Cell::of(level);
}

// Area under the floats of a window in value-seconds; a NaN counts as 0.
enum class AreaRule : uint8_t { kLeftPoint, kRightPoint, kTrapezoid };

AreaRule area_rule(const RangeCallContext& call) {
  for (const AreaRule rule : {AreaRule::kLeftPoint, AreaRule::kRightPoint, AreaRule::kTrapezoid})
    if (call.param == static_cast<double>(rule)) return rule;
  call.annotations.warn(call.param_at, "strategy should be 0, 1, or 2 (default), using 2, got " +
                                           format_float_go(call.param));
  return AreaRule::kTrapezoid;
}

CompensatedSum height_between(double left, double right, AreaRule rule) {
  if (rule != AreaRule::kTrapezoid) return {rule == AreaRule::kLeftPoint ? left : right, 0};
  CompensatedSum sum{right, 0};
  sum.add(left);
  if (!std::isinf(sum.sum) || std::isinf(left) || std::isinf(right))
    return {sum.sum / 2, sum.lost / 2};
  sum = {right / 2, 0};  // finite samples whose sum is not
  sum.add(left / 2);
  return sum;
}

Cell integral(const Window& w, const RangeCallContext& call) {
  const AreaRule rule = area_rule(call);
  const auto value_at = [&](size_t i) { return std::isnan(w.values[i]) ? 0 : w.values[i]; };
  CompensatedSum area;
  for (size_t i = 1; i < w.values.size(); ++i) {
    const CompensatedSum height = height_between(value_at(i - 1), value_at(i), rule);
    if (height.sum == 0 && height.lost == 0) continue;
    const double width = seconds(w.times[i] - w.times[i - 1]);
    area.lost += height.lost * width;
    area.add(height.sum * width);
  }
  return Cell::of(std::isinf(area.sum) ? area.sum : area.value());
}

Cell edge_sample(const Window& w, bool first, bool want_time) {
  bool is_float = w.histogram_times.empty();
  if (!is_float && !w.times.empty())
    is_float = first ? w.times.front() < w.histogram_times.front()
                     : w.times.back() > w.histogram_times.back();
  if (is_float) {
    const size_t i = first ? 0 : w.times.size() - 1;
    return Cell::of(want_time ? seconds(w.times[i]) : w.values[i]);
  }
  const size_t i = first ? 0 : w.histogram_times.size() - 1;
  return want_time ? Cell::of(seconds(w.histogram_times[i])) : Cell::of(w.histograms[i]);
}

Cell of_floats(const Window& w, const RangeCallContext& call) {
  const auto value_at = [&](bool lowest) {
    return Cell::of(w.values[extreme_index(w, lowest, false)]);
  };
  const auto time_at = [&](bool lowest) {
    return Cell::of(seconds(w.times[extreme_index(w, lowest, true)]));
  };
  switch (call.function) {
    case FunctionId::kMinOverTime: return value_at(true);
    case FunctionId::kMaxOverTime: return value_at(false);
    case FunctionId::kTsOfMinOverTime: return time_at(true);
    case FunctionId::kTsOfMaxOverTime: return time_at(false);
    case FunctionId::kMadOverTime: return median_deviation(w);
    case FunctionId::kQuantileOverTime: return quantile_of(w, call);
    case FunctionId::kIntegral: return integral(w, call);
    default: break;
  }
  Variance variance;
  for (const double v : w.values) variance.add(v);
  return Cell::of(call.function == FunctionId::kStddevOverTime ? std::sqrt(variance.value())
                                                               : variance.value());
}

}  // namespace

Cell over_time(const Window& w, const RangeCallContext& call) {
  if (w.empty()) return Cell::none();
  switch (call.function) {
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime: return total(w, call);
    case FunctionId::kCountOverTime:
      return Cell::of(static_cast<double>(w.times.size() + w.histogram_times.size()));
    case FunctionId::kPresentOverTime: return Cell::of(1.0);
    case FunctionId::kLastOverTime: return edge_sample(w, false, false);
    case FunctionId::kFirstOverTime: return edge_sample(w, true, false);
    case FunctionId::kTsOfFirstOverTime: return edge_sample(w, true, true);
    case FunctionId::kTsOfLastOverTime: return edge_sample(w, false, true);
    case FunctionId::kResets: return count_resets(w);
    case FunctionId::kChanges: return count_changes(w);
    case FunctionId::kDeriv:
    case FunctionId::kPredictLinear: return regression(w, call);
    case FunctionId::kDoubleExponentialSmoothing: return smoothing(w, call);
    default: return has_floats(w, call) ? of_floats(w, call) : Cell::none();
  }
}

}  // namespace sightline::promql
