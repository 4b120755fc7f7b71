#pragma once
// A collector configuration (otelcol-config.yaml): components, and the pipelines
// that join them. parse_otelcol() accepts what the collector accepts, as far as
// the components exist here, and checks what the collector checks at its start.
//   Invariants of a parsed config  every id in a pipeline names a configured component;
//     every pipeline has a receiver and an exporter; a connector is an exporter of a
//     pipeline it can read and a receiver of one it can feed; pipelines form no cycle.
//   Errors  kInvalidArgument, one line per fault: "file:line:column: path: what".
#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/otelcol/otelcol_components.h"
#include "config/otelcol/otelcol_extensions.h"
#include "config/yaml/environment.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

// "otlphttp/tempo" is type otlphttp, name tempo; "otlp" has no name. Aliases of a
// type stay as written, so that ids in pipelines match; the config variant says the type.
struct ComponentId {
  std::string type;
  std::string name;
  std::string text() const { return name.empty() ? type : type + "/" + name; }
  friend auto operator<=>(const ComponentId&, const ComponentId&) = default;
};
Result<ComponentId> parse_component_id(std::string_view text);

template <typename Config>
struct Component {
  ComponentId id;
  Mark mark;  // of the id in its section
  Config config;
};

enum class Signal { kTraces, kMetrics, kLogs };
std::string_view signal_name(Signal signal);  // "traces"

struct PipelineConfig {
  Signal signal = Signal::kTraces;
  std::string name;  // "2" of "traces/2"
  Mark mark;
  std::vector<Marked<ComponentId>> receivers;   // receivers and connectors
  std::vector<Marked<ComponentId>> processors;  // in order
  std::vector<Marked<ComponentId>> exporters;   // exporters and connectors
  std::string id() const;                       // "traces/2"
};

struct OtelcolConfig {
  std::string file;
  // File order. Components no pipeline uses are kept, with a notice; they are not to be started.
  std::vector<Component<ReceiverConfig>> receivers;
  std::vector<Component<ProcessorConfig>> processors;
  std::vector<Component<ConnectorConfig>> connectors;
  std::vector<Component<ExporterConfig>> exporters;
  std::vector<Component<ExtensionConfig>> extensions;  // those that service::extensions names
  // Where the process' own metrics are served on /metrics: service::telemetry::metrics names an address or a
  // pull reader of the prometheus exporter. Empty: nowhere of their own.
  Marked<std::string> telemetry_address;
  std::vector<PipelineConfig> pipelines;
  // service::compatibility, our own key: strict does what the collector does wherever we do something else on purpose
  // (docs/differences_collector.md).
  bool is_strict = false;
  std::vector<Notice> notices;

  const Component<ReceiverConfig>* receiver(const ComponentId& id) const;
  const Component<ProcessorConfig>* processor(const ComponentId& id) const;
  const Component<ConnectorConfig>* connector(const ComponentId& id) const;
  const Component<ExporterConfig>* exporter(const ComponentId& id) const;
  // By the id as a component's `auth` or `storage` writes it.
  const Component<ExtensionConfig>* extension(std::string_view id) const;
  bool is_used(const ComponentId& id) const;  // by some pipeline, in whatever place
};

Result<OtelcolConfig> parse_otelcol(std::string_view text, std::string_view file,
                                    const Environment& environment, const YamlLimits& limits = {});
// Several files as one, as the collector takes several --config: maps are joined key by key, anything else of a
// later file replaces that of an earlier one. Marks are those of the file that said it.
struct CollectorFile {
  std::string path;
  std::string text;
};
Result<OtelcolConfig> parse_otelcol(const std::vector<CollectorFile>& files,
                                    const Environment& environment, const YamlLimits& limits = {});
// From a tree already read: the `otelcol` section of our own file.
Result<OtelcolConfig> read_otelcol(std::shared_ptr<const YamlValue> root, std::string_view file,
                                   const Environment& environment, const YamlLimits& limits = {});

// What would run, for people: one line per component and pipeline.
std::string dump(const OtelcolConfig& config);
std::string describe(const OtlpReceiverConfig& config);  // "gRPC on ..., HTTP on ..."

}  // namespace sightline::config
