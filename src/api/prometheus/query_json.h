#pragma once
// Query results, exemplars and histograms in Prometheus' JSON.
//   Source  spec: Prometheus HTTP API, Scalars in JSON; Result shapes.
#include <chrono>
#include <memory>
#include <string>

#include "base/work_pool.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "net/http.h"
#include "promql/engine.h"

namespace sightline::api::prometheus {

inline constexpr size_t kResultPieceBytes = 256u << 10;

enum class QueryStatistics : uint8_t { kNone, kShown };

struct ResultShape {
  size_t limit = SIZE_MAX;  // series
  QueryStatistics statistics = QueryStatistics::kNone;
  std::chrono::nanoseconds queued{0};  // before the query ran, for the statistics
  WorkPool* pool = nullptr;  // several series at once on it; null: on the calling thread alone
};

// {"resultType":...,"result":...}, made series by series while it is sent; a series' columns go
// once it is written.
std::shared_ptr<net::BodySource> query_data(promql::QueryResult result, const ResultShape& shape);
// Series that query_data() cuts away.
bool exceeds_limit(const promql::QueryResult& result, size_t limit);
// {"timings":{...},"samples":{...}}
void append_statistics(std::string& out, const promql::QueryStats& stats,
                       std::chrono::nanoseconds queued);

void append_histogram(std::string& out, const model::Histogram& histogram);

// Which labels an exemplar shows its trace under: as it came, or under both usual names.
enum class TraceIdLabels : uint8_t { kAsStored, kBoth };
void append_exemplar(std::string& out, const model::Exemplar& exemplar, TraceIdLabels labels);

}  // namespace sightline::api::prometheus
