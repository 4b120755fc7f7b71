#pragma once
// The TraceQL engine a request uses. Engines hold no state, so one is made per request.
#include "api/tempo/parameters.h"
#include "api/tempo/tempo_routes.h"
#include "traceql/engine.h"

namespace sightline::api::tempo {

inline traceql::Engine engine_of(const TempoApi& api) {
  return traceql::Engine(api.traces, api.clock, {.timeout = api.options.timeout, .pool = api.pool});
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
