#include "traceql/metrics/compare_gathering.h"

#include <algorithm>

namespace sightline::traceql {

void CompareGathering::count(PerAttribute& into, const Value& value, size_t interval) {
  if (into.totals.empty()) {
    into.totals.resize(grid_.count);
    bytes_ += grid_.count * sizeof(double);
  }
  into.totals[interval] += 1;
  const std::pair key(value.type, display_text(value));
  auto found = into.values.find(key);
  if (found == into.values.end()) {
    if (into.values.size() >= kValuesPerAttributeMax) {
      into.too_many = true;
      return;
    }
    bytes_ += grid_.count * sizeof(double);
    found = into.values
                .emplace(key, Counted{OwnedValue::of(value), std::vector<double>(grid_.count), 0})
                .first;
  }
  found->second.per_interval[interval] += 1;
  found->second.total += 1;
}

Status CompareGathering::add(RowColumns& columns, const RowMask& rows, const RowMask& selected) {
  const auto starts = columns.group().start_ns();
  for (size_t a = 0; a < attributes_.size(); ++a) {
    const Column column = columns.load(attributes_[a], Domain::kRows);
    for (uint32_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == 0 || !grid_.holds(starts[row])) continue;
      if (bytes_ > kCompareBytesMax)
        return fail(Errc::kResourceExhausted, "compare() needs more than ", kCompareBytesMax >> 20,
                    " MiB for its values of ", grid_.count,
                    " intervals: ask for a larger step, or compare fewer spans");
      const Value value = column.at(row);
      // An intrinsic without text (no status message, no root yet) is as good as not there.
      if (value.is_nil() || (attributes_[a].intrinsic != Intrinsic::kNone &&
                             value.type == Type::kString && value.text.empty()))
        continue;
      const bool in_window =
          metrics_.selection_end_ns == 0 ||
          (starts[row] >= metrics_.selection_start_ns && starts[row] < metrics_.selection_end_ns);
      count(counts_[selected[row] != 0 && in_window ? 1 : 0][a], value,
            grid_.index_of(starts[row]));
    }
  }
  return {};
}

std::vector<MetricsSeries> CompareGathering::finish() && {
  std::vector<MetricsSeries> out;
  static constexpr std::string_view kSides[] = {"baseline", "selection"};
  for (size_t side = 0; side < 2; ++side) {
    for (size_t a = 0; a < attributes_.size(); ++a) {
      PerAttribute& counted = counts_[side][a];
      if (counted.totals.empty()) continue;
      const std::string key = to_string(attributes_[a]);
      const auto meta = [](std::string_view text) { return OwnedValue::of(Value::of_text(text)); };
      std::vector<Counted*> order;
      for (auto& [unused, value] : counted.values) order.push_back(&value);
      std::ranges::stable_sort(order, std::greater<>(), [](const Counted* c) { return c->total; });
      if (order.size() > metrics_.top_count) order.resize(metrics_.top_count);
      for (Counted* value : order)
        out.push_back(
            {.labels = {{"__meta_type", meta(kSides[side])}, {key, std::move(value->value)}},
             .values = std::move(value->per_interval)});
      out.push_back({.labels = {{"__meta_type", meta(std::string(kSides[side]) + "_total")},
                                {key, meta("nil")}},
                     .values = std::move(counted.totals)});
      if (counted.too_many)
        out.back().labels.emplace_back("__meta_error", meta("__too_many_values__"));
    }
  }
  return out;
}

}  // namespace sightline::traceql
