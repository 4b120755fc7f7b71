#pragma once
// What the spanmetrics connector counts, with the OpenTelemetry Collector's defaults.
// config/ maps `connectors: spanmetrics:` to this.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::connectors::spanmetrics {

// What every series has labels for, unless excluded.
inline constexpr std::string_view kServiceName = "service.name";
inline constexpr std::string_view kSpanName = "span.name";
inline constexpr std::string_view kSpanKind = "span.kind";
inline constexpr std::string_view kStatusCode = "status.code";
inline constexpr std::string_view kCollectorInstance = "collector.instance.id";

// A further label: the span's attribute of that name, else the resource's, else the default,
// else none.
struct Dimension {
  std::string name;
  std::optional<std::string> default_value;
};

enum class DurationUnit : uint8_t { kMilliseconds, kSeconds };

struct SpanMetricsOptions {
  std::string metrics_namespace = "traces.span.metrics";
  std::vector<Dimension> dimensions;
  // Of service.name, span.name, span.kind, status.code, collector.instance.id: not made labels.
  std::vector<std::string> exclude_dimensions;
  std::string collector_instance_id;  // empty: no such label

  bool histogram_enabled = true;
  DurationUnit unit = DurationUnit::kMilliseconds;
  // Finite upper bounds in `unit`, strictly ascending; +Inf is implied.
  std::vector<double> buckets = {2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000};

  bool exemplars_enabled = true;
  std::chrono::nanoseconds metrics_expiration{0};  // 0: never

  // Per service (job, instance); further label sets are counted in one series
  // with otel.metric.overflow=true. 0: no limit of its own.
  uint32_t aggregation_cardinality_limit = 0;
  // Of the whole connector; beyond it one overflow series without service counts everything.
  uint32_t series_max = 1'000'000;
  uint32_t resources_cached_max = 100'000;

  bool excludes(std::string_view label) const { return std::ranges::find(exclude_dimensions, label) != exclude_dimensions.end(); }
};

}  // namespace sightline::connectors::spanmetrics
