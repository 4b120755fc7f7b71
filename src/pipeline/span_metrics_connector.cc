#include "pipeline/span_metrics_connector.h"

#include "base/log.h"

namespace sightline::pipeline {
namespace {

using config::SpanMetricsConfig;
using connectors::spanmetrics::SpanMetricsOptions;

// What a configuration can ask for and is not there must not be ignored: its
// metrics would be other ones than asked for.
Status check_available(const SpanMetricsConfig& config) {
  const auto missing = [](std::string_view key) -> Status {
    return fail(Errc::kInvalidArgument, "connector spanmetrics: ", key, " is not available in this version");
  };
  if (!config.calls_dimensions.empty()) return missing("calls_dimensions");
  if (!config.histogram.dimensions.empty()) return missing("histogram::dimensions");
  if (config.histogram.exponential_max_size) return missing("histogram::exponential");
  if (config.events.enabled) return missing("events");
  if (config.aggregation_temporality != config::AggregationTemporality::kCumulative)
    return missing("aggregation_temporality: delta");
  if (!config.include_instrumentation_scope.empty()) return missing("include_instrumentation_scope");
  if (!config.resource_metrics_key_attributes.empty()) return missing("resource_metrics_key_attributes");
  return {};
}

SpanMetricsOptions to_options(const SpanMetricsConfig& config, const std::string& collector_instance_id) {
  SpanMetricsOptions options;
  options.metrics_namespace = config.metrics_namespace;
  for (const config::DimensionConfig& dimension : config.dimensions)
    options.dimensions.push_back({dimension.name, dimension.default_value});
  options.exclude_dimensions = config.exclude_dimensions;
  options.collector_instance_id = collector_instance_id;
  options.histogram_enabled = !config.histogram.disable;
  const bool seconds = config.histogram.unit == config::DurationUnit::kSeconds;
  options.unit = seconds ? connectors::spanmetrics::DurationUnit::kSeconds : connectors::spanmetrics::DurationUnit::kMilliseconds;
  options.buckets.clear();
  for (const std::chrono::nanoseconds bucket : config.histogram.explicit_buckets)
    options.buckets.push_back(static_cast<double>(bucket.count()) / (seconds ? 1e9 : 1e6));
  options.exemplars_enabled = config.exemplars.enabled;
  options.metrics_expiration = config.metrics_expiration;
  options.aggregation_cardinality_limit = config.aggregation_cardinality_limit;
  return options;
}

}  // namespace

Result<std::unique_ptr<SpanMetricsConnector>> SpanMetricsConnector::create(const SpanMetricsConfig& config,
                                                                           const std::string& collector_instance_id,
                                                                           const Clock& clock) {
  if (auto status = check_available(config); !status) return std::unexpected(std::move(status).error());
  auto metrics = connectors::spanmetrics::SpanMetrics::create(clock, to_options(config, collector_instance_id));
  if (!metrics) return std::unexpected(std::move(metrics).error());
  return std::unique_ptr<SpanMetricsConnector>(new SpanMetricsConnector(std::move(*metrics), clock));
}

void SpanMetricsConnector::write_to(tsdb::Appendable& store, Telemetry& telemetry) {
  stores_.push_back(std::make_unique<NativeMetrics>(*metrics_, store, clock_, telemetry));
}

void SpanMetricsConnector::start() {
  for (auto& store : stores_) store->start();
}

void SpanMetricsConnector::stop() {
  for (auto& store : stores_) store->stop();
}

void SpanMetricsConnector::expire() {
  const auto gone = metrics_->expire();
  if (gone.empty()) return;
  for (auto& store : stores_)
    if (auto status = store->write_expired(gone); !status) SL_LOG_WARN("span metrics: {}", status.error().message);
}

}  // namespace sightline::pipeline
