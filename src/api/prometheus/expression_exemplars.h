#pragma once
// /query_exemplars?match=expression: the exemplars that fed a result, each under the labels of the
// output series it fed.
//   Fed       its series fed the output at some step, and it lies in the window that step read.
//   Limits    kExemplarCandidatesMax exemplars looked at; beyond: kExecution.
//   Source    docs/api.md.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

inline constexpr size_t kExemplarCandidatesMax = 1'000'000;

Result<Answer> answer_expression_exemplars(const PrometheusApi& api,
                                           const net::HttpRequest& request);

}  // namespace sightline::api::prometheus
