#include "pipeline/connectors/span_metrics_connector.h"

#include "base/log.h"

namespace sightline::pipeline {
namespace {

using config::SpanMetricsConfig;
using connectors::spanmetrics::SpanMetricsOptions;

std::vector<connectors::spanmetrics::Dimension> to_dimensions(
    const std::vector<config::DimensionConfig>& from) {
  std::vector<connectors::spanmetrics::Dimension> to;
  for (const config::DimensionConfig& dimension : from)
    to.push_back({dimension.name, dimension.default_value, dimension.glob});
  return to;
}

SpanMetricsOptions to_options(const SpanMetricsConfig& config,
                              const std::string& collector_instance_id) {
  SpanMetricsOptions options;
  options.metrics_namespace = config.metrics_namespace;
  options.dimensions = to_dimensions(config.dimensions);
  options.calls_dimensions = to_dimensions(config.calls_dimensions);
  options.duration_dimensions = to_dimensions(config.histogram.dimensions);
  options.events_enabled = config.events.enabled;
  options.event_dimensions = to_dimensions(config.events.dimensions);
  options.exclude_dimensions = config.exclude_dimensions;
  options.collector_instance_id = collector_instance_id;
  options.histogram_enabled = !config.histogram.disable;
  const bool seconds = config.histogram.unit == config::DurationUnit::kSeconds;
  options.unit = seconds ? connectors::spanmetrics::DurationUnit::kSeconds
                         : connectors::spanmetrics::DurationUnit::kMilliseconds;
  options.buckets.clear();
  for (const std::chrono::nanoseconds bucket : config.histogram.explicit_buckets)
    options.buckets.push_back(static_cast<double>(bucket.count()) / (seconds ? 1e9 : 1e6));
  if (config.histogram.exponential_max_size)
    options.exponential_max_size = static_cast<uint32_t>(*config.histogram.exponential_max_size);
  options.exemplars_enabled = config.exemplars.enabled;
  options.exemplars_per_point_max = static_cast<uint32_t>(config.exemplars.max_per_data_point);
  options.include_instrumentation_scope = config.include_instrumentation_scope;
  options.sampling_method_label = config.enable_metrics_sampling_method;
  options.resource_key_attributes = config.resource_metrics_key_attributes;
  options.series_expiration = config.series_expiration;
  options.metrics_expiration = config.metrics_expiration;
  options.aggregation_cardinality_limit = config.aggregation_cardinality_limit;
  return options;
}

}  // namespace

Result<std::unique_ptr<SpanMetricsConnector>> SpanMetricsConnector::create(
    const SpanMetricsConfig& config, const std::string& collector_instance_id, const Clock& clock,
    TraceFates* fates, SpanMetricsUse use) {
  SpanMetricsOptions options = to_options(config, collector_instance_id);
  options.keep_attributes = use.keeps_attributes;
  options.flushes_as_peer = use.is_strict;
  options.told_as_deltas = config.aggregation_temporality == config::AggregationTemporality::kDelta;
  if (fates != nullptr) {
    options.may_be_exemplar = [fates](const TraceId& id) { return fates->may_be_exemplar(id); };
    options.note_exemplar = [fates](const TraceId& id) { fates->note_exemplar(id); };
  }
  auto metrics = connectors::spanmetrics::SpanMetrics::create(clock, std::move(options));
  if (!metrics) return std::unexpected(std::move(metrics).error());
  return std::unique_ptr<SpanMetricsConnector>(
      new SpanMetricsConnector(std::move(*metrics), clock));
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

void SpanMetricsConnector::maintain() {
  const auto gone = metrics_->expire();
  if (gone.empty()) return;
  for (auto& store : stores_)
    if (auto status = store->write_expired(gone); !status)
      SL_LOG_WARN("span metrics: {}", status.error().message);
}

}  // namespace sightline::pipeline
