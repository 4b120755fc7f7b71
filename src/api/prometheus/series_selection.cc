#include "api/prometheus/series_selection.h"

#include <algorithm>

namespace sightline::api::prometheus {

Result<SeriesSelection> select_any(const tsdb::Querier& querier, const MatcherSets& matcher_sets,
                                   tsdb::TimeRange range) {
  SeriesSelection selection;
  if (range.max < range.min) return selection;
  for (const auto& matchers : matcher_sets) {
    auto set = querier.select(matchers, range);
    if (!set) return std::unexpected(std::move(set).error());
    for (size_t i = 0; i < (*set)->size(); ++i) selection.series.push_back({set->get(), i});
    selection.sets.push_back(std::move(*set));
  }
  if (selection.sets.size() > 1) {
    std::ranges::stable_sort(selection.series, {}, &FoundSeries::labels);
    const auto repeated = std::ranges::unique(selection.series, {}, &FoundSeries::labels);
    selection.series.erase(repeated.begin(), repeated.end());
  }
  return selection;
}

}  // namespace sightline::api::prometheus
