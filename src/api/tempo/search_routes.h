#pragma once
// GET /api/search: by TraceQL (q), or by the older tags, minDuration and maxDuration, which
// answer traces without spansets.
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

net::HttpResponse answer_search(const TempoApi& api, const net::HttpRequest& request);

// logfmt tags (a=b c="d e") as a TraceQL filter; "{ }" for none. Fails with the offset of what does not parse.
Result<std::string> traceql_of_tags(std::string_view logfmt);

}  // namespace sightline::api::tempo
