#pragma once
// The series that any of several matcher sets finds, each once.
//   Lifetime  the Querier outlives the selection.
#include <memory>
#include <vector>

#include "api/prometheus/parameters.h"
#include "tsdb/querier.h"

namespace sightline::api::prometheus {

struct FoundSeries {
  const tsdb::SeriesSet* set = nullptr;
  size_t index = 0;
  const model::Labels& labels() const { return set->labels(index); }
};

struct SeriesSelection {
  std::vector<std::unique_ptr<tsdb::SeriesSet>> sets;  // keep `series` alive
  std::vector<FoundSeries> series;                     // sorted by labels
};

Result<SeriesSelection> select_any(const tsdb::Querier& querier, const MatcherSets& matcher_sets,
                                   tsdb::TimeRange range);

}  // namespace sightline::api::prometheus
