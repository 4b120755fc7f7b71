// The part of the graph that metrics come from and go to.
#include <algorithm>

#include "base/log.h"
#include "pipeline/built_graph.h"
#include "pipeline/count_connector.h"
#include "pipeline/service_graph_connector.h"
#include "pipeline/span_metrics_connector.h"

namespace sightline::pipeline {

using config::Signal;

Result<SpanToMetrics*> BuiltGraph::span_to_metrics(const config::Component<config::ConnectorConfig>& component) {
  auto& slot = connectors_[component.id];
  if (slot) return slot.get();
  if (const auto* spans = std::get_if<config::SpanMetricsConfig>(&component.config)) {
    auto made = SpanMetricsConnector::create(*spans, instance_id_, env_.clock, uses_fates_ ? &fates_ : nullptr);
    if (!made) return in_context(component.mark.text(), std::move(made).error());
    slot = std::move(*made);
  } else if (const auto* services = std::get_if<config::ServiceGraphConfig>(&component.config)) {
    slot = std::make_unique<ServiceGraphConnector>(*services, component.id.text(), env_.clock, env_.telemetry);
  } else {
    slot = std::make_unique<CountConnector>(std::get<config::CountConfig>(component.config), env_.clock);
  }
  return slot.get();
}

// Processors that say nothing about metrics may stand in a metrics pipeline; what would change them may not.
Status BuiltGraph::check_metrics_processors(const PipelineConfig& pipeline) const {
  for (const auto& id : pipeline.processors) {
    const config::ProcessorConfig& processor = config_->processor(*id)->config;
    if (std::holds_alternative<config::BatchProcessorConfig>(processor) || std::holds_alternative<config::MemoryLimiterConfig>(processor)) {
      SL_LOG_INFO("{}: {} has nothing to do here: metrics are read where they are counted", id.mark.text(), id->text());
      continue;
    }
    return fail_at(id.mark, "processor ", id->text(), " acts on spans only here; it cannot stand in pipeline ", pipeline.id());
  }
  return {};
}

// What a metrics pipeline's receivers stand for, through forward connectors too.
Status BuiltGraph::add_sources(const PipelineConfig& pipeline, std::vector<SpanToMetrics*>& sources) {
  if (auto status = check_metrics_processors(pipeline); !status) return status;
  for (const auto& id : pipeline.receivers) {
    const auto* connector = config_->connector(*id);
    if (connector == nullptr) {
      SL_LOG_WARN("{}: metrics received by {} are not stored in this version; senders are told so", id.mark.text(), id->text());
      continue;
    }
    if (!std::holds_alternative<config::ForwardConfig>(connector->config)) {
      auto source = span_to_metrics(*connector);
      if (!source) return std::unexpected(std::move(source).error());
      if (std::find(sources.begin(), sources.end(), *source) == sources.end()) sources.push_back(*source);
      continue;
    }
    for (const PipelineConfig& from : config_->pipelines) {
      const bool feeds = from.signal == Signal::kMetrics &&
                         std::any_of(from.exporters.begin(), from.exporters.end(), [&](const MarkedId& e) { return *e == *id; });
      if (feeds)
        if (auto status = add_sources(from, sources); !status) return status;
    }
  }
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

}  // namespace sightline::pipeline
