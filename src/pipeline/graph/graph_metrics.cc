// The part of the graph that metrics come from and go to.
#include <algorithm>

#include "base/log.h"
#include "pipeline/connectors/count_connector.h"
#include "pipeline/connectors/service_graph_connector.h"
#include "pipeline/connectors/span_metrics_connector.h"
#include "pipeline/exporters/debug_exporter.h"
#include "pipeline/exporters/remote_write_exporter.h"
#include "pipeline/graph/built_graph.h"
#include "pipeline/metrics/otlp_metrics.h"
#include "pipeline/processors/metrics_processors.h"

namespace sightline::pipeline {

using config::Signal;

namespace {

// What a pipeline without processors asks for the state of the moment.
bool pulls(const config::ExporterConfig& exporter) {
  return std::holds_alternative<config::PrometheusExporterConfig>(exporter) ||
         std::holds_alternative<config::StoreExporterConfig>(exporter) ||
         std::holds_alternative<config::NopConfig>(exporter);
}

// Takes what it is given and does nothing with it.
class NopMetrics final : public MetricsConsumer {
 public:
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics&) override { return {}; }
};

std::chrono::nanoseconds flush_interval_of(const config::ConnectorConfig& connector) {
  if (const auto* spans = std::get_if<config::SpanMetricsConfig>(&connector))
    return spans->metrics_flush_interval;
  if (const auto* services = std::get_if<config::ServiceGraphConfig>(&connector))
    return services->metrics_flush_interval;
  return std::chrono::seconds(5);
}

}  // namespace

Result<SpanToMetrics*> BuiltGraph::span_to_metrics(
    const config::Component<config::ConnectorConfig>& component) {
  auto& slot = connectors_[component.id];
  if (slot) return slot.get();
  if (const auto* spans = std::get_if<config::SpanMetricsConfig>(&component.config)) {
    auto made = SpanMetricsConnector::create(
        *spans, instance_id_, env_.clock, uses_fates_ ? &fates_ : nullptr,
        {.keeps_attributes = needs_points(), .is_strict = config_->is_strict});
    if (!made) return in_context(component.mark.text(), std::move(made).error());
    slot = std::move(*made);
  } else if (const auto* services = std::get_if<config::ServiceGraphConfig>(&component.config)) {
    slot = std::make_unique<ServiceGraphConnector>(*services, component.id.text(), env_.clock,
                                                   env_.telemetry, config_->is_strict);
  } else {
    slot = std::make_unique<CountConnector>(std::get<config::CountConfig>(component.config),
                                            env_.clock, config_->is_strict);
  }
  return slot.get();
}

// Whether what connectors count goes through something that changes it.
bool BuiltGraph::edits(const PipelineConfig& pipeline) const {
  // The peer's way: everything is pushed, and shown as it was at the last flush.
  if (config_->is_strict) return true;
  return std::any_of(pipeline.processors.begin(), pipeline.processors.end(), [&](const auto& id) {
    return edits_metrics(config_->processor(*id)->config);
  });
}

// Whether an end of a pipeline of metrics is a connector that counts them.
bool BuiltGraph::counts_metrics(const ComponentId& end) const {
  const auto* connector = config_->connector(end);
  return connector != nullptr && std::holds_alternative<config::CountConfig>(connector->config);
}

// Whether some pipeline needs what connectors count as OTLP's points.
bool BuiltGraph::needs_points() const {
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kMetrics) continue;
    if (edits(pipeline)) return true;
    for (const auto& id : pipeline.exporters) {
      const auto* exporter = config_->exporter(*id);
      if (counts_metrics(*id)) return true;
      if (exporter == nullptr) continue;
      const auto* shown = std::get_if<config::PrometheusExporterConfig>(&exporter->config);
      if (!pulls(exporter->config) || (shown != nullptr && shown->keeps_utf8())) return true;
    }
  }
  return false;
}

bool BuiltGraph::is_fed_by(const PipelineConfig& pipeline, const ComponentId& connector) const {
  return pipeline.signal == Signal::kMetrics &&
         std::any_of(pipeline.exporters.begin(), pipeline.exporters.end(),
                     [&](const MarkedId& e) { return *e == connector; });
}

// The connectors that a pipeline's receivers stand for, through forward connectors of pipelines that change nothing.
Result<std::vector<SpanToMetrics*>> BuiltGraph::sources_of(const PipelineConfig& pipeline) {
  std::vector<SpanToMetrics*> all;
  const auto add = [&](SpanToMetrics* source) {
    if (std::find(all.begin(), all.end(), source) == all.end()) all.push_back(source);
  };
  for (const auto& id : pipeline.receivers) {
    const auto* connector = config_->connector(*id);
    if (connector == nullptr) continue;
    if (!std::holds_alternative<config::ForwardConfig>(connector->config)) {
      auto source = span_to_metrics(*connector);
      if (!source) return std::unexpected(std::move(source).error());
      add(*source);
      continue;
    }
    for (const PipelineConfig& from : config_->pipelines) {
      if (!is_fed_by(from, *id) || edits(from)) continue;
      auto sources = sources_of(from);
      if (!sources) return sources;
      for (SpanToMetrics* source : *sources) add(source);
    }
  }
  return all;
}

Status BuiltGraph::build_metrics(const PipelineConfig& pipeline) {
  for (const auto& id : pipeline.receivers) {
    if (config_->connector(*id) != nullptr) continue;
    auto head = metrics_head(pipeline);
    if (!head) return std::unexpected(std::move(head).error());
    metrics_receivers_[*id].push_back(*head);
  }
  const auto sources = sources_of(pipeline);
  if (!sources) return std::unexpected(sources.error());
  for (SpanToMetrics* source : *sources) {
    if (!edits(pipeline)) {
      if (auto status = pull(pipeline, *source); !status) return status;
      continue;
    }
    auto head = metrics_head(pipeline);
    if (!head) return std::unexpected(std::move(head).error());
    flush_into(*source, **head);
  }
  // What stands in the file is checked even where nothing comes along it.
  auto checked = metrics_head(pipeline);
  return checked ? Status() : std::unexpected(std::move(checked).error());
}

// The state of the moment to who asks for it, a flush to the others.
Status BuiltGraph::pull(const PipelineConfig& pipeline, SpanToMetrics& source) {
  std::vector<MetricsConsumer*> pushed;
  for (const auto& id : pipeline.exporters) {
    const auto* component = config_->exporter(*id);
    const bool counts = counts_metrics(*id);
    if (component == nullptr && !counts)
      continue;  // a forward connector: whoever receives from it looks here
    if (counts || !pulls(component->config)) {
      auto end = metrics_end(id);
      if (!end) return std::unexpected(std::move(end).error());
      pushed.push_back(*end);
    } else if (const auto* shown =
                   std::get_if<config::PrometheusExporterConfig>(&component->config)) {
      auto exporter = exposition(*id, *shown);
      if (!exporter) return std::unexpected(std::move(exporter).error());
      (*exporter)->add_source(source);
    } else if (std::holds_alternative<config::StoreExporterConfig>(component->config)) {
      auto store = metrics_store(*id);
      if (!store) return in_context(id.mark.text(), std::move(store).error());
      source.write_to(**store, env_.telemetry);
    }
  }
  if (pushed.empty()) return {};
  auto head = metrics_chain(pipeline, std::move(pushed));
  if (!head) return std::unexpected(std::move(head).error());
  flush_into(source, **head);
  return {};
}

void BuiltGraph::flush_into(SpanToMetrics& source, MetricsConsumer& head) {
  if (auto* count = dynamic_cast<CountConnector*>(&source); count != nullptr && config_->is_strict)
    return count->push_to(head);
  for (const auto& component : config_->connectors) {
    const auto known = connectors_.find(component.id);
    if (known == connectors_.end() || known->second.get() != &source) continue;
    MetricsFlushOptions options{
        .connector = component.id.text(),
        .interval = std::max<std::chrono::nanoseconds>(flush_interval_of(component.config),
                                                       std::chrono::milliseconds(100)),
        .streams_as_peer = config_->is_strict};
    if (const auto* spans = std::get_if<config::SpanMetricsConfig>(&component.config))
      options.delta = spans->aggregation_temporality == config::AggregationTemporality::kDelta;
    flushes_.push_back(std::make_unique<MetricsFlush>(std::move(options), source, head));
  }
}

MetricsConsumer* BuiltGraph::split(std::vector<MetricsConsumer*> ends) {
  if (ends.size() == 1) return ends[0];
  return own_metrics_consumer(std::make_unique<MetricsSplit>(std::move(ends)));
}

// The processors of a pipeline before these ends.
Result<MetricsConsumer*> BuiltGraph::metrics_chain(const PipelineConfig& pipeline,
                                                   std::vector<MetricsConsumer*> ends) {
  MetricsConsumer* head = split(std::move(ends));
  for (auto id = pipeline.processors.rbegin(); id != pipeline.processors.rend(); ++id) {
    auto made =
        make_metrics_processor(*config_->processor(**id), *head, env_.clock, env_.telemetry);
    if (!made) return std::unexpected(std::move(made).error());
    if (*made) head = own_metrics_consumer(std::move(*made));
  }
  return head;
}

// Where everything that is pushed along a pipeline enters it. Ends that may refuse come first.
Result<MetricsConsumer*> BuiltGraph::metrics_head(const PipelineConfig& pipeline) {
  if (const auto known = metrics_heads_.find(&pipeline); known != metrics_heads_.end())
    return known->second;
  std::vector<MetricsConsumer*> refusing, taking;
  for (const auto& id : pipeline.exporters) {
    auto end = metrics_end(id);
    if (!end) return end;
    const auto* exporter = config_->exporter(*id);
    const bool takes_all =
        counts_metrics(*id) ||
        (exporter != nullptr &&
         (std::holds_alternative<config::PrometheusExporterConfig>(exporter->config) ||
          std::holds_alternative<config::DebugExporterConfig>(exporter->config) ||
          std::holds_alternative<config::NopConfig>(exporter->config)));
    (takes_all ? taking : refusing).push_back(*end);
  }
  refusing.insert(refusing.end(), taking.begin(), taking.end());
  auto head = metrics_chain(pipeline, std::move(refusing));
  if (head) metrics_heads_.emplace(&pipeline, *head);
  return head;
}

Result<MetricsConsumer*> BuiltGraph::metrics_end(const MarkedId& id) {
  if (const auto known = metrics_ends_.find(*id); known != metrics_ends_.end())
    return known->second;
  const auto* connector = config_->connector(*id);
  auto end = counts_metrics(*id)    ? metrics_count(*connector)
             : connector != nullptr ? metrics_forward(*id)
                                    : make_metrics_exporter(*config_->exporter(*id));
  if (!end) return in_context(id.mark.text(), std::move(end).error());
  metrics_ends_.emplace(*id, *end);
  return end;
}

Result<MetricsConsumer*> BuiltGraph::metrics_count(
    const config::Component<config::ConnectorConfig>& component) {
  auto made = span_to_metrics(component);
  if (!made) return std::unexpected(std::move(made).error());
  return static_cast<CountConnector*>(*made);
}

Result<MetricsConsumer*> BuiltGraph::metrics_forward(const ComponentId& id) {
  std::vector<MetricsConsumer*> heads;
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kMetrics) continue;
    if (std::none_of(pipeline.receivers.begin(), pipeline.receivers.end(),
                     [&](const MarkedId& r) { return *r == id; }))
      continue;
    auto head = metrics_head(pipeline);
    if (!head) return head;
    heads.push_back(*head);
  }
  return split(std::move(heads));
}

Result<tsdb::Appendable*> BuiltGraph::metrics_store(const ComponentId& id) const {
  if (env_.metrics_store != nullptr) return env_.metrics_store;
  return fail(Errc::kInvalidArgument, "exporter ", id.text(),
              " needs a metrics store in this process; give it a Prometheus configuration");
}

Result<PrometheusExporter*> BuiltGraph::exposition(const ComponentId& id,
                                                   const config::PrometheusExporterConfig& config) {
  auto& slot = expositions_[id];
  if (slot) return slot.get();
  auto made = PrometheusExporter::create(config, *config_, id.text(), env_.clock);
  if (!made) return std::unexpected(std::move(made).error());
  slot = std::move(*made);
  return slot.get();
}

Result<FileExporter*> BuiltGraph::file_exporter(const ComponentId& id,
                                                const config::FileExporterConfig& config) {
  auto& slot = file_exporters_[id];
  if (slot) return slot.get();
  auto made = FileExporter::open(config, id.text(), env_.clock, env_.telemetry);
  if (!made) return std::unexpected(std::move(made).error());
  slot = std::move(*made);
  return slot.get();
}

Result<MetricsConsumer*> BuiltGraph::metrics_otlp(const auto& config, const ComponentId& id) {
  auto made = OtlpExporter::create(config, Signal::kMetrics, *config_, id.text(), env_.telemetry);
  if (!made) return std::unexpected(std::move(made).error());
  queues_.push_back(&(*made)->queue());
  return own_metrics_consumer(std::move(*made));
}

Result<MetricsConsumer*> BuiltGraph::make_metrics_exporter(
    const config::Component<config::ExporterConfig>& component) {
  const ComponentId& id = component.id;
  const config::ExporterConfig& config = component.config;
  if (const auto* shown = std::get_if<config::PrometheusExporterConfig>(&config)) {
    auto exporter = exposition(id, *shown);
    if (!exporter) return std::unexpected(std::move(exporter).error());
    return &(*exporter)->pushed();
  }
  if (std::holds_alternative<config::StoreExporterConfig>(config)) {
    auto store = metrics_store(id);
    if (!store) return std::unexpected(std::move(store).error());
    return own_metrics_consumer(std::make_unique<OtlpMetrics>(**store));
  }
  if (const auto* http = std::get_if<config::OtlpHttpExporterConfig>(&config))
    return metrics_otlp(*http, id);
  if (const auto* grpc = std::get_if<config::OtlpExporterConfig>(&config))
    return metrics_otlp(*grpc, id);
  if (const auto* write = std::get_if<config::RemoteWriteExporterConfig>(&config)) {
    auto made = RemoteWriteExporter::create(*write, *config_, id.text(), env_.telemetry);
    if (!made) return std::unexpected(std::move(made).error());
    queues_.push_back(&(*made)->queue());
    return own_metrics_consumer(std::move(*made));
  }
  if (const auto* file = std::get_if<config::FileExporterConfig>(&config)) {
    auto made = file_exporter(id, *file);
    if (!made) return std::unexpected(std::move(made).error());
    return *made;
  }
  if (const auto* debug = std::get_if<config::DebugExporterConfig>(&config)) {
    auto made = DebugExporter::create(*debug, id.text(), env_.telemetry);
    if (!made) return std::unexpected(std::move(made).error());
    return own_metrics_consumer(std::move(*made));
  }
  return own_metrics_consumer(std::make_unique<NopMetrics>());
}

// A scraper for each prometheus receiver. Where all that it scrapes goes to the store unchanged, it writes there itself.
Status BuiltGraph::build_scrapes() {
  for (const auto& [id, heads] : metrics_receivers_) {
    const auto& component = *config_->receiver(id);
    const auto* scrape = std::get_if<config::PrometheusReceiverConfig>(&component.config);
    if (scrape == nullptr) continue;
    if (!env_.make_scraping)
      return fail_at(component.mark, "receiver ", id.text(), " cannot scrape in this process");
    const bool to_store_alone = !scrape->trim_metric_suffixes && env_.metrics_store != nullptr &&
                                heads.size() == 1 &&
                                dynamic_cast<OtlpMetrics*>(heads[0]) != nullptr;
    ScrapedMetricsOptions options{.trim_suffixes = scrape->trim_metric_suffixes};
    for (const auto& job : scrape->scraping.scrape_configs)
      options.schemes[*job.job_name] = job.scheme;
    tsdb::Appendable* into = env_.metrics_store;
    if (!to_store_alone)
      into = scraped_
                 .emplace_back(std::make_unique<ScrapedMetrics>(
                     *split(heads), std::move(options),
                     ReceiverCounters::of(env_.telemetry, id.text(), "http")))
                 .get();
    auto scraping = env_.make_scraping(scrape->scraping, *into);
    if (!scraping) return in_context(component.mark.text(), std::move(scraping).error());
    scrapings_.push_back(std::move(*scraping));
  }
  return {};
}

}  // namespace sightline::pipeline
