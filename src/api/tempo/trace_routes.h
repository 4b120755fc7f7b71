#pragma once
// GET /api/traces/{id} and /api/v2/traces/{id}: a whole trace in JSON, or in protobuf when
// the client accepts it. Not found: v1 answers 404 without a body, v2 200 with an empty trace.
//   q   (v2) a spanset filter: only spans that match it, and the answer says PARTIAL.
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

enum class TraceApi : uint8_t { kV1, kV2 };

net::HttpResponse answer_trace(const TempoApi& api, const net::HttpRequest& request, TraceApi version);

}  // namespace sightline::api::tempo
