#include "api/prometheus/prometheus_routes.h"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "api/prometheus/admin_routes.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/exemplar_routes.h"
#include "api/prometheus/federate.h"
#include "api/prometheus/language_routes.h"
#include "api/prometheus/notification_routes.h"
#include "api/prometheus/query_routes.h"
#include "api/prometheus/remote_read.h"
#include "api/prometheus/series_routes.h"
#include "api/prometheus/status_routes.h"

namespace sightline::api::prometheus {
namespace {

using Handler = Result<Answer> (*)(const PrometheusApi&, const net::HttpRequest&);

enum class Runs : uint8_t { kAtOnce, kOnPool, kAsQuery, kAsQueryUntilTimeout };

struct Path {
  std::string_view methods;
  std::string_view pattern;  // below /api/v1
  Handler handler;
  Runs runs = Runs::kOnPool;
};

constexpr Path kPaths[] = {
    {"GET,POST", "/query", answer_query, Runs::kAsQueryUntilTimeout},
    {"GET,POST", "/query_range", answer_query_range, Runs::kAsQueryUntilTimeout},
    {"GET,POST", "/query_exemplars", answer_query_exemplars, Runs::kAsQuery},
    {"GET,POST", "/format_query", answer_format_query},
    {"GET,POST", "/parse_query", answer_parse_query},
    {"GET,POST", "/series", answer_series},
    {"GET,POST", "/labels", answer_labels},
    {"GET", "/label/{name}/values", answer_label_values},
    {"GET", "/metadata", answer_metadata},
    {"GET", "/targets", answer_targets},
    {"GET", "/targets/metadata", answer_targets_metadata},
    {"GET", "/scrape_pools", answer_scrape_pools},
    {"GET", "/rules", answer_rules},
    {"GET", "/alerts", answer_alerts, Runs::kAtOnce},
    {"GET", "/alertmanagers", answer_alertmanagers, Runs::kAtOnce},
    {"GET", "/notifications", answer_notifications, Runs::kAtOnce},
    {"GET", "/features", answer_features, Runs::kAtOnce},
    {"GET", "/status/buildinfo", answer_buildinfo, Runs::kAtOnce},
    {"GET", "/status/runtimeinfo", answer_runtimeinfo},
    {"GET", "/status/flags", answer_flags, Runs::kAtOnce},
    {"GET", "/status/config", answer_config, Runs::kAtOnce},
    {"GET", "/status/tsdb", answer_tsdb},
    {"GET", "/status/tsdb/blocks", answer_blocks},
    {"GET", "/status/walreplay", answer_walreplay, Runs::kAtOnce},
    {"POST,PUT", "/admin/tsdb/delete_series", answer_delete_series},
    {"POST,PUT", "/admin/tsdb/clean_tombstones", answer_clean_tombstones},
    {"POST,PUT", "/admin/tsdb/snapshot", answer_snapshot},
};

// A page of an allowed origin may read every answer.
class CrossOrigin {
 public:
  explicit CrossOrigin(const std::string& origins) {
    // A pattern that is none allows nobody; the command line has refused it before.
    if (auto pattern = tsdb::Matcher::create(tsdb::MatchOp::kRegex, "origin", origins))
      allowed_.emplace(std::move(*pattern));
  }
  void add_headers(const net::HttpRequest& request, net::HttpResponse& response) const {
    response.headers.add("Vary", "Origin");
    const std::string_view origin = request.headers.get("Origin");
    if (origin.empty() || !allowed_ || !allowed_->matches(origin)) return;
    response.headers.set("Access-Control-Allow-Origin", std::string(origin));
    response.headers.set("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    response.headers.set("Access-Control-Allow-Headers",
                         "Accept, Authorization, Content-Type, Origin");
    response.headers.set("Access-Control-Expose-Headers", "Date");
  }

 private:
  std::optional<tsdb::Matcher> allowed_;
};

void add_page(net::HttpRouter& router, std::string_view pattern, std::string body) {
  router.add(
      "GET,HEAD", pattern,
      [body = std::move(body)](net::HttpRequest&) { return net::HttpResponse::text(200, body); },
      {.run_on = net::RunOn::kSocketThread});
}

}  // namespace

void add_prometheus_routes(net::HttpRouter& router, PrometheusApi api) {
  const auto shared = std::make_shared<const PrometheusApi>(std::move(api));
  const auto origins = std::make_shared<const CrossOrigin>(shared->cors_origin);
  const net::RouteOptions at_once{.run_on = net::RunOn::kSocketThread};
  const auto add_options = [&](const std::string& pattern) {
    router.add(
        "OPTIONS", pattern,
        [origins](net::HttpRequest& request) {
          net::HttpResponse response{.status = 204};
          origins->add_headers(request, response);
          return response;
        },
        at_once);
  };
  for (const Path& path : kPaths) {
    const std::string pattern = "/api/v1" + std::string(path.pattern);
    net::RouteOptions options;
    if (path.runs == Runs::kAtOnce) options = at_once;
    if (path.runs >= Runs::kAsQuery) options.pool = shared->query_pool;
    if (path.runs == Runs::kAsQueryUntilTimeout)
      options.patience = [shared](const net::HttpRequest& request) {
        return query_patience(*shared, request);
      };
    router.add(
        path.methods, pattern,
        [shared, origins, handler = path.handler](net::HttpRequest& request) {
          net::HttpResponse response = to_response(handler(*shared, request));
          if (response.headers.get("Vary").empty()) response.headers.add("Vary", "Accept-Encoding");
          origins->add_headers(request, response);
          return response;
        },
        options);
    add_options(pattern);
  }
  const auto subscribers = std::make_shared<std::atomic<int>>(0);
  router.add(
      "GET", "/api/v1/notifications/live",
      [origins, subscribers](net::HttpRequest& request) {
        net::HttpResponse response = stream_notifications(request, subscribers);
        origins->add_headers(request, response);
        return response;
      },
      at_once);
  add_options("/api/v1/notifications/live");
  for (const std::string_view path : {"/api/v1/write", "/api/v1/read"})
    add_options(std::string(path));
  add_page(router, "/-/healthy", "Prometheus Server is Healthy.\n");
  add_page(router, "/-/ready", "Prometheus Server is Ready.\n");
  add_lifecycle_routes(router, shared);
  add_federate(router, shared);
  add_remote_read(router, shared);
}

}  // namespace sightline::api::prometheus
