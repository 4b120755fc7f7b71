#pragma once
// Jaeger's JSON query API below JaegerApi::prefix: /api/services, /api/services/{service}/operations,
// /api/operations, /api/traces, /api/traces/{id}, /api/dependencies. GET only. With them those of jaeger_v3_routes.h.
//   Times     start and end in microseconds, endTs and lookback of dependencies in milliseconds.
//   Errors    the envelope with errors[], and its code as the status.
//   Lifetime  what JaegerApi refers to outlives the router.
#include "api/jaeger/jaeger_queries.h"

namespace sightline::api::jaeger {

void add_jaeger_routes(net::HttpRouter& router, JaegerApi api);
// {"http.method":"GET"} or several tag=key:value. For tests, too.
Result<std::vector<std::pair<std::string, std::string>>> parse_tags(const net::Params& params);

}  // namespace sightline::api::jaeger
