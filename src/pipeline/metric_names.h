#pragma once
// OpenTelemetry's names as Prometheus', as the OpenTelemetry collector and Prometheus' own receiver write them
// (UnderscoreEscapingWithSuffixes).
//   Threads  pure functions.
//   Source   OpenTelemetry, "Prometheus and OpenMetrics Compatibility"; docs/otlp_metrics.md.
#include <string>
#include <string_view>

namespace sightline::pipeline {

enum class MetricSuffix { kNone, kTotal, kRatio };  // of monotonic sums; of gauges with unit "1"

// "http.server.duration" in "ms" -> "http_server_duration_milliseconds".
std::string prometheus_metric_name(std::string_view name, std::string_view unit,
                                   MetricSuffix suffix);
// "a..b" -> "a__b", "1abc" -> "key_1abc", "_u" -> "key_u".
std::string prometheus_label_name(std::string_view key);

}  // namespace sightline::pipeline
