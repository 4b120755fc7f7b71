#pragma once
// The graph as it is built: every component made once, joined as the pipelines say. Inside
// pipeline/ only: graphs are made with graph.h.
//   Spans     a traces pipeline is a chain of stages: processors in order, then an edge that splits to
//             exporters and connectors. Receivers and forward connectors enter at its head.
//   Metrics   are pulled: a metrics pipeline is the list of sources its receivers stand for.
//   Threads   as graph.h.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "pipeline/graph.h"
#include "pipeline/health_check.h"
#include "pipeline/otlp_exporter.h"
#include "pipeline/processors.h"
#include "pipeline/prometheus_exporter.h"
#include "pipeline/span_to_metrics.h"
#include "pipeline/zipkin_receiver.h"

namespace sightline::pipeline {

class BuiltGraph final : public Graph {
 public:
  explicit BuiltGraph(GraphEnvironment environment);

  Status build(const config::OtelcolConfig& config);
  Status start() override;
  Status start_own_metrics();
  void stop(std::chrono::milliseconds deadline) override;
  void maintain() override;
  std::vector<OpenListener> listeners() const override;
  ReceivedServices received() const override;
  const net::HttpRouter* exposition_at(uint16_t port) const override;

 private:
  using ComponentId = config::ComponentId;
  using PipelineConfig = config::PipelineConfig;
  using MarkedId = config::Marked<ComponentId>;

  struct Exposition {
    const config::Component<config::ExporterConfig>* component = nullptr;
    const config::PrometheusExporterConfig* config = nullptr;
    std::unique_ptr<PrometheusExporter> exporter;
    net::HttpRouter router;
    std::shared_ptr<const net::TlsServerContext> tls;
    std::shared_ptr<const net::Authenticator> authenticator;
    std::unique_ptr<net::HttpServer> server;
  };
  Status secure(Exposition& exposition) const;

  // Spans: graph_traces.cc
  Result<SpanStage*> traces_pipeline(const PipelineConfig& pipeline);
  Result<SpanStage*> traces_end(const MarkedId& id);
  Result<SpanStage*> forward_end(const ComponentId& id);
  Result<SpanStage*> make_exporter(const config::Component<config::ExporterConfig>& component);
  Result<SpanStage*> make_otlp(const auto& config, const ComponentId& id,
                               const std::string& destination);
  Result<SpanStage*> store_edge(const ComponentId& id, std::string_view why,
                                std::string_view org_id);
  SpanStage* own_stage(std::unique_ptr<SpanStage> stage);
  SpanStage* own_end(std::unique_ptr<SpanConsumer> consumer, bool can_refuse);
  bool samples(const PipelineConfig& pipeline) const;
  bool keeps_every_trace() const;
  void limit_exemplars();
  Status build_receivers();

  // Metrics: graph_metrics.cc
  Status build_metrics(const PipelineConfig& pipeline);
  Status add_sources(const PipelineConfig& pipeline, std::vector<SpanToMetrics*>& sources);
  Status add_metrics_exporter(const MarkedId& id, SpanToMetrics& source);
  Status add_metrics_receiver(const PipelineConfig& pipeline, const MarkedId& id);
  Status check_metrics_processors(const PipelineConfig& pipeline) const;
  Result<SpanToMetrics*> span_to_metrics(
      const config::Component<config::ConnectorConfig>& component);

  GraphEnvironment env_;
  const std::string instance_id_;
  const config::OtelcolConfig* config_ = nullptr;
  TraceFates fates_;
  bool uses_fates_ = false;
  std::map<ComponentId, std::unique_ptr<SpanToMetrics>> connectors_;
  std::vector<std::unique_ptr<SpanConsumer>> consumers_;
  std::vector<std::unique_ptr<SpanStage>> stages_;
  std::vector<std::unique_ptr<SpanProcessor>>
      processors_;  // what follows first, so that stopping goes backwards
  std::map<const PipelineConfig*, SpanStage*> traces_pipelines_;
  std::map<ComponentId, SpanStage*> exporter_ends_;
  std::vector<OtlpExporter*> queues_;        // in consumers_
  std::set<ComponentId> metrics_receivers_;  // whose metrics are stored
  std::unique_ptr<OtlpMetrics> metrics_;
  std::map<ComponentId, std::unique_ptr<Exposition>> expositions_;
  std::vector<std::unique_ptr<OtlpListeners>> receivers_;
  std::vector<std::unique_ptr<ZipkinReceiver>> zipkin_receivers_;
  std::vector<std::unique_ptr<HealthCheck>> health_checks_;
  net::HttpRouter own_metrics_router_;
  std::unique_ptr<net::HttpServer> own_metrics_;  // service::telemetry::metrics
};

// "<mark>: <what>"
template <typename... Parts>
std::unexpected<Error> fail_at(const config::Mark& mark, const Parts&... parts) {
  return fail(Errc::kInvalidArgument, mark.text(), ": ", parts...);
}

}  // namespace sightline::pipeline
