// The part of the graph that metrics come from and go to.
#include <algorithm>

#include "base/log.h"
#include "pipeline/authentication.h"
#include "pipeline/built_graph.h"
#include "pipeline/count_connector.h"
#include "pipeline/service_graph_connector.h"
#include "pipeline/span_metrics_connector.h"

namespace sightline::pipeline {

using config::Signal;

Result<SpanToMetrics*> BuiltGraph::span_to_metrics(
    const config::Component<config::ConnectorConfig>& component) {
  auto& slot = connectors_[component.id];
  if (slot) return slot.get();
  if (const auto* spans = std::get_if<config::SpanMetricsConfig>(&component.config)) {
    auto made = SpanMetricsConnector::create(*spans, instance_id_, env_.clock,
                                             uses_fates_ ? &fates_ : nullptr);
    if (!made) return in_context(component.mark.text(), std::move(made).error());
    slot = std::move(*made);
  } else if (const auto* services = std::get_if<config::ServiceGraphConfig>(&component.config)) {
    slot = std::make_unique<ServiceGraphConnector>(*services, component.id.text(), env_.clock,
                                                   env_.telemetry);
  } else {
    slot = std::make_unique<CountConnector>(std::get<config::CountConfig>(component.config),
                                            env_.clock);
  }
  return slot.get();
}

// Processors that say nothing about metrics may stand in a metrics pipeline; what would change them may not.
Status BuiltGraph::check_metrics_processors(const PipelineConfig& pipeline) const {
  for (const auto& id : pipeline.processors) {
    const config::ProcessorConfig& processor = config_->processor(*id)->config;
    if (std::holds_alternative<config::BatchProcessorConfig>(processor) ||
        std::holds_alternative<config::MemoryLimiterConfig>(processor)) {
      SL_LOG_INFO("{}: {} has nothing to do here: metrics are read where they are counted",
                  id.mark.text(), id->text());
      continue;
    }
    return fail_at(id.mark, "processor ", id->text(),
                   " acts on spans only here; it cannot stand in pipeline ", pipeline.id());
  }
  return {};
}

// What a metrics pipeline's receivers stand for, through forward connectors too.
Status BuiltGraph::add_sources(const PipelineConfig& pipeline,
                               std::vector<SpanToMetrics*>& sources) {
  if (auto status = check_metrics_processors(pipeline); !status) return status;
  for (const auto& id : pipeline.receivers) {
    const auto* connector = config_->connector(*id);
    if (connector == nullptr) {
      if (auto status = add_metrics_receiver(pipeline, id); !status) return status;
      continue;
    }
    if (!std::holds_alternative<config::ForwardConfig>(connector->config)) {
      auto source = span_to_metrics(*connector);
      if (!source) return std::unexpected(std::move(source).error());
      if (std::find(sources.begin(), sources.end(), *source) == sources.end())
        sources.push_back(*source);
      continue;
    }
    for (const PipelineConfig& from : config_->pipelines) {
      const bool feeds = from.signal == Signal::kMetrics &&
                         std::any_of(from.exporters.begin(), from.exporters.end(),
                                     [&](const MarkedId& e) { return *e == *id; });
      if (feeds)
        if (auto status = add_sources(from, sources); !status) return status;
    }
  }
  return {};
}

// What a receiver takes in goes to the store, or nowhere; senders are told so then.
Status BuiltGraph::add_metrics_receiver(const PipelineConfig& pipeline, const MarkedId& id) {
  const bool to_store = std::any_of(
      pipeline.exporters.begin(), pipeline.exporters.end(), [&](const MarkedId& exporter) {
        const auto* component = config_->exporter(*exporter);
        return component != nullptr &&
               std::holds_alternative<config::StoreExporterConfig>(component->config);
      });
  if (!to_store) {
    SL_LOG_WARN(
        "{}: metrics received by {} go to no exporter \"sightline\"; senders are told that they "
        "are not stored",
        id.mark.text(), id->text());
    return {};
  }
  if (env_.metrics_store == nullptr)
    return fail_at(
        id.mark, "receiver ", id->text(),
        ": metrics need a metrics store in this process; give it a Prometheus configuration");
  if (!metrics_) metrics_ = std::make_unique<OtlpMetrics>(*env_.metrics_store, env_.telemetry);
  metrics_receivers_.insert(*id);
  return {};
}

Status BuiltGraph::build_metrics(const PipelineConfig& pipeline) {
  std::vector<SpanToMetrics*> sources;
  if (auto status = add_sources(pipeline, sources); !status) return status;
  for (SpanToMetrics* source : sources)
    for (const auto& exporter : pipeline.exporters)
      if (auto status = add_metrics_exporter(exporter, *source); !status) return status;
  return {};
}

Status BuiltGraph::secure(Exposition& exposition) const {
  auto authenticator = make_authenticator(*config_, exposition.config->server.authenticator);
  if (!authenticator) return std::unexpected(std::move(authenticator).error());
  exposition.authenticator = std::move(*authenticator);
  if (!exposition.config->server.tls) return {};
  auto tls = load_server_tls(*exposition.config->server.tls);
  if (!tls) return std::unexpected(std::move(tls).error());
  auto context = net::TlsServerContext::create(*tls);
  if (!context) return std::unexpected(std::move(context).error());
  exposition.tls = std::move(*context);
  return {};
}

Status BuiltGraph::add_metrics_exporter(const MarkedId& id, SpanToMetrics& source) {
  const auto* component = config_->exporter(*id);
  if (component == nullptr) return {};  // a forward connector: whoever receives from it looks here
  if (const auto* prometheus = std::get_if<config::PrometheusExporterConfig>(&component->config)) {
    auto& exposition = expositions_[*id];
    if (!exposition) {
      exposition = std::make_unique<Exposition>();
      exposition->component = component;
      exposition->config = prometheus;
      exposition->exporter = std::make_unique<PrometheusExporter>(*prometheus);
      exposition->exporter->add_routes(exposition->router);
      if (auto status = secure(*exposition); !status)
        return in_context("exporter " + id->text(), std::move(status).error());
    }
    exposition->exporter->add_source(source);
    return {};
  }
  if (std::holds_alternative<config::StoreExporterConfig>(component->config)) {
    if (env_.metrics_store == nullptr)
      return fail_at(id.mark, "exporter ", id->text(),
                     " needs a metrics store in this process; give it a Prometheus configuration");
    source.write_to(*env_.metrics_store, env_.telemetry);
    return {};
  }
  if (std::holds_alternative<config::NopConfig>(component->config)) return {};
  if (std::holds_alternative<config::DebugExporterConfig>(component->config)) {
    SL_LOG_INFO(
        "{}: {} prints spans only: metrics can be seen at any moment, in an exposition or in the "
        "pages",
        id.mark.text(), id->text());
    return {};
  }
  return fail_at(id.mark, "exporter ", id->text(), " takes no metrics in this version");
}

}  // namespace sightline::pipeline
