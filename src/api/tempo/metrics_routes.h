#pragma once
// GET /api/metrics/query_range and /api/metrics/query: TraceQL metrics.
//   Times  start and end in unix seconds (up to ten digits), nanoseconds, float seconds or RFC 3339; else
//          since, a duration back from now, one hour by default. step in seconds or as a duration.
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

net::HttpResponse answer_query_range(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_query_instant(const TempoApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::tempo
