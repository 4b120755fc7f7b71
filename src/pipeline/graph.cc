#include "pipeline/graph.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "base/random.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "pipeline/debug_exporter.h"
#include "pipeline/fan_out.h"
#include "pipeline/native_metrics.h"
#include "pipeline/otlp_exporter.h"
#include "pipeline/prometheus_exporter.h"
#include "pipeline/span_metrics_connector.h"
#include "pipeline/store_exporter.h"

namespace sightline::pipeline {
namespace {

using config::ComponentId;
using config::PipelineConfig;
using config::Signal;

template <typename... Parts>
std::unexpected<Error> fail_at(const config::Mark& mark, const Parts&... parts) {
  return fail(Errc::kInvalidArgument, mark.text(), ": ", parts...);
}

// Behind a receiver that is in no traces pipeline.
class NoTraces final : public SpanConsumer {
 public:
  Status consume(const SharedBatch&) override { return fail(Errc::kUnsupported, "no pipeline takes traces of this receiver"); }
};

// Everything the configuration names, made once and joined; owns all stages.
class BuiltGraph final : public Graph {
 public:
  explicit BuiltGraph(GraphEnvironment environment)
      : env_(std::move(environment)), instance_id_(Random(Random::entropy_seed()).uuid()) {}

  Status build(const config::OtelcolConfig& config);
  Status start() override;
  void stop(std::chrono::milliseconds deadline) override;
  void maintain() override;
  std::vector<OpenListener> listeners() const override;
  ReceivedServices received() const override;
  const net::HttpRouter* exposition_at(uint16_t port) const override;

 private:
  struct Exposition {
    const config::Component<config::ExporterConfig>* component = nullptr;
    const config::PrometheusExporterConfig* config = nullptr;
    std::unique_ptr<PrometheusExporter> exporter;
    net::HttpRouter router;
    std::unique_ptr<net::HttpServer> server;
  };
  struct ReceiverInputs {
    std::vector<SpanConsumer*> refusing;
    std::vector<SpanConsumer*> counting;
  };
  // What takes the spans of an exporter id; null for nop.
  struct SpanExporter {
    SpanConsumer* consumer = nullptr;
    bool can_refuse = false;
  };

  Status build_processors(const config::OtelcolConfig& config, const PipelineConfig& pipeline);
  Status build_traces(const config::OtelcolConfig& config, const PipelineConfig& pipeline);
  Status build_metrics(const config::OtelcolConfig& config, const PipelineConfig& pipeline);
  Result<SpanExporter> span_exporter(const config::OtelcolConfig& config, const config::Marked<ComponentId>& id);
  Result<SpanExporter> make_exporter(const config::Component<config::ExporterConfig>& component);
  Result<SpanExporter> make_otlp_http(const config::OtlpHttpExporterConfig& config, const ComponentId& id);
  Result<SpanExporter> make_otlp_grpc(const config::OtlpExporterConfig& config, const ComponentId& id);
  Result<SpanExporter> store_edge(const ComponentId& id, std::string_view why);
  Result<SpanMetricsConnector*> span_metrics(const config::Component<config::ConnectorConfig>& component);
  Status add_metrics_exporter(const config::OtelcolConfig& config, const config::Marked<ComponentId>& id, SpanMetricsConnector& source);
  Status add_metrics_receiver(const config::OtelcolConfig& config, const PipelineConfig& pipeline, const config::Marked<ComponentId>& id);
  Status build_receivers(const config::OtelcolConfig& config);

  GraphEnvironment env_;
  const std::string instance_id_;
  std::map<ComponentId, std::unique_ptr<SpanMetricsConnector>> connectors_;
  std::map<ComponentId, SpanExporter> exporters_;
  std::vector<std::unique_ptr<SpanConsumer>> stages_;
  std::vector<OtlpExporter*> queues_;                       // in stages_
  std::map<ComponentId, ReceiverInputs> inputs_;
  std::set<ComponentId> metrics_receivers_;                 // whose metrics are stored
  std::unique_ptr<OtlpMetrics> metrics_;
  std::map<ComponentId, std::unique_ptr<Exposition>> expositions_;
  std::vector<std::unique_ptr<OtlpListeners>> receivers_;
};

Status BuiltGraph::build(const config::OtelcolConfig& config) {
  for (const PipelineConfig& pipeline : config.pipelines) {
    if (auto status = build_processors(config, pipeline); !status) return status;
    Status status;
    switch (pipeline.signal) {
      case Signal::kTraces: status = build_traces(config, pipeline); break;
      case Signal::kMetrics: status = build_metrics(config, pipeline); break;
      case Signal::kLogs: status = fail_at(pipeline.mark, "pipeline ", pipeline.id(), ": logs are not stored here"); break;
    }
    if (!status) return status;
  }
  return build_receivers(config);
}

Status BuiltGraph::build_processors(const config::OtelcolConfig& config, const PipelineConfig& pipeline) {
  for (const auto& id : pipeline.processors) {
    const auto* component = config.processor(*id);
    if (std::holds_alternative<config::BatchProcessorConfig>(component->config)) {
      SL_LOG_INFO("{}: {} has nothing to do here: each request goes on as it came, without waiting", id.mark.text(), id->text());
      continue;
    }
    return fail_at(id.mark, "processor ", id->text(), " is not available in this version");
  }
  return {};
}

Status BuiltGraph::build_traces(const config::OtelcolConfig& config, const PipelineConfig& pipeline) {
  std::vector<SpanExporter> exporters;
  for (const auto& id : pipeline.exporters) {
    auto exporter = span_exporter(config, id);
    if (!exporter) return std::unexpected(std::move(exporter).error());
    if (exporter->consumer != nullptr) exporters.push_back(*exporter);
  }
  for (const auto& id : pipeline.receivers) {
    if (config.receiver(*id) == nullptr)
      return fail_at(id.mark, "connector ", id->text(), " cannot feed a traces pipeline");
    ReceiverInputs& inputs = inputs_[*id];
    for (const SpanExporter& exporter : exporters)
      (exporter.can_refuse ? inputs.refusing : inputs.counting).push_back(exporter.consumer);
  }
  return {};
}

Result<BuiltGraph::SpanExporter> BuiltGraph::span_exporter(const config::OtelcolConfig& config, const config::Marked<ComponentId>& id) {
  if (const auto* connector = config.connector(*id)) {
    auto made = span_metrics(*connector);
    if (!made) return std::unexpected(std::move(made).error());
    return SpanExporter{.consumer = *made};
  }
  if (const auto known = exporters_.find(*id); known != exporters_.end()) return known->second;
  auto made = make_exporter(*config.exporter(*id));
  if (!made) return in_context(id.mark.text(), std::move(made).error());
  exporters_.emplace(*id, *made);
  return made;
}

Result<BuiltGraph::SpanExporter> BuiltGraph::store_edge(const ComponentId& id, std::string_view why) {
  if (env_.trace_store == nullptr)
    return fail(Errc::kInvalidArgument, "exporter ", id.text(), " needs a trace store in this process; give it a Tempo configuration");
  SL_LOG_INFO("exporter {}: {}, so spans go there by a function call", id.text(), why);
  stages_.push_back(std::make_unique<StoreExporter>(*env_.trace_store));
  return SpanExporter{.consumer = stages_.back().get(), .can_refuse = true};
}

Result<BuiltGraph::SpanExporter> BuiltGraph::make_otlp_http(const config::OtlpHttpExporterConfig& config, const ComponentId& id) {
  if (env_.trace_store != nullptr && env_.is_own_trace_receiver && env_.is_own_trace_receiver(config.traces_url()))
    return store_edge(id, config.traces_url() + " is this process");
  auto exporter = OtlpExporter::create(config, id.text(), env_.telemetry);
  if (!exporter) return std::unexpected(std::move(exporter).error());
  queues_.push_back(exporter->get());
  stages_.push_back(std::move(*exporter));
  return SpanExporter{.consumer = stages_.back().get(), .can_refuse = true};
}

Result<BuiltGraph::SpanExporter> BuiltGraph::make_otlp_grpc(const config::OtlpExporterConfig& config, const ComponentId& id) {
  if (env_.trace_store != nullptr && env_.is_own_trace_receiver && env_.is_own_trace_receiver(*config.client.endpoint))
    return store_edge(id, *config.client.endpoint + " is this process");
  auto exporter = OtlpExporter::create(config, id.text(), env_.telemetry);
  if (!exporter) return std::unexpected(std::move(exporter).error());
  queues_.push_back(exporter->get());
  stages_.push_back(std::move(*exporter));
  return SpanExporter{.consumer = stages_.back().get(), .can_refuse = true};
}

Result<BuiltGraph::SpanExporter> BuiltGraph::make_exporter(const config::Component<config::ExporterConfig>& component) {
  if (const auto* http = std::get_if<config::OtlpHttpExporterConfig>(&component.config)) return make_otlp_http(*http, component.id);
  if (const auto* grpc = std::get_if<config::OtlpExporterConfig>(&component.config)) return make_otlp_grpc(*grpc, component.id);
  if (std::holds_alternative<config::StoreExporterConfig>(component.config)) return store_edge(component.id, "the trace store is in this process");
  if (std::holds_alternative<config::NopConfig>(component.config)) return SpanExporter{};
  if (const auto* debug = std::get_if<config::DebugExporterConfig>(&component.config)) {
    stages_.push_back(std::make_unique<DebugExporter>(
        DebugExporterOptions{.config = *debug}, [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }, env_.telemetry));
    return SpanExporter{.consumer = stages_.back().get()};
  }
  return fail(Errc::kInvalidArgument, "exporter ", component.id.text(), " takes no traces");
}

Result<SpanMetricsConnector*> BuiltGraph::span_metrics(const config::Component<config::ConnectorConfig>& component) {
  auto& slot = connectors_[component.id];
  if (slot) return slot.get();
  auto made = SpanMetricsConnector::create(std::get<config::SpanMetricsConfig>(component.config), instance_id_, env_.clock);
  if (!made) return in_context(component.mark.text(), std::move(made).error());
  slot = std::move(*made);
  return slot.get();
}

Status BuiltGraph::build_metrics(const config::OtelcolConfig& config, const PipelineConfig& pipeline) {
  for (const auto& id : pipeline.receivers) {
    const auto* connector = config.connector(*id);
    if (connector == nullptr) {
      if (auto status = add_metrics_receiver(config, pipeline, id); !status) return status;
      continue;
    }
    auto source = span_metrics(*connector);
    if (!source) return std::unexpected(std::move(source).error());
    for (const auto& exporter : pipeline.exporters)
      if (auto status = add_metrics_exporter(config, exporter, **source); !status) return status;
  }
  return {};
}

// What a receiver takes in goes to the store, or nowhere; senders are told so then.
Status BuiltGraph::add_metrics_receiver(const config::OtelcolConfig& config, const PipelineConfig& pipeline, const config::Marked<ComponentId>& id) {
  const bool to_store = std::any_of(pipeline.exporters.begin(), pipeline.exporters.end(), [&](const auto& exporter) {
    const auto* component = config.exporter(*exporter);
    return component != nullptr && std::holds_alternative<config::StoreExporterConfig>(component->config);
  });
  if (!to_store) {
    SL_LOG_WARN("{}: metrics received by {} go to no exporter \"sightline\"; senders are told that they are not stored", id.mark.text(), id->text());
    return {};
  }
  if (env_.metrics_store == nullptr)
    return fail_at(id.mark, "receiver ", id->text(), ": metrics need a metrics store in this process; give it a Prometheus configuration");
  if (!metrics_) metrics_ = std::make_unique<OtlpMetrics>(*env_.metrics_store, env_.telemetry);
  metrics_receivers_.insert(*id);
  (void)inputs_[*id];
  return {};
}

Status BuiltGraph::add_metrics_exporter(const config::OtelcolConfig& config, const config::Marked<ComponentId>& id, SpanMetricsConnector& source) {
  const auto* component = config.exporter(*id);
  if (component == nullptr) return fail_at(id.mark, "connector ", id->text(), " takes no metrics");
  if (const auto* prometheus = std::get_if<config::PrometheusExporterConfig>(&component->config)) {
    auto& exposition = expositions_[*id];
    if (!exposition) {
      exposition = std::make_unique<Exposition>();
      exposition->component = component;
      exposition->config = prometheus;
      exposition->exporter = std::make_unique<PrometheusExporter>(*prometheus);
      exposition->exporter->add_routes(exposition->router);
    }
    exposition->exporter->add_source(source);
    return {};
  }
  if (std::holds_alternative<config::StoreExporterConfig>(component->config)) {
    if (env_.metrics_store == nullptr)
      return fail_at(id.mark, "exporter ", id->text(), " needs a metrics store in this process; give it a Prometheus configuration");
    source.write_to(*env_.metrics_store, env_.telemetry);
    return {};
  }
  if (std::holds_alternative<config::NopConfig>(component->config)) return {};
  return fail_at(id.mark, "exporter ", id->text(), " takes no metrics in this version");
}

Status BuiltGraph::build_receivers(const config::OtelcolConfig& config) {
  for (auto& [id, inputs] : inputs_) {
    const auto* component = config.receiver(id);
    const auto* otlp = std::get_if<config::OtlpReceiverConfig>(&component->config);
    if (otlp == nullptr) continue;  // nop receives nothing
    if (inputs.refusing.empty() && inputs.counting.empty()) stages_.push_back(std::make_unique<NoTraces>());
    else stages_.push_back(std::make_unique<FanOut>(std::move(inputs.refusing), std::move(inputs.counting)));
    auto receiver = OtlpListeners::create(*otlp, id.text(), *stages_.back(), env_.clock, env_.telemetry,
                                          metrics_receivers_.contains(id) ? metrics_.get() : nullptr);
    if (!receiver) return std::unexpected(std::move(receiver).error());
    receivers_.push_back(std::move(*receiver));
  }
  return {};
}

Status BuiltGraph::start() {
  for (auto& [id, exposition] : expositions_) {
    auto server = net::HttpServer::listen({.address = *exposition->config->server.endpoint, .name = id.text()}, exposition->router,
                                          env_.pool, env_.telemetry, env_.io_threads);
    if (!server) return in_context("exporter " + id.text(), std::move(server).error());
    exposition->server = std::move(*server);
  }
  for (auto& [id, connector] : connectors_) connector->start();
  for (auto& receiver : receivers_)
    if (auto status = receiver->start(env_.pool, env_.telemetry, env_.io_threads); !status) return status;
  return {};
}

void BuiltGraph::stop(std::chrono::milliseconds deadline) {
  for (auto& receiver : receivers_) receiver->stop(deadline);
  for (auto& [id, connector] : connectors_) connector->stop();
  for (OtlpExporter* queue : queues_) queue->stop(deadline);
  for (auto& [id, exposition] : expositions_)
    if (exposition->server) exposition->server->stop(deadline);
}

void BuiltGraph::maintain() {
  for (auto& [id, connector] : connectors_) connector->expire();
}

std::vector<OpenListener> BuiltGraph::listeners() const {
  std::vector<OpenListener> all;
  for (const auto& receiver : receivers_)
    for (OpenListener& listener : receiver->listeners()) all.push_back(std::move(listener));
  for (const auto& [id, exposition] : expositions_)
    if (exposition->server) all.push_back({"metrics for scraping", exposition->server->local_address()});
  return all;
}

ReceivedServices BuiltGraph::received() const {
  std::map<std::string, ReceivedServices::Service> by_name;
  for (const auto& receiver : receivers_) {
    for (const auto& service : receiver->receiver().received().services) {
      auto& sum = by_name[service.name];
      sum.name = service.name;
      sum.spans_total += service.spans_total;
      sum.last_seen = std::max(sum.last_seen, service.last_seen);
    }
  }
  ReceivedServices all;
  for (auto& [name, service] : by_name) all.services.push_back(std::move(service));
  return all;
}

const net::HttpRouter* BuiltGraph::exposition_at(uint16_t port) const {
  for (const auto& [id, exposition] : expositions_) {
    const auto endpoint = config::parse_host_port(*exposition->config->server.endpoint);
    if (endpoint && endpoint->port == port) return &exposition->router;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Graph>> Graph::build(const config::OtelcolConfig& config, GraphEnvironment environment) {
  auto graph = std::make_unique<BuiltGraph>(std::move(environment));
  if (auto status = graph->build(config); !status) return std::unexpected(std::move(status).error());
  return graph;
}

}  // namespace sightline::pipeline
