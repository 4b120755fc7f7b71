#pragma once
// The TraceQL engine a request uses. Engines hold no state, so one is made per request.
#include "api/tempo/parameters.h"
#include "api/tempo/tempo_routes.h"
#include "base/number_text.h"
#include "traceql/engine.h"

namespace sightline::api::tempo {

inline traceql::Engine engine_of(const TempoApi& api) {
  return traceql::Engine(api.traces, api.clock,
                         {.timeout = api.options.timeout, .pool = api.pool, .share = api.share});
}

// The range a search or a question for tags names; not longer than the API lets it be.
inline Result<TimeRange> parse_search_range(const TempoApi& api, const net::Params& params) {
  auto range = parse_time_range(params);
  const auto longest = api.options.search_range_max;
  if (!range || !range->given || longest.count() == 0) return range;
  if (range->end.value - range->start.value > static_cast<uint64_t>(longest.count()))
    return fail(Errc::kInvalidArgument, "range specified by start and end exceeds ",
                format_go_duration(longest),
                ". received start=", range->start.value / 1'000'000'000,
                " end=", range->end.value / 1'000'000'000);
  return range;
}

// `bounds` keeps the request's cancellation alive.
inline void set_bounds(traceql::QueryBounds& bounds, const TimeRange& range,
                       const net::HttpRequest& request) {
  bounds.start = range.start;
  bounds.end = range.end;
  if (request.cancellation)
    bounds.cancelled = [c = request.cancellation] { return c->cancelled(); };
}

}  // namespace sightline::api::tempo
