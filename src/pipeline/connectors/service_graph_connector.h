#pragma once
// The servicegraph connector as a node of the graph.
#include <memory>
#include <vector>

#include "config/otelcol/otelcol_connectors.h"
#include "connectors/servicegraph/service_graph.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/metrics/family_points.h"
#include "pipeline/metrics/source_writer.h"

namespace sightline::pipeline {

class ServiceGraphConnector final : public SpanToMetrics {
 public:
  ServiceGraphConnector(const config::ServiceGraphConfig& config, const std::string& id,
                        const Clock& clock, Telemetry& telemetry, bool is_strict = false);

  Status consume(const SharedBatch& batch) override {
    graph_.consume(*batch);
    return {};
  }
  std::vector<model::MetricFamily> collect() const override { return graph_.collect(); }
  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t) override {
    if (auto status = export_families(collect(), names_, clock_.now().value, sink); !status)
      return std::unexpected(std::move(status).error());
    return 0;
  }
  void write_to(tsdb::Appendable& store, Telemetry& telemetry) override;
  void start() override {}
  void stop() override { maintain(); }
  void maintain() override;

 private:
  connectors::servicegraph::ServiceGraph graph_;
  const FamilyNames names_;
  const Clock& clock_;
  Counter& edges_;
  Counter& expired_;
  Counter& dropped_;
  std::vector<std::unique_ptr<SourceWriter>> stores_;
};

}  // namespace sightline::pipeline
