#pragma once
// Tempo's HTTP API: traces by id, TraceQL search, tags and their values, TraceQL metrics.
//   Answers   bodies, key order and error texts as Tempo writes them; errors are plain text.
//   Paths     below TempoApi::prefix: /api/echo, /api/status/buildinfo, /api/traces/{id}, /api/v2/traces/{id},
//             /api/search, /api/search/tags, /api/v2/search/tags, /api/search/tag/{t}/values,
//             /api/v2/search/tag/{t}/values, /api/metrics/query_range, /api/metrics/query. Without it: /ready,
//             /status, /status/{version,services,endpoints,config,...}, /status/overrides/{tenant}. GET and POST alike.
//             /api/overrides: overrides_routes.h.
//   Tenants   with TempoApi::tenancy, what is below /api but echo and buildinfo asks whose traces it reads.
//   Time      without start and end everything stored is searched.
//   Threads   handlers run on many threads at once; they hold no state.
//   Lifetime  what TempoApi refers to outlives the router.
//   Source    Tempo HTTP API; tempopb.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/tenancy/tenancy.h"
#include "base/time.h"
#include "net/http.h"
#include "tracestore/querier.h"

namespace sightline {
class CpuShare;
class WorkPool;
}  // namespace sightline

namespace sightline::api::tempo {

// What one request may ask for and get.
struct TempoApiOptions {
  // Clients read features from this number: Tempo's, 2.7.0 or above.
  std::string version = "2.9.0";
  std::string revision;
  uint32_t search_limit_default = 20;
  uint32_t search_limit_max = 262'144;
  uint32_t spans_per_spanset_default = 3;
  uint32_t spans_per_spanset_max = 100;
  uint64_t search_spans_max =
      1'000'000;                    // limit times spans per spanset: what an answer holds in memory
  uint32_t intervals_max = 10'000;  // of a metrics range query
  uint32_t series_max = 1'000;      // of a metrics query, unless maxSeries asks for fewer
  uint32_t exemplars_default = 100;
  uint32_t exemplars_max = 1'000;
  uint32_t tag_values_max = 10'000;       // distinct values of one tag
  uint64_t trace_bytes_max = 50'000'000;  // of one trace shown by id, as protobuf; 0: any
  std::chrono::nanoseconds timeout = std::chrono::minutes(2);
  // The longest range a search and a metrics query may name; 0: any.
  std::chrono::nanoseconds search_range_max{0};
  std::chrono::nanoseconds metrics_range_max{0};
};

class OverridesStore;

struct TempoApi {
  const tracestore::Queryable& traces;  // with tenants, of those a request names
  Clock& clock;
  std::function<bool()> ready;  // may be empty: always ready
  std::string prefix;           // "" or "/tempo"
  TempoApiOptions options;
  std::function<std::string()> config_text;  // shown at /status/config; may be empty
  // /status/overrides, and of one tenant; may be empty.
  std::function<std::string(const std::string& tenant)> overrides_text;
  Tenancy tenancy;
  // What `options` are for a tenant; empty: the same.
  std::function<TempoApiOptions(const std::string& tenant, TempoApiOptions options)> options_of;

  TempoApi as_single_tenant() const;  // with the options of today
  TempoApi of_tenants(const tracestore::TenantTraces& tenants) const;
  std::string cors_origin;  // whose pages may read what is below /api; a regular expression
  OverridesStore* overrides = nullptr;  // of /api/overrides; null: 404
  WorkPool* pool = nullptr;  // runs handlers, and row groups of one query side by side; may be null
  CpuShare* share = nullptr;  // of the processors, for queries; null: all
};

std::vector<std::string> tempo_paths(const TempoApi& api);  // patterns, with the prefix
void add_tempo_routes(net::HttpRouter& router, TempoApi api);

}  // namespace sightline::api::tempo
