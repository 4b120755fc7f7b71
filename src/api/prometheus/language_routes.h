#pragma once
// /format_query, /parse_query, /features: what the language is and how an expression reads.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

Result<Answer> answer_format_query(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_parse_query(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_features(const PrometheusApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::prometheus
