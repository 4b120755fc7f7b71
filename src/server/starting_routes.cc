#include "server/starting_routes.h"

namespace sightline::server {

net::HttpRouter make_starting_routes(const Telemetry& telemetry) {
  constexpr net::RouteOptions kQuick{.run_on = net::RunOn::kSocketThread};
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
      [](net::HttpRequest&) {
        return net::HttpResponse::json(
            R"({"status":"success","data":{"min":0,"max":0,"current":0}})");
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

}  // namespace sightline::server
