#pragma once
// /admin/tsdb/..., behind the flag, and /-/reload and /-/quit behind theirs.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

Result<Answer> answer_delete_series(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_clean_tombstones(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_snapshot(const PrometheusApi& api, const net::HttpRequest& request);

void add_lifecycle_routes(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api);

}  // namespace sightline::api::prometheus
