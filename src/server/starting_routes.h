#pragma once
// What the Prometheus API's address answers while stores are still being opened: 503, and that it is alive.
#include "base/telemetry.h"
#include "net/http.h"

namespace sightline::server {

// `telemetry` outlives the router.
net::HttpRouter make_starting_routes(const Telemetry& telemetry);

}  // namespace sightline::server
