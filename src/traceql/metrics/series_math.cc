#include "traceql/metrics/series_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/number_text.h"

namespace sightline::traceql {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double calculate(FieldOp op, double a, double b) {
  switch (op) {
    case FieldOp::kAdd: return a + b;
    case FieldOp::kSubtract: return a - b;
    case FieldOp::kMultiply: return a * b;
    default: return b == 0 ? kNaN : a / b;
  }
}

bool keeps(FieldOp op, double value, double bound) {
  switch (op) {
    case FieldOp::kEqual: return value == bound;
    case FieldOp::kNotEqual: return value != bound;
    case FieldOp::kLess: return value < bound;
    case FieldOp::kLessEqual: return value <= bound;
    case FieldOp::kGreater: return value > bound;
    default: return value >= bound;
  }
}

bool is_unlabelled(const MetricsSeries& series) {
  return series.labels.size() == 1 && series.labels[0].first == "__name__";
}

std::string labels_text(const MetricsSeries& series) {
  std::string out;
  for (const auto& [key, value] : series.labels) {
    out.append(key).push_back('\0');
    // Numbers in order of size, not of digits.
    if (is_numeric(value.type)) {
      const auto bits = static_cast<uint64_t>(std::clamp(value.view().number(), 0.0, 1e13) * 1e6);
      for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(bits >> shift));
    }
    out.append(display_text(value.view())).push_back('\0');
  }
  return out;
}

void remove_empty(SeriesList& series) {
  std::erase_if(series, [](const MetricsSeries& s) {
    return std::ranges::all_of(s.values, [](double v) { return std::isnan(v); });
  });
}

void rename(MetricsSeries& series, const std::string& left, FieldOp op, const std::string& right) {
  if (is_unlabelled(series))
    series.labels[0].second = OwnedValue::of(
        Value::of_text("(" + left + " " + std::string(to_string(op)) + " " + right + ")"));
}

MetricsSeries pair(FieldOp op, const MetricsSeries& left, const MetricsSeries& right) {
  const bool fan_out = is_unlabelled(left) && !is_unlabelled(right);
  MetricsSeries made{.labels = fan_out ? right.labels : left.labels,
                     .exemplars = fan_out ? right.exemplars : left.exemplars};
  for (size_t i = 0; i < left.values.size(); ++i)
    made.values.push_back(calculate(op, left.values[i], right.values[i]));
  if (is_unlabelled(left) && is_unlabelled(right))
    rename(made, left.labels[0].second.text, op, right.labels[0].second.text);
  return made;
}

}  // namespace

SeriesList combine(FieldOp op, SeriesList left, const SeriesList& right) {
  SeriesList out;
  for (const MetricsSeries& l : left)
    for (const MetricsSeries& r : right)
      if (is_unlabelled(l) || is_unlabelled(r) || l.labels == r.labels)
        out.push_back(pair(op, l, r));
  remove_empty(out);
  return out;
}

SeriesList combine_number(FieldOp op, SeriesList series, double number, bool number_is_left) {
  const std::string text = format_float_plain(number);
  for (MetricsSeries& s : series) {
    for (double& value : s.values)
      value = number_is_left ? calculate(op, number, value) : calculate(op, value, number);
    const std::string name = is_unlabelled(s) ? s.labels[0].second.text : std::string();
    number_is_left ? rename(s, text, op, name) : rename(s, name, op, text);
  }
  remove_empty(series);
  return series;
}

void apply(const SecondStage& stage, SeriesList& series) {
  if (series.empty()) return;
  if (stage.kind == SecondStage::Kind::kFilter) {
    for (MetricsSeries& s : series)
      for (double& value : s.values)
        if (!keeps(stage.op, value, stage.value)) value = kNaN;
    return remove_empty(series);
  }
  sort_by_labels(series);
  const bool top = stage.kind == SecondStage::Kind::kTopK;
  for (size_t i = 0; i < series[0].values.size(); ++i) {
    std::vector<MetricsSeries*> order;
    for (MetricsSeries& s : series)
      if (!std::isnan(s.values[i])) order.push_back(&s);
    std::ranges::stable_sort(order, [&](const MetricsSeries* a, const MetricsSeries* b) {
      return top ? a->values[i] > b->values[i] : a->values[i] < b->values[i];
    });
    for (size_t rank = stage.count; rank < order.size(); ++rank) order[rank]->values[i] = kNaN;
  }
  remove_empty(series);
}

void sort_by_labels(SeriesList& series) { std::ranges::stable_sort(series, {}, labels_text); }

}  // namespace sightline::traceql
