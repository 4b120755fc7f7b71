#pragma once
// GET /api/traces/{id} and /api/v2/traces/{id}: a whole trace in JSON, or in protobuf when
// the client accepts it. Not found: v1 answers 404 without a body, v2 200 with an empty trace.
//   Size   of a trace over TempoApiOptions::trace_bytes_max its earliest spans are shown; v2 says PARTIAL and why.
//   q               (v2) a spanset filter: only spans that match it, and the answer says PARTIAL.
//   match_depth     with q: also their descendants, so many levels down; -1: all. Default 0.
//   keep_hierarchy  with q, true: also their ancestors, ancestor_depth levels up (default -1: all).
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

enum class TraceApi : uint8_t { kV1, kV2 };

net::HttpResponse answer_trace(const TempoApi& api, const net::HttpRequest& request,
                               TraceApi version);

}  // namespace sightline::api::tempo
