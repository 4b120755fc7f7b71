#pragma once
// OpenTelemetry's names as Prometheus', as the OpenTelemetry collector and Prometheus' own receiver write them.
//   Threads  pure functions.
//   Source   OpenTelemetry, "Prometheus and OpenMetrics Compatibility"; docs/otlp_metrics.md.
#include <string>
#include <string_view>

namespace sightline::pipeline {

enum class MetricSuffix { kNone, kTotal, kRatio };  // of monotonic sums; of gauges with unit "1"

// "http.server.duration" in "ms" -> "http_server_duration_milliseconds".
std::string prometheus_metric_name(std::string_view name, std::string_view unit,
                                   MetricSuffix suffix);
// "ms" -> "milliseconds", "By/s" -> "bytes_per_second"; "1" and "{items}" have none.
std::string prometheus_unit(std::string_view unit);
// "a..b" -> "a__b", "1abc" -> "key_1abc", "_u" -> "key_u".
std::string prometheus_label_name(std::string_view key);

// The collector's translation strategies.
struct NameTranslation {
  bool suffixes = true;  // of units and types
  bool utf8 = false;     // names stay as they are otherwise
  std::string metrics_namespace;
};
// With `_total` where the strategy has suffixes; empty when nothing of the name is left.
std::string translate_metric_name(std::string_view name, std::string_view unit, MetricSuffix suffix,
                                  const NameTranslation& translation);

}  // namespace sightline::pipeline
