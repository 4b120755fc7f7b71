#pragma once
// /series, /labels, /label/{name}/values, /metadata.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

Result<Answer> answer_series(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_labels(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_label_values(const PrometheusApi& api, const net::HttpRequest& request);
// Of every metric the store knows, pushed ones too.
Result<Answer> answer_metadata(const PrometheusApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::prometheus
