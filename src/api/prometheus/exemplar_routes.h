#pragma once
// /query_exemplars.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

Result<Answer> answer_query_exemplars(const PrometheusApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::prometheus
