#pragma once
// /targets, /scrape_pools, /status/..., /rules, /alerts, /alertmanagers, /notifications.
// Rules and alerts are none: nothing here evaluates rules yet, and clients ask at start.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

// Prometheus' own version, whose features clients take from buildinfo.
inline constexpr std::string_view kCompatibleVersion = "3.14.0";

Result<Answer> answer_targets(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_targets_metadata(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_scrape_pools(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_buildinfo(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_runtimeinfo(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_flags(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_config(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_blocks(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_tsdb(const PrometheusApi& api, const net::HttpRequest& request);
// The data of an answer of /status/walreplay.
std::string walreplay_json(const WalReplayStatus& status);
Result<Answer> answer_walreplay(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_rules(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_alerts(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_alertmanagers(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_notifications(const PrometheusApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::prometheus
