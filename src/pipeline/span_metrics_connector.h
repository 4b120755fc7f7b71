#pragma once
// The spanmetrics connector as a node of the graph: the end of a traces
// pipeline and the start of metrics pipelines.
//   Threads   consume() and collect() from any thread; the rest from the graph's owner.
#include <memory>
#include <string>
#include <vector>

#include "config/otelcol_components.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "pipeline/consumer.h"
#include "pipeline/metric_source.h"
#include "pipeline/native_metrics.h"

namespace sightline::pipeline {

class SpanMetricsConnector final : public SpanConsumer, public MetricSource {
 public:
  // kInvalidArgument names an option that is not available here.
  static Result<std::unique_ptr<SpanMetricsConnector>> create(const config::SpanMetricsConfig& config,
                                                              const std::string& collector_instance_id, const Clock& clock);

  Status consume(const SharedBatch& batch) override {
    metrics_->consume(*batch);
    return {};
  }
  std::vector<model::MetricFamily> collect() const override { return metrics_->collect(); }

  // From start() on, what it counts goes into `store` as well.
  void write_to(tsdb::Appendable& store, Telemetry& telemetry);
  void start();
  void stop();
  void expire();

 private:
  SpanMetricsConnector(std::unique_ptr<connectors::spanmetrics::SpanMetrics> metrics, const Clock& clock)
      : metrics_(std::move(metrics)), clock_(clock) {}
  std::unique_ptr<connectors::spanmetrics::SpanMetrics> metrics_;
  const Clock& clock_;
  std::vector<std::unique_ptr<NativeMetrics>> stores_;
};

}  // namespace sightline::pipeline
