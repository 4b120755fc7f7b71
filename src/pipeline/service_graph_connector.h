#pragma once
// The servicegraph connector as a node of the graph.
#include <memory>
#include <vector>

#include "config/otelcol_connectors.h"
#include "connectors/servicegraph/service_graph.h"
#include "pipeline/source_writer.h"
#include "pipeline/span_to_metrics.h"

namespace sightline::pipeline {

class ServiceGraphConnector final : public SpanToMetrics {
 public:
  ServiceGraphConnector(const config::ServiceGraphConfig& config, const std::string& id,
                        const Clock& clock, Telemetry& telemetry);

  Status consume(const SharedBatch& batch) override {
    graph_.consume(*batch);
    return {};
  }
  std::vector<model::MetricFamily> collect() const override { return graph_.collect(); }
  void write_to(tsdb::Appendable& store, Telemetry& telemetry) override;
  void start() override {}
  void stop() override { maintain(); }
  void maintain() override;

 private:
  connectors::servicegraph::ServiceGraph graph_;
  const Clock& clock_;
  Counter& edges_;
  Counter& expired_;
  Counter& dropped_;
  std::vector<std::unique_ptr<SourceWriter>> stores_;
};

}  // namespace sightline::pipeline
