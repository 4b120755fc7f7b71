#pragma once
// GET /api/metrics/query_range and /api/metrics/query: TraceQL metrics.
//   Times  start and end in unix seconds (up to ten digits), nanoseconds, float seconds or RFC 3339; else
//          since, a duration back from now, one hour by default. step in seconds or as a duration.
#include <string>

#include "api/tempo/tempo_routes.h"
#include "traceql/engine.h"

namespace sightline::api::tempo {

struct MetricsRequest {
  std::string query;
  traceql::MetricsOptions options;  // step 0: chosen by the range
};
MetricsRequest default_metrics_request(const TempoApi& api);  // no query, no range
// Checks the range and the step, and chooses a step where none is given.
Result<MetricsRequest> checked_query_range(const TempoApi& api, MetricsRequest request);
Result<traceql::MetricsResult> run_query_range(const TempoApi& api, MetricsRequest request);
Result<traceql::MetricsResult> run_query_instant(const TempoApi& api,
                                                 const MetricsRequest& request);

net::HttpResponse answer_query_range(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_query_instant(const TempoApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::tempo
