#pragma once
// For tests and scripts: a metrics store that is a map of arrays.
//   Snapshot  none: do not add while a querier is in use.
//   Hints     of counter resets come out as the peer's store gives them: unknown where one of its
//             chunks would begin (a reset, another layout, after a float or a gap), else "not reset".
#include <map>

#include "tsdb/querier.h"

namespace sightline::promql {

class MemoryStore final : public tsdb::Queryable {
 public:
  using SeriesMap = std::map<model::Labels, tsdb::SampleColumns>;

  // Times of a series must ascend; kOutOfRange else. `created_ms` 0: unknown.
  Status add(const model::Labels& labels, int64_t time_ms, double value, int64_t created_ms = 0);
  Status add(const model::Labels& labels, int64_t time_ms,
             std::shared_ptr<const model::Histogram> histogram, int64_t created_ms = 0);
  void clear() { series_.clear(); }
  const SeriesMap& series() const { return series_; }

  Result<std::unique_ptr<tsdb::Querier>> querier(StillWanted wanted = {}) const override;

 private:
  SeriesMap series_;
};

}  // namespace sightline::promql
