#include "traceql/testing/reference_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/number_text.h"

namespace sightline::traceql::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::optional<size_t> interval_of(const ReferenceGrid& grid, TimestampNs start) {
  for (size_t i = 0; i < grid.count; ++i) {
    const int64_t end = grid.first_end_ns + static_cast<int64_t>(i) * grid.step_ns;
    const auto at = static_cast<int64_t>(start.value);
    if (at > end - grid.step_ns && at <= end) return i;
  }
  return std::nullopt;
}

ReferenceLabel label_of(const Attribute& attribute, const ReferenceValue& value) {
  return {to_string(attribute), value.text,
          value.type == Type::kNil ? Type::kString : value.type};  // shown as the text "nil"
}

// What one series measured in each interval, unsorted.
using Measured = std::vector<std::vector<double>>;

double aggregate(MetricsFunction function, const std::vector<double>& values, double step_seconds,
                 double scale) {
  const auto count = static_cast<double>(values.size());
  if (function == MetricsFunction::kRate) return count / step_seconds;
  if (function == MetricsFunction::kCountOverTime) return count;
  if (values.empty()) return kNaN;
  if (function == MetricsFunction::kMinOverTime) return *std::ranges::min_element(values) / scale;
  if (function == MetricsFunction::kMaxOverTime) return *std::ranges::max_element(values) / scale;
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return (function == MetricsFunction::kAvgOverTime ? sum / count : sum) / scale;
}

// The exponents of the powers of two that values fall into; those below 2 (floats: not above 0) fall into none.
std::vector<int> exponents_of(const std::vector<double>& values, bool floats) {
  std::vector<int> exponents;
  for (const double v : values)
    if (floats ? v > 0 : v >= 2) exponents.push_back(static_cast<int>(std::ceil(std::log2(v))));
  std::ranges::sort(exponents);
  return exponents;
}

double quantile_of(const std::vector<int>& exponents, double q) {
  if (exponents.empty()) return 0;
  const auto rank = std::max<size_t>(
      1, static_cast<size_t>(std::ceil(q * static_cast<double>(exponents.size()))));
  const int exponent = exponents[rank - 1];
  const auto [first, last] = std::ranges::equal_range(exponents, exponent);
  const auto below = static_cast<size_t>(first - exponents.begin());
  return std::exp2(exponent - 1 +
                   static_cast<double>(rank - below) / static_cast<double>(last - first));
}

Result<ReferenceSeries> compare(const Metrics& metrics, const model::SpanBatch& batch,
                                const ReferenceGrid& grid, const std::vector<Attribute>& keys) {
  std::vector<Attribute> attributes;
  for (const Intrinsic i :
       {Intrinsic::kName, Intrinsic::kKind, Intrinsic::kStatus, Intrinsic::kStatusMessage,
        Intrinsic::kRootName, Intrinsic::kRootServiceName})
    attributes.push_back({.intrinsic = i});
  attributes.insert(attributes.end(), keys.begin(), keys.end());
  const auto rows = reference_rows(metrics.spans, metrics.selection.get(), attributes, batch);
  if (!rows) return std::unexpected(rows.error());
  ReferenceSeries out;
  for (const std::string side : {"baseline", "selection"})
    for (size_t a = 0; a < attributes.size(); ++a) {
      std::map<ReferenceLabel, std::vector<double>> by_value;
      std::vector<double> totals;
      for (const ReferenceRow& row : *rows) {
        const auto interval = interval_of(grid, row.start);
        const ReferenceValue& value = row.values[a];
        const bool is_textless = a < attributes.size() - keys.size() &&
                                 value.type == Type::kString && value.text.empty();
        const bool in_window =
            metrics.selection_end_ns == 0 || (row.start.value >= metrics.selection_start_ns &&
                                              row.start.value < metrics.selection_end_ns);
        if (!interval || value.type == Type::kNil || is_textless) continue;
        if ((row.is_selected && in_window) != (side == "selection")) continue;
        totals.resize(grid.count);
        totals[*interval] += 1;
        auto& counts = by_value[label_of(attributes[a], value)];
        counts.resize(grid.count);
        counts[*interval] += 1;
      }
      if (totals.empty()) continue;
      std::vector<std::pair<double, ReferenceLabel>> order;
      for (const auto& [label, counts] : by_value)
        order.emplace_back(-std::accumulate(counts.begin(), counts.end(), 0.0), label);
      // The most frequent first; among equals the order of types, then of texts.
      std::ranges::sort(order, {}, [](const auto& o) {
        return std::tuple(o.first, o.second.type, o.second.text);
      });
      if (order.size() > metrics.top_count) order.resize(metrics.top_count);
      for (const auto& [unused, label] : order)
        out[{{"__meta_type", side}, label}] = by_value[label];
      out[{{"__meta_type", side + "_total"}, {to_string(attributes[a]), "nil"}}] = totals;
    }
  return out;
}

Result<ReferenceSeries> function(const Metrics& metrics, const model::SpanBatch& batch,
                                 const ReferenceGrid& grid) {
  std::vector<Attribute> attributes = metrics.by;
  if (metrics.measured) attributes.push_back(*metrics.measured);
  const auto rows = reference_rows(metrics.spans, nullptr, attributes, batch);
  if (!rows) return std::unexpected(rows.error());
  std::map<ReferenceLabels, Measured> whole, floats;
  bool durations = false;
  for (const ReferenceRow& row : *rows) {
    const auto interval = interval_of(grid, row.start);
    if (!interval) continue;
    if (metrics.measured && !row.values.back().is_number) continue;
    ReferenceLabels labels;
    for (size_t i = 0; i < metrics.by.size(); ++i)
      labels.push_back(label_of(metrics.by[i], row.values[i]));
    whole[labels].resize(grid.count);
    floats[labels].resize(grid.count);
    const Type type = metrics.measured ? row.values.back().type : Type::kInt;
    durations = durations || type == Type::kDuration;
    (type == Type::kFloat ? floats : whole)[labels][*interval].push_back(
        metrics.measured ? row.values.back().number : 1);
  }
  const double scale = durations ? 1e9 : 1;
  const double step_seconds = static_cast<double>(grid.step_ns) / 1e9;
  ReferenceSeries out;
  for (auto& [labels, measured] : whole)
    for (size_t i = 0; i < grid.count; ++i) {
      const std::vector<double>& real = floats[labels][i];
      std::vector<int> exponents = exponents_of(measured[i], false);
      const std::vector<int> real_exponents = exponents_of(real, true);
      exponents.insert(exponents.end(), real_exponents.begin(), real_exponents.end());
      std::ranges::sort(exponents);
      if (metrics.function == MetricsFunction::kQuantileOverTime) {
        for (const double q : metrics.quantiles) {
          ReferenceLabels with_p = labels;
          with_p.push_back({"p", format_float_plain(q), Type::kFloat});
          out[with_p].resize(grid.count);
          out[with_p][i] = quantile_of(exponents, q) / scale;
        }
      } else if (metrics.function == MetricsFunction::kHistogramOverTime) {
        for (const int exponent : exponents) {
          ReferenceLabels with_bucket = labels;
          with_bucket.push_back(
              {"__bucket", format_float_plain(std::exp2(exponent) / scale), Type::kFloat});
          out[with_bucket].resize(grid.count);
          out[with_bucket][i] += 1;
        }
      } else {
        std::vector<double> all = measured[i];
        all.insert(all.end(), real.begin(), real.end());
        out[labels].push_back(aggregate(metrics.function, all, step_seconds, scale));
      }
    }
  return out;
}

double calculate(FieldOp op, double a, double b) {
  if (op == FieldOp::kAdd) return a + b;
  if (op == FieldOp::kSubtract) return a - b;
  if (op == FieldOp::kMultiply) return a * b;
  return b == 0 ? kNaN : a / b;
}

bool holds(FieldOp op, double a, double b) {
  if (op == FieldOp::kEqual) return a == b;
  if (op == FieldOp::kNotEqual) return a != b;
  if (op == FieldOp::kLess) return a < b;
  if (op == FieldOp::kLessEqual) return a <= b;
  return op == FieldOp::kGreater ? a > b : a >= b;
}

void drop_empty(ReferenceSeries& series) {
  std::erase_if(series, [](const auto& s) {
    return std::ranges::all_of(s.second, [](double v) { return std::isnan(v); });
  });
}

void apply(const SecondStage& stage, ReferenceSeries& series, size_t intervals) {
  for (size_t i = 0; i < intervals; ++i) {
    std::vector<std::pair<double, double*>> order;  // in the order of labels
    for (auto& [labels, values] : series) {
      if (stage.kind == SecondStage::Kind::kFilter) {
        if (!holds(stage.op, values[i], stage.value)) values[i] = kNaN;
      } else if (!std::isnan(values[i])) {
        order.emplace_back(stage.kind == SecondStage::Kind::kTopK ? -values[i] : values[i],
                           &values[i]);
      }
    }
    std::ranges::stable_sort(order, {}, [](const auto& o) { return o.first; });
    for (size_t rank = stage.count; rank < order.size(); ++rank) *order[rank].second = kNaN;
  }
  drop_empty(series);
}

}  // namespace

Result<ReferenceSeries> reference_metrics(const Metrics& metrics, const model::SpanBatch& batch,
                                          const ReferenceGrid& grid,
                                          const std::vector<Attribute>& keys) {
  Result<ReferenceSeries> out = ReferenceSeries();
  if (metrics.kind == Metrics::Kind::kNumber) {
    (*out)[{}] = std::vector<double>(grid.count, metrics.number);
    return out;
  }
  if (metrics.kind == Metrics::Kind::kBinary) {
    const auto left = reference_metrics(*metrics.left, batch, grid, keys);
    if (!left) return left;
    const auto right = reference_metrics(*metrics.right, batch, grid, keys);
    if (!right) return right;
    for (const auto& [a, a_values] : *left)
      for (const auto& [b, b_values] : *right) {
        if (!a.empty() && !b.empty() && a != b) continue;
        auto& values = (*out)[a.empty() ? b : a];
        values.clear();
        for (size_t i = 0; i < grid.count; ++i)
          values.push_back(calculate(metrics.op, a_values[i], b_values[i]));
      }
    drop_empty(*out);
  } else {
    out = metrics.function == MetricsFunction::kCompare ? compare(metrics, batch, grid, keys)
                                                        : function(metrics, batch, grid);
  }
  if (!out) return out;
  for (const SecondStage& stage : metrics.second_stages) apply(stage, *out, grid.count);
  return out;
}

}  // namespace sightline::traceql::testing
