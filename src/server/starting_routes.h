#pragma once
// What the addresses of the Prometheus API answer while stores are still being opened: 503, that the process is
// alive, and how far it is.
#include "api/prometheus/status_snapshots.h"
#include "base/telemetry.h"
#include "net/http.h"
#include "server/replay_progress.h"

namespace sightline::server {

// What is referred to outlives the router.
net::HttpRouter make_starting_routes(const Telemetry& telemetry, const ReplayProgress& replay);

// The same numbers once the API is there.
api::prometheus::WalReplayStatus wal_replay_status(const ReplayProgress& replay);

}  // namespace sightline::server
