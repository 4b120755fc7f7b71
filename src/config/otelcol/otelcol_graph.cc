#include "config/otelcol/otelcol_graph.h"

#include <algorithm>
#include <set>

namespace sightline::config {
namespace {

template <typename List>
auto find_component(const List& list, const ComponentId& id) {
  return std::find_if(list.begin(), list.end(), [&](const auto& c) { return c.id == id; });
}
template <typename List>
std::vector<std::string> ids_of(const List& list) {
  std::vector<std::string> out;
  for (const auto& c : list) out.push_back(c.id.text());
  return out;
}

std::string pipeline_path(const PipelineConfig& pipeline) {
  return "service::pipelines::" + pipeline.id();
}

bool feeds(const ConnectorConfig& connector, Signal from, Signal to) {
  if (std::holds_alternative<ForwardConfig>(connector)) return from == to;
  if (std::holds_alternative<CountConfig>(connector) && from == Signal::kMetrics)
    return to == Signal::kMetrics;
  return from == Signal::kTraces && to == Signal::kMetrics;
}

bool takes(const ExporterConfig& exporter, Signal signal) {
  if (std::holds_alternative<PrometheusExporterConfig>(exporter)) return signal == Signal::kMetrics;
  if (std::holds_alternative<StoreExporterConfig>(exporter)) return signal != Signal::kLogs;
  if (std::holds_alternative<RemoteWriteExporterConfig>(exporter))
    return signal == Signal::kMetrics;
  return true;
}

bool gives(const ReceiverConfig& receiver, Signal signal) {
  if (std::holds_alternative<ZipkinReceiverConfig>(receiver) ||
      std::holds_alternative<JaegerReceiverConfig>(receiver))
    return signal == Signal::kTraces;
  if (std::holds_alternative<PrometheusReceiverConfig>(receiver)) return signal == Signal::kMetrics;
  return true;
}

void check_references(const OtelcolConfig& config, const std::vector<ComponentId>& faulty,
                      const PipelineConfig& pipeline, Diagnostics& diagnostics) {
  const auto missing = [&](const Marked<ComponentId>& id, std::string_view kind,
                           std::vector<std::string> known) {
    if (std::find(faulty.begin(), faulty.end(), *id) != faulty.end()) return;
    for (std::string& connector : ids_of(config.connectors))
      if (kind != "processor") known.push_back(std::move(connector));
    diagnostics.error(id.mark, pipeline_path(pipeline) + ": references " + std::string(kind) +
                                   " \"" + id.value.text() + "\" which is not configured" +
                                   did_you_mean(id.value.text(), known));
  };
  for (const auto& id : pipeline.receivers) {
    const auto* receiver = config.receiver(*id);
    if (!receiver && !config.connector(*id)) missing(id, "receiver", ids_of(config.receivers));
    if (receiver && !gives(receiver->config, pipeline.signal))
      diagnostics.error(id.mark, pipeline_path(pipeline) + ": receiver \"" + id->text() +
                                     "\" does not give " +
                                     std::string(signal_name(pipeline.signal)));
  }
  std::set<ComponentId> seen;
  for (const auto& id : pipeline.processors) {
    if (!config.processor(*id)) missing(id, "processor", ids_of(config.processors));
    if (!seen.insert(*id).second)
      diagnostics.error(id.mark, pipeline_path(pipeline) + ": references processor \"" +
                                     id->text() + "\" multiple times");
  }
  for (const auto& id : pipeline.exporters) {
    const auto* exporter = config.exporter(*id);
    if (!exporter && !config.connector(*id)) missing(id, "exporter", ids_of(config.exporters));
    if (exporter && !takes(exporter->config, pipeline.signal))
      diagnostics.error(id.mark, pipeline_path(pipeline) + ": exporter \"" + id->text() +
                                     "\" does not take " +
                                     std::string(signal_name(pipeline.signal)));
  }
  if (pipeline.receivers.empty())
    diagnostics.error(pipeline.mark, pipeline_path(pipeline) + ": must have at least one receiver");
  if (pipeline.exporters.empty())
    diagnostics.error(pipeline.mark, pipeline_path(pipeline) + ": must have at least one exporter");
}

struct Use {
  const PipelineConfig* pipeline;
  Mark mark;
};

void check_connector(const OtelcolConfig& config, const Component<ConnectorConfig>& connector,
                     Diagnostics& diagnostics) {
  std::vector<Use> as_exporter, as_receiver;
  for (const PipelineConfig& pipeline : config.pipelines) {
    for (const auto& id : pipeline.exporters)
      if (*id == connector.id) as_exporter.push_back({&pipeline, id.mark});
    for (const auto& id : pipeline.receivers)
      if (*id == connector.id) as_receiver.push_back({&pipeline, id.mark});
  }
  const std::string name = "connector \"" + connector.id.text() + "\" used as ";
  for (const Use& use : as_exporter) {
    const bool fed = std::any_of(as_receiver.begin(), as_receiver.end(), [&](const Use& other) {
      return feeds(connector.config, use.pipeline->signal, other.pipeline->signal);
    });
    if (!fed)
      diagnostics.error(use.mark, name + "exporter in [" + use.pipeline->id() +
                                      "] pipeline but not used in any supported receiver pipeline");
  }
  for (const Use& use : as_receiver) {
    const bool fed = std::any_of(as_exporter.begin(), as_exporter.end(), [&](const Use& other) {
      return feeds(connector.config, other.pipeline->signal, use.pipeline->signal);
    });
    if (!fed)
      diagnostics.error(use.mark, name + "receiver in [" + use.pipeline->id() +
                                      "] pipeline but not used in any supported exporter pipeline");
  }
}

// Pipelines joined by connectors, followed depth first.
class CycleSearch {
 public:
  CycleSearch(const OtelcolConfig& config, Diagnostics& diagnostics)
      : config_(config), diagnostics_(diagnostics), state_(config.pipelines.size(), State::kNew) {}
  void run() {
    for (size_t i = 0; i < state_.size(); ++i)
      if (state_[i] == State::kNew && visit(i)) return;
  }

 private:
  enum class State { kNew, kOpen, kDone };
  bool visit(size_t at) {
    state_[at] = State::kOpen;
    trail_.push_back(config_.pipelines[at].id());
    for (const auto& id : config_.pipelines[at].exporters) {
      const auto* connector = config_.connector(*id);
      for (size_t to = 0; connector != nullptr && to < state_.size(); ++to) {
        const PipelineConfig& next = config_.pipelines[to];
        const bool joined = std::any_of(next.receivers.begin(), next.receivers.end(),
                                        [&](const auto& r) { return *r == *id; }) &&
                            feeds(connector->config, config_.pipelines[at].signal, next.signal);
        if (!joined || state_[to] == State::kDone) continue;
        if (state_[to] == State::kOpen) return report(id.mark, next.id());
        if (visit(to)) return true;
      }
    }
    trail_.pop_back();
    state_[at] = State::kDone;
    return false;
  }
  bool report(const Mark& mark, const std::string& back_to) {
    std::string text = "cycle detected: ";
    for (const std::string& step : trail_) text += step + " -> ";
    diagnostics_.error(mark, text + back_to);
    return true;
  }
  const OtelcolConfig& config_;
  Diagnostics& diagnostics_;
  std::vector<State> state_;
  std::vector<std::string> trail_;
};

template <typename List>
void notice_unused(const OtelcolConfig& config, const List& list, std::string_view section,
                   Diagnostics& diagnostics) {
  for (const auto& c : list)
    if (!config.is_used(c.id))
      diagnostics.notice(c.mark, std::string(section) + "::" + c.id.text(),
                         "no pipeline uses it; it is not started");
}

}  // namespace

namespace {

// An extension that a component names must be there, started, and of a kind that can do what is asked.
template <typename... Kinds>
void check_extension(const OtelcolConfig& config, const Marked<std::string>& id,
                     std::string_view what, Diagnostics& diagnostics) {
  if (id->empty()) return;
  const auto* extension = config.extension(*id);
  if (extension == nullptr)
    diagnostics.error(id.mark, std::string(what) + " \"" + *id +
                                   "\" is no extension that service::extensions names");
  else if (!(std::holds_alternative<Kinds>(extension->config) || ...))
    diagnostics.error(id.mark, "extension \"" + *id + "\" is no " + std::string(what));
}

void check_extensions(const OtelcolConfig& config, Diagnostics& diagnostics) {
  const auto authenticator = [&](const Marked<std::string>& id) {
    check_extension<BasicAuthConfig, BearerTokenConfig>(config, id, "authenticator", diagnostics);
  };
  for (const auto& receiver : config.receivers) {
    if (const auto* zipkin = std::get_if<ZipkinReceiverConfig>(&receiver.config))
      authenticator(zipkin->server.authenticator);
    if (const auto* jaeger = std::get_if<JaegerReceiverConfig>(&receiver.config)) {
      if (jaeger->grpc) authenticator(jaeger->grpc->authenticator);
      if (jaeger->thrift_http) authenticator(jaeger->thrift_http->authenticator);
    }
    const auto* otlp = std::get_if<OtlpReceiverConfig>(&receiver.config);
    if (otlp == nullptr) continue;
    if (otlp->grpc) authenticator(otlp->grpc->authenticator);
    if (otlp->http) authenticator(otlp->http->authenticator);
  }
  for (const auto& exporter : config.exporters) {
    const ClientConfig* client = nullptr;
    if (const auto* grpc = std::get_if<OtlpExporterConfig>(&exporter.config))
      client = &grpc->client;
    if (const auto* http = std::get_if<OtlpHttpExporterConfig>(&exporter.config))
      client = &http->client;
    if (const auto* write = std::get_if<RemoteWriteExporterConfig>(&exporter.config))
      client = &write->client;
    if (const auto* prometheus = std::get_if<PrometheusExporterConfig>(&exporter.config))
      authenticator(prometheus->server.authenticator);
    if (client == nullptr) continue;
    authenticator(client->authenticator);
    check_extension<FileStorageConfig>(config, client->queue.storage, "storage", diagnostics);
  }
}

}  // namespace

void check_pipelines(OtelcolConfig& config, const std::vector<ComponentId>& faulty,
                     Diagnostics& diagnostics) {
  check_extensions(config, diagnostics);
  for (const auto& connector : config.connectors) {
    if (config.exporter(connector.id))
      diagnostics.error(connector.mark, "connectors::" + connector.id.text() +
                                            ": an exporter has the same id; rename one");
    if (config.receiver(connector.id))
      diagnostics.error(connector.mark, "connectors::" + connector.id.text() +
                                            ": a receiver has the same id; rename one");
  }
  for (const PipelineConfig& pipeline : config.pipelines)
    check_references(config, faulty, pipeline, diagnostics);
  for (const auto& connector : config.connectors) check_connector(config, connector, diagnostics);
  if (!diagnostics.ok()) return;  // what follows is said of a whole configuration only
  CycleSearch(config, diagnostics).run();
  notice_unused(config, config.receivers, "receivers", diagnostics);
  notice_unused(config, config.processors, "processors", diagnostics);
  notice_unused(config, config.connectors, "connectors", diagnostics);
  notice_unused(config, config.exporters, "exporters", diagnostics);
}

namespace {
template <typename List>
auto found_or_null(const List& list, const ComponentId& id) -> decltype(&list[0]) {
  const auto found = find_component(list, id);
  return found == list.end() ? nullptr : &*found;
}
}  // namespace

const Component<ReceiverConfig>* OtelcolConfig::receiver(const ComponentId& id) const {
  return found_or_null(receivers, id);
}
const Component<ProcessorConfig>* OtelcolConfig::processor(const ComponentId& id) const {
  return found_or_null(processors, id);
}
const Component<ConnectorConfig>* OtelcolConfig::connector(const ComponentId& id) const {
  return found_or_null(connectors, id);
}
const Component<ExporterConfig>* OtelcolConfig::exporter(const ComponentId& id) const {
  return found_or_null(exporters, id);
}

const Component<ExtensionConfig>* OtelcolConfig::extension(std::string_view id) const {
  const auto found = std::find_if(extensions.begin(), extensions.end(),
                                  [&](const auto& e) { return e.id.text() == id; });
  return found == extensions.end() ? nullptr : &*found;
}

bool OtelcolConfig::is_used(const ComponentId& id) const {
  for (const PipelineConfig& pipeline : pipelines)
    for (const auto* list : {&pipeline.receivers, &pipeline.processors, &pipeline.exporters})
      for (const auto& used : *list)
        if (*used == id) return true;
  return false;
}

}  // namespace sightline::config
