#include "api/prometheus/prometheus_routes.h"

#include <memory>
#include <utility>

#include "api/prometheus/answer.h"
#include "api/prometheus/query_routes.h"
#include "api/prometheus/series_routes.h"
#include "api/prometheus/status_routes.h"

namespace sightline::api::prometheus {
namespace {

using Handler = Result<Answer> (*)(const PrometheusApi&, const net::HttpRequest&);

struct Path {
  std::string_view methods;
  std::string_view pattern;  // below /api/v1
  Handler handler;
  net::RunOn run_on = net::RunOn::kWorkPool;
};

constexpr Path kPaths[] = {
    {"GET,POST", "/query", answer_query},
    {"GET,POST", "/query_range", answer_query_range},
    {"GET,POST", "/query_exemplars", answer_query_exemplars},
    {"GET,POST", "/series", answer_series},
    {"GET,POST", "/labels", answer_labels},
    {"GET", "/label/{name}/values", answer_label_values},
    {"GET", "/metadata", answer_metadata},
    {"GET", "/targets", answer_targets},
    {"GET", "/targets/metadata", answer_targets_metadata},
    {"GET", "/scrape_pools", answer_scrape_pools},
    {"GET", "/rules", answer_rules, net::RunOn::kSocketThread},
    {"GET", "/alerts", answer_alerts, net::RunOn::kSocketThread},
    {"GET", "/alertmanagers", answer_alertmanagers, net::RunOn::kSocketThread},
    {"GET", "/notifications", answer_notifications, net::RunOn::kSocketThread},
    {"GET", "/status/buildinfo", answer_buildinfo, net::RunOn::kSocketThread},
    {"GET", "/status/runtimeinfo", answer_runtimeinfo},
    {"GET", "/status/flags", answer_flags, net::RunOn::kSocketThread},
    {"GET", "/status/config", answer_config, net::RunOn::kSocketThread},
    {"GET", "/status/tsdb", answer_tsdb},
    {"GET", "/status/walreplay", answer_walreplay, net::RunOn::kSocketThread},
};

// A page of another origin may read every answer.
void add_cross_origin_headers(const net::HttpRequest& request, net::HttpResponse& response) {
  response.headers.add("Vary", "Origin");
  const std::string_view origin = request.headers.get("Origin");
  if (origin.empty()) return;
  response.headers.set("Access-Control-Allow-Origin", std::string(origin));
  response.headers.set("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
  response.headers.set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin");
  response.headers.set("Access-Control-Expose-Headers", "Date");
}

void add_page(net::HttpRouter& router, std::string_view pattern, std::string body) {
  router.add("GET,HEAD", pattern,
             [body = std::move(body)](net::HttpRequest&) { return net::HttpResponse::text(200, body); },
             {.run_on = net::RunOn::kSocketThread});
}

}  // namespace

void add_prometheus_routes(net::HttpRouter& router, PrometheusApi api) {
  const auto shared = std::make_shared<const PrometheusApi>(std::move(api));
  for (const Path& path : kPaths) {
    const std::string pattern = "/api/v1" + std::string(path.pattern);
    router.add(path.methods, pattern,
               [shared, handler = path.handler](net::HttpRequest& request) {
                 net::HttpResponse response = to_response(handler(*shared, request));
                 add_cross_origin_headers(request, response);
                 return response;
               },
               {.run_on = path.run_on});
    router.add("OPTIONS", pattern,
               [](net::HttpRequest& request) {
                 net::HttpResponse response{.status = 204};
                 add_cross_origin_headers(request, response);
                 return response;
               },
               {.run_on = net::RunOn::kSocketThread});
  }
  add_page(router, "/-/healthy", "Prometheus Server is Healthy.\n");
  add_page(router, "/-/ready", "Prometheus Server is Ready.\n");
}

}  // namespace sightline::api::prometheus
