#pragma once
// /query and /query_range.
#include "api/prometheus/answer.h"
#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

Result<Answer> answer_query(const PrometheusApi& api, const net::HttpRequest& request);
Result<Answer> answer_query_range(const PrometheusApi& api, const net::HttpRequest& request);

// How long one of these waits for a thread at most: its timeout. Then it says that it waited too long.
std::chrono::nanoseconds query_patience(const PrometheusApi& api, const net::HttpRequest& request);

// The grid that /query_range's start, end and step ask for, checked.
struct RangeParameters {
  TimestampMs start;
  TimestampMs end;
  std::chrono::milliseconds step{0};
};
Result<RangeParameters> range_parameters(const net::Params& params);

// Runs `query` as /query_range would, with the request's timeout and lookback, told to the journal. A parse
// error names the parameter.
enum class Provenance : uint8_t { kNone, kKept };
Result<promql::QueryResult> run_range_query(const PrometheusApi& api,
                                            const net::HttpRequest& request, std::string_view query,
                                            const RangeParameters& range, Provenance provenance);

}  // namespace sightline::api::prometheus
