#pragma once
// Jaeger's api_v3 over HTTP, below JaegerApi::prefix: /api/v3/services, /api/v3/operations, /api/v3/traces,
// /api/v3/traces/{id}. GET only; traces come as OTLP/JSON in {"result":{"resourceSpans":[...]}}.
//   Times     RFC 3339.
//   Errors    {"error":{"httpCode":404,"message":"..."}}, and that status; no trace at all is one.
//   Lifetime  what JaegerApi refers to outlives the router.
//   Source    jaeger-idl, api_v3/query_service.proto, as its gateway says it in JSON.
#include "api/jaeger/jaeger_queries.h"

namespace sightline::api::jaeger {

void add_jaeger_v3_routes(net::HttpRouter& router, std::shared_ptr<const JaegerApi> api);

}  // namespace sightline::api::jaeger
