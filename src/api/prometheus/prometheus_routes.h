#pragma once
// Prometheus' HTTP API: PromQL, exemplars, series and labels, metadata, targets, rules, status.
//   Answers   bodies, key order, error types and texts as Prometheus writes them.
//   Paths     /api/v1/..., /federate, /-/healthy, /-/ready, /-/reload, /-/quit. Remote write has a header of its own.
//   Limits    queries run on `query_pool`, as many at once as it has threads; the rest wait there.
//   Exemplars carry trace_id and traceID with the same value, unless switched off: see
//             docs/exemplar_labels.md.
//   Threads   handlers run on many threads at once and keep no state.
//   Lifetime  what PrometheusApi refers to outlives the router.
//   Source    spec: Prometheus HTTP API.
#include <functional>
#include <map>
#include <span>
#include <string>

#include "api/prometheus/query_journal.h"
#include "api/prometheus/status_snapshots.h"
#include "base/time.h"
#include "net/http.h"
#include "promql/engine.h"
#include "tsdb/querier.h"

namespace sightline::api::prometheus {

// What the admin endpoints do; an empty one is not there.
struct AdminOperations {
  std::function<Status(std::span<const tsdb::Matcher>, tsdb::TimeRange)> delete_series;
  std::function<Status()> clean_tombstones;
  std::function<Result<std::string>(bool skip_head)> snapshot;  // its name
};

struct PrometheusApi {
  const promql::Engine& engine;
  const tsdb::Queryable& store;
  const Clock& clock;
  bool exemplar_trace_id_alias = true;
  // Each may be empty: then there is nothing to show.
  std::function<TargetsSnapshot()> targets;
  std::function<TsdbStatusSnapshot(size_t limit)> tsdb_status;
  std::function<RuntimeInfo()> runtime_info;
  std::function<std::vector<BlockStatus>()> blocks;
  std::function<WalReplayStatus()> wal_replay;
  std::string config_yaml;                             // secrets already hidden
  std::map<std::string, std::string> flags;            // by name, without dashes
  std::string version;                                 // of this product
  std::map<std::string, std::string> external_labels;  // of what leaves by /federate and /read
  std::string cors_origin = ".*";  // regex of the origins whose pages may read answers, anchored
  bool admin_enabled = false;
  AdminOperations admin;
  bool lifecycle_enabled = false;
  std::function<void()> quit;       // asks the process to end
  WorkPool* query_pool = nullptr;   // null: the server's
  WorkPool* pool = nullptr;         // helps to write large answers; null: nobody does
  QueryJournal* journal = nullptr;  // null: none
};

void add_prometheus_routes(net::HttpRouter& router, PrometheusApi api);

}  // namespace sightline::api::prometheus
