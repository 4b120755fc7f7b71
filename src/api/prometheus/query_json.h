#pragma once
// Query results, exemplars and histograms in Prometheus' JSON.
//   Source  spec: Prometheus HTTP API, Scalars in JSON; Result shapes.
#include <string>

#include "model/exemplar.h"
#include "model/histogram.h"
#include "promql/engine.h"

namespace sightline::api::prometheus {

enum class QueryStatistics : uint8_t { kNone, kShown };

// {"resultType":...,"result":...} with at most `limit` series.
std::string query_data(const promql::QueryResult& result, size_t limit, QueryStatistics statistics);
// Series that query_data() cuts away.
bool exceeds_limit(const promql::QueryResult& result, size_t limit);

void append_histogram(std::string& out, const model::Histogram& histogram);

// Which labels an exemplar shows its trace under: as it came, or under both usual names.
enum class TraceIdLabels : uint8_t { kAsStored, kBoth };
void append_exemplar(std::string& out, const model::Exemplar& exemplar, TraceIdLabels labels);

}  // namespace sightline::api::prometheus
