#pragma once
// GET /api/search: by TraceQL (q), or by the older tags, minDuration and maxDuration, which
// answer traces without spansets.
#include "api/tempo/tempo_routes.h"
#include "traceql/engine.h"

namespace sightline::api::tempo {

struct SearchAnswer {
  traceql::SearchResult result;
  bool with_spansets = true;  // false: a search by tags
};
// Of the request its parameters and cancellation count.
struct SearchQuestion {
  std::string query;  // TraceQL
  traceql::SearchOptions options;
  bool with_spansets = true;
};
Result<SearchQuestion> read_search(const TempoApi& api, const net::HttpRequest& request);
Result<SearchAnswer> run_search(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_search(const TempoApi& api, const net::HttpRequest& request);

// logfmt tags (a=b c="d e") as a TraceQL filter; "{ }" for none. Fails with the offset of what does not parse.
Result<std::string> traceql_of_tags(std::string_view logfmt);

}  // namespace sightline::api::tempo
