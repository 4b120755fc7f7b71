#pragma once
// The graph as it is built: every component made once, joined as the pipelines say. Inside
// pipeline/ only: graphs are made with graph.h.
//   Spans     a traces pipeline is a chain of stages: processors in order, then an edge that splits to
//             exporters and connectors. Receivers and forward connectors enter at its head.
//   Unread    an OTLP receiver all of whose pipelines lead through nothing that looks at spans to OTLP exporters hands on
//             the requests' bytes.
//   Metrics   of connectors are pulled by what shows or stores them, and pushed at their flush interval to everything else;
//             those of receivers are pushed.
//   Threads   as graph.h.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/exporters/file_exporter.h"
#include "pipeline/exporters/otlp_exporter.h"
#include "pipeline/exporters/prometheus_exporter.h"
#include "pipeline/extensions/health_check.h"
#include "pipeline/graph/graph.h"
#include "pipeline/metrics/metrics_flush.h"
#include "pipeline/processors/memory_limiter.h"
#include "pipeline/processors/processors.h"
#include "pipeline/receivers/jaeger_receiver.h"
#include "pipeline/receivers/scraped_metrics.h"
#include "pipeline/receivers/zipkin_receiver.h"

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

  // Spans: graph_traces.cc
  Result<SpanStage*> traces_pipeline(const PipelineConfig& pipeline);
  Result<SpanStage*> traces_end(const MarkedId& id);
  Result<SpanStage*> forward_end(const ComponentId& id);
  Result<SpanStage*> make_exporter(const config::Component<config::ExporterConfig>& component);
  Result<SpanStage*> make_otlp(const auto& config, const ComponentId& id,
                               const std::string& destination);
  Result<SpanStage*> store_edge(const ComponentId& id, std::string_view why,
                                std::string_view org_id);
  EncodedConsumer* encoded_pipeline(const PipelineConfig& pipeline);
  EncodedConsumer* encoded_split(std::vector<EncodedConsumer*> ends);
  EncodedConsumer* encoded_receiver(const ComponentId& receiver);
  bool add_attributes_of(const MarkedId& end, std::vector<std::string>& names) const;
  std::shared_ptr<const std::vector<std::string>> attributes_looked_at(
      const ComponentId& receiver) const;
  SpanStage* own_stage(std::unique_ptr<SpanStage> stage);
  SpanStage* own_end(std::unique_ptr<SpanConsumer> consumer, bool can_refuse);
  bool samples(const PipelineConfig& pipeline) const;
  bool keeps_every_trace() const;
  void limit_exemplars();
  Status build_receivers();

  // Metrics: graph_metrics.cc
  Status build_metrics(const PipelineConfig& pipeline);
  bool edits(const PipelineConfig& pipeline) const;
  bool counts_metrics(const ComponentId& end) const;
  bool needs_points() const;
  bool is_fed_by(const PipelineConfig& pipeline, const ComponentId& connector) const;
  Result<std::vector<SpanToMetrics*>> sources_of(const PipelineConfig& pipeline);
  Status pull(const PipelineConfig& pipeline, SpanToMetrics& source);
  void flush_into(SpanToMetrics& source, MetricsConsumer& head);
  Result<MetricsConsumer*> metrics_head(const PipelineConfig& pipeline);
  Result<MetricsConsumer*> metrics_chain(const PipelineConfig& pipeline,
                                         std::vector<MetricsConsumer*> ends);
  Result<MetricsConsumer*> metrics_end(const MarkedId& id);
  Result<MetricsConsumer*> metrics_count(
      const config::Component<config::ConnectorConfig>& component);
  Result<MetricsConsumer*> metrics_forward(const ComponentId& id);
  Result<MetricsConsumer*> make_metrics_exporter(
      const config::Component<config::ExporterConfig>& component);
  Result<MetricsConsumer*> metrics_otlp(const auto& config, const ComponentId& id);
  Result<PrometheusExporter*> exposition(const ComponentId& id,
                                         const config::PrometheusExporterConfig& config);
  Result<FileExporter*> file_exporter(const ComponentId& id,
                                      const config::FileExporterConfig& config);
  Result<tsdb::Appendable*> metrics_store(const ComponentId& id) const;
  Status build_scrapes();
  template <typename Consumer>
  Consumer* own_metrics_consumer(std::unique_ptr<Consumer> consumer) {
    Consumer* made = consumer.get();
    metrics_consumers_.push_back(std::move(consumer));
    return made;
  }
  MetricsConsumer* split(std::vector<MetricsConsumer*> ends);
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
  std::map<std::pair<const PipelineConfig*, ComponentId>, MemoryLimiter*> memory_limiters_;
  std::map<ComponentId, OtlpExporter*> otlp_exporters_;  // of spans
  std::vector<std::unique_ptr<EncodedConsumer>> encoded_splits_;
  std::map<ComponentId, SpanStage*> exporter_ends_;
  std::vector<SendQueue*> queues_;
  std::map<ComponentId, std::unique_ptr<FileExporter>> file_exporters_;  // of both signals
  std::vector<std::unique_ptr<MetricsConsumer>> metrics_consumers_;
  std::map<const PipelineConfig*, MetricsConsumer*> metrics_heads_;
  std::map<ComponentId, MetricsConsumer*> metrics_ends_;
  std::map<ComponentId, std::vector<MetricsConsumer*>> metrics_receivers_;  // and where they lead
  std::vector<std::unique_ptr<MetricsFlush>> flushes_;
  std::vector<std::unique_ptr<ScrapedMetrics>> scraped_;
  std::vector<std::unique_ptr<Scraping>> scrapings_;
  std::map<ComponentId, std::unique_ptr<PrometheusExporter>> expositions_;
  std::vector<std::unique_ptr<OtlpListeners>> receivers_;
  std::vector<std::unique_ptr<ZipkinReceiver>> zipkin_receivers_;
  std::vector<std::unique_ptr<JaegerReceiver>> jaeger_receivers_;
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
