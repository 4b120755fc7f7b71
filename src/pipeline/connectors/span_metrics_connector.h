#pragma once
// The spanmetrics connector as a node of the graph.
#include <memory>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_components.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/metrics/native_metrics.h"
#include "pipeline/processors/trace_fates.h"

namespace sightline::pipeline {

struct SpanMetricsUse {
  bool keeps_attributes = false;  // export_points() will be called
  bool is_strict = false;         // OtelcolConfig::is_strict
};

class SpanMetricsConnector final : public SpanToMetrics {
 public:
  // kInvalidArgument names an option that is not available here. `fates` may be null: no trace is sampled away.
  static Result<std::unique_ptr<SpanMetricsConnector>> create(
      const config::SpanMetricsConfig& config, const std::string& collector_instance_id,
      const Clock& clock, TraceFates* fates, SpanMetricsUse use);

  Status consume(const SharedBatch& batch) override {
    metrics_->consume(*batch);
    return {};
  }
  std::vector<model::MetricFamily> collect() const override { return metrics_->collect(); }
  const connectors::spanmetrics::SpanMetrics* span_metrics() const override {
    return metrics_.get();
  }

  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t epoch) override {
    return metrics_->export_points(sink, epoch);
  }
  void write_to(tsdb::Appendable& store, Telemetry& telemetry) override;
  void start() override;
  void stop() override;
  void maintain() override;

 private:
  SpanMetricsConnector(std::unique_ptr<connectors::spanmetrics::SpanMetrics> metrics,
                       const Clock& clock)
      : metrics_(std::move(metrics)), clock_(clock) {}
  std::unique_ptr<connectors::spanmetrics::SpanMetrics> metrics_;
  const Clock& clock_;
  std::vector<std::unique_ptr<NativeMetrics>> stores_;
};

}  // namespace sightline::pipeline
