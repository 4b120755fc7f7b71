#pragma once
// What the spanmetrics connector counts, with the OpenTelemetry Collector's defaults.
// config/ maps `connectors: spanmetrics:` to this.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace sightline::connectors::spanmetrics {

// What every series has labels for, unless excluded.
inline constexpr std::string_view kServiceName = "service.name";
inline constexpr std::string_view kSpanName = "span.name";
inline constexpr std::string_view kSpanKind = "span.kind";
inline constexpr std::string_view kStatusCode = "status.code";
inline constexpr std::string_view kCollectorInstance = "collector.instance.id";
inline constexpr std::string_view kScopeName = "span.instrumentation.scope.name";
inline constexpr std::string_view kScopeVersion = "span.instrumentation.scope.version";
inline constexpr std::string_view kSamplingMethod = "sampling.method";

// A further label: the span's attribute of that name, else the resource's, else the default,
// else none.
struct Dimension {
  std::string name;
  std::optional<std::string> default_value;
  std::string glob;  // instead of a name: every attribute that it matches is a label of its own
};

enum class DurationUnit : uint8_t { kMilliseconds, kSeconds };

struct SpanMetricsOptions {
  std::string metrics_namespace = "traces.span.metrics";
  std::vector<Dimension> dimensions;           // of every metric
  std::vector<Dimension> calls_dimensions;     // of calls, besides
  std::vector<Dimension> duration_dimensions;  // of duration, besides
  // Of service.name, span.name, span.kind, status.code, collector.instance.id: not made labels.
  std::vector<std::string> exclude_dimensions;
  std::string collector_instance_id;  // empty: no such label

  bool histogram_enabled = true;
  DurationUnit unit = DurationUnit::kMilliseconds;
  // Finite upper bounds in `unit`, strictly ascending; +Inf is implied.
  std::vector<double> buckets = {2,   4,   6,    8,    10,   50,   100,   200,
                                 400, 800, 1000, 1400, 2000, 5000, 10000, 15000};

  std::optional<uint32_t> exponential_max_size;  // exponential histograms instead of `buckets`

  // A further counter, `events`: of span events, by what the event's, the span's or the resource's attributes say.
  bool events_enabled = false;
  std::vector<Dimension> event_dimensions;

  // Instrumentation scopes whose name and version become labels of their spans.
  std::vector<std::string> include_instrumentation_scope;
  // A label sampling.method: "extrapolated" for spans whose tracestate says that they stand for several, else "counted".
  bool sampling_method_label = false;
  // Resources alike in these attributes count as one, known by the first of them; empty: each by its job and instance.
  std::vector<std::string> resource_key_attributes;

  bool exemplars_enabled = true;
  uint32_t exemplars_per_point_max =
      5;  // that are shown of one point: the newest; 0: there are none
  // Both may be empty. Asked before a trace becomes an exemplar; told when one is handed out. Any thread.
  std::function<bool(const TraceId&)> may_be_exemplar;
  std::function<void(const TraceId&)> note_exemplar;
  // Attributes are kept as they came, besides the labels that are made of them: for export_points().
  bool keep_attributes = false;
  // As the peer counts and flushes: a counter is 0 when it is told first; each resource has series of its own; exemplars are
  // the first since the last flush and have its time; a kind or status that is none has no name. Read by export_points().
  bool flushes_as_peer = false;
  bool told_as_deltas = false;  // with flushes_as_peer: so no 0 is told before the first count

  std::chrono::nanoseconds metrics_expiration{
      0};  // since the last span of a service instance; 0: never
  std::chrono::nanoseconds series_expiration{0};  // since the last span of a series; 0: never

  // Per service (job, instance) and metric; further label sets are counted in one series
  // with otel.metric.overflow=true. 0: no limit of its own.
  uint32_t aggregation_cardinality_limit = 0;
  // Of the whole connector; beyond it one overflow series without service counts everything.
  uint32_t series_max = 1'000'000;
  uint32_t resources_cached_max = 100'000;

  bool excludes(std::string_view label) const {
    return std::ranges::find(exclude_dimensions, label) != exclude_dimensions.end();
  }
};

}  // namespace sightline::connectors::spanmetrics
