#pragma once
// Prometheus' HTTP API: PromQL, exemplars, series and labels, metadata, targets, rules, status.
//   Answers   bodies, key order, error types and texts as Prometheus writes them.
//   Paths     /api/v1/..., /federate, /-/healthy, /-/ready. Remote write has a header of its own.
//   Exemplars carry trace_id and traceID with the same value, unless switched off: see
//             docs/exemplar_labels.md.
//   Threads   handlers run on many threads at once and keep no state.
//   Lifetime  what PrometheusApi refers to outlives the router.
//   Source    spec: Prometheus HTTP API.
#include <functional>
#include <map>
#include <string>

#include "api/prometheus/status_snapshots.h"
#include "base/time.h"
#include "net/http.h"
#include "promql/engine.h"
#include "tsdb/querier.h"

namespace sightline::api::prometheus {

struct PrometheusApi {
  const promql::Engine& engine;
  const tsdb::Queryable& store;
  const Clock& clock;
  bool exemplar_trace_id_alias = true;
  // Each may be empty: then there is nothing to show.
  std::function<TargetsSnapshot()> targets;
  std::function<TsdbStatusSnapshot(size_t limit)> tsdb_status;
  std::function<RuntimeInfo()> runtime_info;
  std::string config_yaml;                   // secrets already hidden
  std::map<std::string, std::string> flags;  // by name, without dashes
  std::string version;                       // of this product
};

void add_prometheus_routes(net::HttpRouter& router, PrometheusApi api);

}  // namespace sightline::api::prometheus
