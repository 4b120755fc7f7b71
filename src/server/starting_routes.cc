#include "server/starting_routes.h"

#include "api/prometheus/status_routes.h"

namespace sightline::server {

net::HttpRouter make_starting_routes(const Telemetry& telemetry, const ReplayProgress& replay) {
  const net::RouteOptions kQuick{.run_on = net::RunOn::kSocketThread};
  net::HttpRouter router;
  router.add(
      "GET,HEAD", "/-/healthy",
      [](net::HttpRequest&) {
        return net::HttpResponse::text(200, "Prometheus Server is Healthy.\n");
      },
      kQuick);
  router.add(
      "GET", "/metrics",
      [&telemetry](net::HttpRequest&) {
        auto response = net::HttpResponse::text(200, telemetry.text());
        response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        return response;
      },
      kQuick);
  router.add(
      "GET", "/api/v1/status/walreplay",
      [&replay](net::HttpRequest&) {
        return net::HttpResponse::json(R"({"status":"success","data":)" +
                                       api::prometheus::walreplay_json(wal_replay_status(replay)) +
                                       "}");
      },
      kQuick);
  router.set_fallback([](net::HttpRequest&) {
    auto response = net::HttpResponse::text(503, "Service Unavailable");
    response.headers.set("X-Prometheus-Stopping", "false");
    response.headers.set("Retry-After", "1");
    return response;
  });
  return router;
}

api::prometheus::WalReplayStatus wal_replay_status(const ReplayProgress& replay) {
  const io::SegmentProgress progress = replay.get();
  return {progress.first, progress.last, progress.current};
}

}  // namespace sightline::server
