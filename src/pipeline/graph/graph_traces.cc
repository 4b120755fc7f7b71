// The part of the graph that spans go through.
#include <algorithm>

#include "base/log.h"
#include "pipeline/exporters/debug_exporter.h"
#include "pipeline/exporters/store_exporter.h"
#include "pipeline/graph/built_graph.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::pipeline {

using config::Signal;

namespace {

// The tenant that an exporter's headers name; empty: none.
std::string org_id_of(const std::map<std::string, std::string>& configured) {
  net::Headers headers;  // compares names without case
  for (const auto& [name, value] : configured) headers.add(name, value);
  return std::string(headers.get("X-Scope-OrgID"));
}

}  // namespace

SpanStage* BuiltGraph::own_stage(std::unique_ptr<SpanStage> stage) {
  return stages_.emplace_back(std::move(stage)).get();
}

SpanStage* BuiltGraph::own_end(std::unique_ptr<SpanConsumer> consumer, bool can_refuse) {
  SpanConsumer& owned = *consumers_.emplace_back(std::move(consumer));
  if (can_refuse) return own_stage(std::make_unique<RefusingEnd>(owned));
  return own_stage(std::make_unique<CountingEnd>(owned));
}

// The head of a pipeline; what it leads to is made on the way.
Result<SpanStage*> BuiltGraph::traces_pipeline(const PipelineConfig& pipeline) {
  if (const auto known = traces_pipelines_.find(&pipeline); known != traces_pipelines_.end())
    return known->second;
  std::vector<SpanStage*> ends;
  for (const auto& id : pipeline.exporters) {
    auto end = traces_end(id);
    if (!end) return end;
    if (*end != nullptr) ends.push_back(*end);
  }
  SpanStage* head =
      ends.size() == 1 ? ends[0] : own_stage(std::make_unique<Split>(std::move(ends)));
  const ProcessorEnvironment environment{env_.clock, env_.telemetry,
                                         uses_fates_ ? &fates_ : nullptr, config_->is_strict};
  for (auto id = pipeline.processors.rbegin(); id != pipeline.processors.rend(); ++id) {
    auto processor = make_processor(*config_->processor(**id), *head, environment);
    if (!processor) continue;
    head = processor.get();
    if (auto* limiter = dynamic_cast<MemoryLimiter*>(head))
      memory_limiters_.emplace(std::pair(&pipeline, **id), limiter);
    processors_.push_back(std::move(processor));
  }
  traces_pipelines_.emplace(&pipeline, head);
  return head;
}

// What a pipeline ends in; null for nop.
Result<SpanStage*> BuiltGraph::traces_end(const MarkedId& id) {
  if (const auto known = exporter_ends_.find(*id); known != exporter_ends_.end())
    return known->second;
  Result<SpanStage*> end = nullptr;
  if (const auto* connector = config_->connector(*id)) {
    if (std::holds_alternative<config::ForwardConfig>(connector->config)) {
      end = forward_end(*id);
    } else {
      auto made = span_to_metrics(*connector);
      if (!made) return std::unexpected(std::move(made).error());
      // The peer counts at once, and again when a request that was refused elsewhere comes again.
      end = config_->is_strict ? own_stage(std::make_unique<RefusingEnd>(**made))
                               : own_stage(std::make_unique<CountingEnd>(**made));
    }
  } else {
    end = make_exporter(*config_->exporter(*id));
    if (!end) return in_context(id.mark.text(), std::move(end).error());
  }
  if (end) exporter_ends_.emplace(*id, *end);
  return end;
}

Result<SpanStage*> BuiltGraph::forward_end(const ComponentId& id) {
  std::vector<SpanStage*> heads;
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kTraces) continue;
    if (std::none_of(pipeline.receivers.begin(), pipeline.receivers.end(),
                     [&](const MarkedId& r) { return *r == id; }))
      continue;
    auto head = traces_pipeline(pipeline);
    if (!head) return head;
    heads.push_back(*head);
  }
  return own_stage(std::make_unique<Split>(std::move(heads)));
}

Result<SpanStage*> BuiltGraph::store_edge(const ComponentId& id, std::string_view why,
                                          std::string_view org_id) {
  if (env_.trace_store == nullptr && !env_.trace_tenants)
    return fail(Errc::kInvalidArgument, "exporter ", id.text(),
                " needs a trace store in this process; give it a Tempo configuration");
  SL_LOG_INFO("exporter {}: {}, so spans go there by a function call", id.text(), why);
  if (env_.trace_tenants)
    return own_end(std::make_unique<TenantExporter>(env_.trace_tenants, std::string(org_id)), true);
  return own_end(std::make_unique<StoreExporter>(*env_.trace_store), true);
}

Result<SpanStage*> BuiltGraph::make_otlp(const auto& config, const ComponentId& id,
                                         const std::string& destination) {
  if ((env_.trace_store != nullptr || env_.trace_tenants) && env_.is_own_trace_receiver &&
      env_.is_own_trace_receiver(destination))
    return store_edge(id, destination + " is this process", org_id_of(config.client.headers));
  auto exporter =
      OtlpExporter::create(config, Signal::kTraces, *config_, id.text(), env_.telemetry);
  if (!exporter) return std::unexpected(std::move(exporter).error());
  queues_.push_back(&(*exporter)->queue());
  otlp_exporters_.emplace(id, exporter->get());
  return own_end(std::move(*exporter), true);
}

EncodedConsumer* BuiltGraph::encoded_split(std::vector<EncodedConsumer*> ends) {
  if (ends.size() == 1) return ends[0];
  return encoded_splits_.emplace_back(std::make_unique<EncodedSplit>(std::move(ends))).get();
}

// Where requests enter a pipeline in which nobody looks at spans; null: somebody does.
EncodedConsumer* BuiltGraph::encoded_pipeline(const PipelineConfig& pipeline) {
  std::vector<EncodedConsumer*> ends;
  for (const auto& id : pipeline.exporters) {
    const auto exporter = otlp_exporters_.find(*id);
    if (exporter == otlp_exporters_.end() || exporter->second->queue().joins()) return nullptr;
    ends.push_back(exporter->second);
  }
  if (ends.empty()) return nullptr;
  std::vector<MemoryLimiter*> limiters;
  for (const auto& id : pipeline.processors) {
    const auto limiter = memory_limiters_.find({&pipeline, *id});
    if (limiter != memory_limiters_.end())
      limiters.push_back(limiter->second);
    else if (!std::holds_alternative<config::BatchProcessorConfig>(config_->processor(*id)->config))
      return nullptr;
  }
  EncodedConsumer* head = encoded_split(std::move(ends));
  for (auto limiter = limiters.rbegin(); limiter != limiters.rend(); ++limiter) {
    (*limiter)->set_encoded_next(*head);
    head = *limiter;
  }
  return head;
}

EncodedConsumer* BuiltGraph::encoded_receiver(const ComponentId& receiver) {
  std::vector<EncodedConsumer*> heads;
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kTraces) continue;
    const auto named = [&](const MarkedId& id) { return *id == receiver; };
    if (std::ranges::none_of(pipeline.receivers, named)) continue;
    EncodedConsumer* head = encoded_pipeline(pipeline);
    if (head == nullptr) return nullptr;
    heads.push_back(head);
  }
  return heads.empty() ? nullptr : encoded_split(std::move(heads));
}

// Adds the attributes of spans that an exporter or connector looks at. False: it looks at more than those.
bool BuiltGraph::add_attributes_of(const MarkedId& end, std::vector<std::string>& names) const {
  if (const auto* connector = config_->connector(*end)) {
    const auto* spans = std::get_if<config::SpanMetricsConfig>(&connector->config);
    if (spans == nullptr || spans->events.enabled) return false;
    for (const auto* list :
         {&spans->dimensions, &spans->calls_dimensions, &spans->histogram.dimensions})
      for (const auto& dimension : *list) names.push_back(dimension.name);
    return true;
  }
  const config::ExporterConfig& exporter = config_->exporter(*end)->config;
  if (const auto* http = std::get_if<config::OtlpHttpExporterConfig>(&exporter))
    return http->encoding == config::OtlpHttpExporterConfig::Encoding::kProto &&
           otlp_exporters_.contains(*end);  // the bytes alone
  if (std::holds_alternative<config::OtlpExporterConfig>(exporter))
    return otlp_exporters_.contains(*end);
  return std::holds_alternative<config::NopConfig>(exporter);
}

// Those that are looked at behind a receiver; null: all.
std::shared_ptr<const std::vector<std::string>> BuiltGraph::attributes_looked_at(
    const ComponentId& receiver) const {
  std::vector<std::string> names;
  const auto looks_at_bytes = [&](const MarkedId& id) {
    const config::ProcessorConfig& processor = config_->processor(*id)->config;
    return std::holds_alternative<config::BatchProcessorConfig>(processor) ||
           std::holds_alternative<config::MemoryLimiterConfig>(processor);
  };
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kTraces ||
        std::ranges::none_of(pipeline.receivers,
                             [&](const MarkedId& id) { return *id == receiver; }))
      continue;
    if (!std::ranges::all_of(pipeline.processors, looks_at_bytes) ||
        !std::ranges::all_of(pipeline.exporters,
                             [&](const MarkedId& id) { return add_attributes_of(id, names); }))
      return nullptr;
  }
  return std::make_shared<const std::vector<std::string>>(std::move(names));
}

Result<SpanStage*> BuiltGraph::make_exporter(
    const config::Component<config::ExporterConfig>& component) {
  const ComponentId& id = component.id;
  if (const auto* http = std::get_if<config::OtlpHttpExporterConfig>(&component.config))
    return make_otlp(*http, id, http->traces_url());
  if (const auto* grpc = std::get_if<config::OtlpExporterConfig>(&component.config))
    return make_otlp(*grpc, id, *grpc->client.endpoint);
  if (std::holds_alternative<config::StoreExporterConfig>(component.config))
    return store_edge(id, "the trace store is in this process", tracestore::kSingleTenant);
  if (std::holds_alternative<config::NopConfig>(component.config)) return nullptr;
  if (const auto* file = std::get_if<config::FileExporterConfig>(&component.config)) {
    auto exporter = file_exporter(id, *file);
    if (!exporter) return std::unexpected(std::move(exporter).error());
    return own_stage(std::make_unique<RefusingEnd>(**exporter));
  }
  if (const auto* debug = std::get_if<config::DebugExporterConfig>(&component.config)) {
    auto made = DebugExporter::create(*debug, id.text(), env_.telemetry);
    if (!made) return std::unexpected(std::move(made).error());
    return own_end(std::move(*made), false);
  }
  return fail(Errc::kInvalidArgument, "exporter ", id.text(), " takes no traces");
}

// Whether what a pipeline hands on went through a sampler, here or on every way to it.
bool BuiltGraph::samples(const PipelineConfig& pipeline) const {
  for (const auto& id : pipeline.processors)
    if (is_sampler(config_->processor(*id)->config)) return true;
  const auto feeds = [&](const MarkedId& receiver, const PipelineConfig& from) {
    return from.signal == Signal::kTraces &&
           std::any_of(from.exporters.begin(), from.exporters.end(),
                       [&](const MarkedId& e) { return *e == *receiver; });
  };
  for (const auto& receiver : pipeline.receivers) {
    if (config_->connector(*receiver) == nullptr) return false;
    for (const PipelineConfig& from : config_->pipelines)
      if (feeds(receiver, from) && !samples(from)) return false;
  }
  return true;
}

// A pipeline without a sampler that ends where traces are kept: then no exemplar can lose its trace.
bool BuiltGraph::keeps_every_trace() const {
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kTraces || samples(pipeline)) continue;
    for (const auto& id : pipeline.exporters) {
      const auto* exporter = config_->exporter(*id);
      if (exporter == nullptr) continue;
      if (!std::holds_alternative<config::NopConfig>(exporter->config) &&
          !std::holds_alternative<config::DebugExporterConfig>(exporter->config))
        return true;
    }
  }
  return false;
}

namespace {

// Behind a receiver that is in no traces pipeline.
class NoTraces final : public SpanConsumer {
 public:
  Status consume(const SharedBatch&) override {
    return fail(Errc::kUnsupported, "no pipeline takes traces of this receiver");
  }
};

}  // namespace

Status BuiltGraph::build_receivers() {
  std::map<ComponentId, std::vector<SpanStage*>> heads;
  for (const PipelineConfig& pipeline : config_->pipelines) {
    if (pipeline.signal != Signal::kTraces) continue;
    for (const auto& id : pipeline.receivers)
      if (config_->receiver(*id) != nullptr) heads[*id].push_back(traces_pipelines_.at(&pipeline));
  }
  for (const auto& [id, unused] : metrics_receivers_) (void)heads[id];  // of metrics alone
  for (auto& [id, stages] : heads) {
    const config::ReceiverConfig& config = config_->receiver(id)->config;
    if (std::holds_alternative<config::NopConfig>(config)) continue;  // receives nothing
    if (std::holds_alternative<config::PrometheusReceiverConfig>(config)) continue;  // of metrics
    std::unique_ptr<SpanConsumer> head;
    if (stages.empty())
      head = std::make_unique<NoTraces>();
    else
      head = std::make_unique<GraphInput>(*(
          stages.size() == 1 ? stages[0] : own_stage(std::make_unique<Split>(std::move(stages)))));
    SpanConsumer& input = *consumers_.emplace_back(std::move(head));
    if (const auto* zipkin = std::get_if<config::ZipkinReceiverConfig>(&config)) {
      auto made = ZipkinReceiver::create(*zipkin, *config_, id.text(), input, env_.telemetry);
      if (!made) return std::unexpected(std::move(made).error());
      zipkin_receivers_.push_back(std::move(*made));
      continue;
    }
    if (const auto* jaeger = std::get_if<config::JaegerReceiverConfig>(&config)) {
      auto made = JaegerReceiver::create(*jaeger, *config_, id.text(), input, env_.telemetry);
      if (!made) return std::unexpected(std::move(made).error());
      jaeger_receivers_.push_back(std::move(*made));
      continue;
    }
    const auto metrics = metrics_receivers_.find(id);
    auto receiver = OtlpListeners::create(
        std::get<config::OtlpReceiverConfig>(config), id.text(), input, env_.clock, env_.telemetry,
        config_,
        OtlpEdges{.metrics = metrics == metrics_receivers_.end() ? nullptr : split(metrics->second),
                  .encoded = encoded_receiver(id),
                  .span_attributes = attributes_looked_at(id)});
    if (!receiver) return std::unexpected(std::move(receiver).error());
    receivers_.push_back(std::move(*receiver));
  }
  return {};
}

}  // namespace sightline::pipeline
