#include "config/otelcol/otelcol_config.h"

#include <algorithm>

#include "config/otelcol/otelcol_graph.h"
#include "config/otelcol/otelcol_readers.h"
#include "config/otelcol/otelcol_types.h"
#include "config/yaml/expansion.h"

namespace sightline::config {
namespace {

constexpr size_t kComponentsMax = 1000;  // of one kind; pipelines too
constexpr size_t kPipelineEntriesMax = 200;

constexpr std::string_view kTelemetryKeys = R"(
logs
  level development encoding disable_caller disable_stacktrace sampling output_paths error_output_paths
  initial_fields processors disable_zap_resource
metrics
  level address readers views
traces
  level propagators processors sampler limits
resource
  *
)";

// Reads one component of a known type into the variant of its kind.
template <typename Config, typename Variant>
std::optional<Variant> read_as(const Cursor& at) {
  Config config;
  read_component(at, config);
  return Variant(std::move(config));
}

// `type[/name]` -> the component, read; nothing for a type that is not here.
std::optional<ReceiverConfig> read_receiver(const std::string& type, const Cursor& at) {
  if (type == "otlp") return read_as<OtlpReceiverConfig, ReceiverConfig>(at);
  if (type == "jaeger") return read_as<JaegerReceiverConfig, ReceiverConfig>(at);
  if (type == "prometheus") return read_as<PrometheusReceiverConfig, ReceiverConfig>(at);
  if (type == "zipkin") return read_as<ZipkinReceiverConfig, ReceiverConfig>(at);
  if (type == "nop") return read_as<NopConfig, ReceiverConfig>(at);
  return std::nullopt;
}

std::optional<ProcessorConfig> read_processor(const std::string& type, const Cursor& at) {
  if (type == "batch") return read_as<BatchProcessorConfig, ProcessorConfig>(at);
  if (type == "memory_limiter") return read_as<MemoryLimiterConfig, ProcessorConfig>(at);
  if (type == "attributes") return read_as<AttributesProcessorConfig, ProcessorConfig>(at);
  if (type == "resource") return read_as<ResourceProcessorConfig, ProcessorConfig>(at);
  if (type == "filter") return read_as<FilterProcessorConfig, ProcessorConfig>(at);
  if (type == "probabilistic_sampler")
    return read_as<ProbabilisticSamplerConfig, ProcessorConfig>(at);
  if (type == "tail_sampling") return read_as<TailSamplingConfig, ProcessorConfig>(at);
  if (type == "groupbytrace") return read_as<GroupByTraceConfig, ProcessorConfig>(at);
  return std::nullopt;
}

std::optional<ConnectorConfig> read_connector(const std::string& type, const Cursor& at) {
  if (type == "spanmetrics") return read_as<SpanMetricsConfig, ConnectorConfig>(at);
  if (type == "servicegraph") return read_as<ServiceGraphConfig, ConnectorConfig>(at);
  if (type == "count") return read_as<CountConfig, ConnectorConfig>(at);
  if (type == "forward") return read_as<ForwardConfig, ConnectorConfig>(at);
  return std::nullopt;
}

std::optional<ExporterConfig> read_exporter(const std::string& type, const Cursor& at) {
  if (type == "prometheus") return read_as<PrometheusExporterConfig, ExporterConfig>(at);
  if (type == "prometheusremotewrite")
    return read_as<RemoteWriteExporterConfig, ExporterConfig>(at);
  if (type == "otlp") return read_as<OtlpExporterConfig, ExporterConfig>(at);
  if (type == "otlphttp") return read_as<OtlpHttpExporterConfig, ExporterConfig>(at);
  if (type == "debug") return read_as<DebugExporterConfig, ExporterConfig>(at);
  if (type == "file") return read_as<FileExporterConfig, ExporterConfig>(at);
  if (type == "sightline") return read_as<StoreExporterConfig, ExporterConfig>(at);
  if (type == "nop") return read_as<NopConfig, ExporterConfig>(at);
  return std::nullopt;
}

template <typename Config, typename Read>
void read_section(MapReader& root, ComponentKind kind, std::vector<Component<Config>>& out,
                  std::vector<ComponentId>& faulty, Read read) {
  const auto section = root.take(section_name(kind));
  if (!section || section->is_null()) return;
  if (!section->is_map()) return section->wrong_type("a map of components");
  for (const YamlEntry& entry : section->value().entries) {
    if (out.size() == kComponentsMax)
      return section->error("more than " + std::to_string(kComponentsMax) + " components");
    const Cursor at = section->at(entry);
    const auto id = parse_component_id(entry.key);
    if (!id) {
      at.diagnostics().error(entry.mark, at.path() + ": " + id.error().message);
      continue;
    }
    auto config = read(canonical_type(kind, id->type), at);
    if (config) {
      out.push_back({*id, entry.mark, std::move(*config)});
    } else {
      at.diagnostics().error(entry.mark, at.path() + ": " + unknown_type_message(kind, id->type));
      faulty.push_back(*id);
    }
  }
}

std::optional<ExtensionConfig> read_extension(const std::string& type, const Cursor& at) {
  if (type == "health_check") return read_as<HealthCheckConfig, ExtensionConfig>(at);
  if (type == "basicauth") return read_as<BasicAuthConfig, ExtensionConfig>(at);
  if (type == "bearertokenauth") return read_as<BearerTokenConfig, ExtensionConfig>(at);
  if (type == "file_storage") return read_as<FileStorageConfig, ExtensionConfig>(at);
  return std::nullopt;
}

// One configured extension: kept when used, noticed when it only looks at the collector itself, else refused when used.
void read_configured_extension(const Cursor& section, const YamlEntry& entry, bool is_used,
                               OtelcolConfig& out) {
  Diagnostics& diagnostics = section.diagnostics();
  const Cursor at = section.at(entry);
  const auto id = parse_component_id(entry.key);
  const std::string type = id ? id->type : entry.key;
  if (auto config = read_extension(type, at)) {
    if (is_used)
      out.extensions.push_back({*id, entry.mark, std::move(*config)});
    else
      diagnostics.notice(entry.mark, at.path(),
                         "service::extensions does not name it; it is not started");
  } else if (type == "zpages" || type == "pprof" || type == "memory_ballast") {
    diagnostics.notice(entry.mark, at.path(),
                       "the pages of this process show its state; memory is bounded without it");
  } else if (is_used ||
             !unknown_type_message(ComponentKind::kExtension, type).starts_with("the coll")) {
    diagnostics.error(entry.mark,
                      at.path() + ": " + unknown_type_message(ComponentKind::kExtension, type));
  } else {
    diagnostics.notice(entry.mark, at.path(),
                       "service::extensions does not name it; it is not started");
  }
}

void read_extensions(MapReader& root, MapReader& service, OtelcolConfig& out) {
  std::vector<std::string> configured;
  const auto section = root.take("extensions");
  const auto used = service.take("extensions");
  std::vector<Cursor> used_items;
  if (used) used_items = used->items();
  const auto is_used = [&](const std::string& id) {
    for (const Cursor& item : used_items)
      if (item.value().scalar == id) return true;
    return false;
  };
  if (section && !section->is_null() && !section->is_map())
    section->wrong_type("a map of components");
  if (section) {
    for (const YamlEntry& entry : section->value().entries) {
      configured.push_back(entry.key);
      read_configured_extension(*section, entry, is_used(entry.key), out);
    }
  }
  for (const Cursor& item : used_items) {
    const std::string& id = item.value().scalar;
    if (std::find(configured.begin(), configured.end(), id) == configured.end())
      item.error("references extension \"" + id + "\" which is not configured" +
                 did_you_mean(id, configured));
  }
}

void read_ids(MapReader& map, std::string_view key, std::vector<Marked<ComponentId>>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  const auto items = at->items();
  if (items.size() > kPipelineEntriesMax)
    return at->error("more than " + std::to_string(kPipelineEntriesMax) +
                     " components in one pipeline");
  for (const Cursor& item : items) {
    std::string text;
    read_value(item, text);
    const auto id = parse_component_id(text);
    if (id) {
      out.push_back({*id, item.mark()});
    } else if (item.value().kind == YamlValue::Kind::kScalar) {
      item.error(id.error().message);
    }
  }
}

void read_pipeline(const Cursor& at, const YamlEntry& entry, std::vector<PipelineConfig>& out) {
  const auto id = parse_component_id(entry.key);
  PipelineConfig pipeline;
  pipeline.mark = entry.mark;
  const std::string type = id ? id->type : entry.key;
  if (id) pipeline.name = id->name;
  if (type == "traces") {
    pipeline.signal = Signal::kTraces;
  } else if (type == "metrics") {
    pipeline.signal = Signal::kMetrics;
  } else if (type == "logs") {
    pipeline.signal = Signal::kLogs;
  } else {
    const std::string what = type == "profiles"
                                 ? std::string("profiles are not received here")
                                 : "a pipeline carries traces, metrics or logs, not \"" + type +
                                       "\"" + did_you_mean(type, {"traces", "metrics", "logs"});
    return at.diagnostics().error(entry.mark, at.path() + ": " + what);
  }
  MapReader map(at);
  read_ids(map, "receivers", pipeline.receivers);
  read_ids(map, "processors", pipeline.processors);
  read_ids(map, "exporters", pipeline.exporters);
  map.finish();
  out.push_back(std::move(pipeline));
}

void read_pipelines(MapReader& service, std::vector<PipelineConfig>& out) {
  const auto section = service.take("pipelines");
  if (!section || section->value().entries.empty()) {
    if (section && !section->is_null() && !section->is_map())
      return section->wrong_type("a map of pipelines");
    return service.at().error("service must have at least one pipeline");
  }
  if (section->value().entries.size() > kComponentsMax) return section->error("too many pipelines");
  for (const YamlEntry& entry : section->value().entries)
    read_pipeline(section->at(entry), entry, out);
}

// readers: [{pull: {exporter: {prometheus: {host, port}}}}], or the older `address`.
void read_telemetry_address(const Cursor& metrics, Marked<std::string>& out) {
  if (!metrics.is_map()) return;
  const auto child = [](const Cursor& at, std::string_view key) -> std::optional<Cursor> {
    const YamlEntry* entry = at.is_map() ? at.value().find(key) : nullptr;
    return entry == nullptr || entry->value->kind == YamlValue::Kind::kNull
               ? std::nullopt
               : std::optional(at.at(*entry));
  };
  if (const auto address = child(metrics, "address")) read_value(*address, out);
  const auto readers = child(metrics, "readers");
  if (!readers || !readers->is_sequence()) return;
  for (const Cursor& reader : readers->items()) {
    const auto pull = child(reader, "pull");
    const auto exporter = pull ? child(*pull, "exporter") : std::nullopt;
    const auto prometheus = exporter ? child(*exporter, "prometheus") : std::nullopt;
    if (!prometheus) continue;
    std::string host = "localhost";
    uint16_t port = 8888;
    if (const auto at = child(*prometheus, "host")) read_value(*at, host);
    if (const auto at = child(*prometheus, "port")) read_value(*at, port);
    out = {host + ":" + std::to_string(port), prometheus->mark()};
  }
}

void read_telemetry(MapReader& service, OtelcolConfig& out) {
  const auto at = service.take("telemetry");
  if (!at || at->is_null()) return;
  check_known(*at, KnownKeys::parse(kTelemetryKeys));
  if (const YamlEntry* metrics = at->is_map() ? at->value().find("metrics") : nullptr) {
    const YamlEntry* level = metrics->value->find("level");
    if (level == nullptr || level->value->scalar != "none")
      read_telemetry_address(at->at(*metrics), out.telemetry_address);
  }
  if (out.telemetry_address->empty())
    at->notice("this process reports on itself with its own log and metrics");
  else
    check_host_port(out.telemetry_address, *at);
}

void read_service(MapReader& root, OtelcolConfig& out, Diagnostics& diagnostics) {
  const auto at = root.take("service");
  if (!at || at->is_null()) {
    diagnostics.error(root.at().mark(), "service: missing; service::pipelines says what runs");
    root.take("extensions");
    return;
  }
  MapReader service(*at);
  read_telemetry(service, out);
  std::string compatibility = "own";
  service.read_choice("compatibility", compatibility, {"own", "strict"});
  out.is_strict = compatibility == "strict";
  read_extensions(root, service, out);
  read_pipelines(service, out.pipelines);
  service.finish();
}

}  // namespace

std::string_view signal_name(Signal signal) {
  switch (signal) {
    case Signal::kTraces: return "traces";
    case Signal::kMetrics: return "metrics";
    case Signal::kLogs: return "logs";
  }
  return "signals";
}

std::string PipelineConfig::id() const {
  return std::string(signal_name(signal)) + (name.empty() ? "" : "/" + name);
}

Result<ComponentId> parse_component_id(std::string_view text) {
  const auto trim = [](std::string_view part) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return part;
  };
  const size_t slash = text.find('/');
  ComponentId id;
  id.type = trim(text.substr(0, slash));
  if (slash != std::string_view::npos) id.name = trim(text.substr(slash + 1));
  if (id.type.empty())
    return fail(Errc::kInvalidArgument, "a component is named type or type/name");
  if (slash != std::string_view::npos && id.name.empty())
    return fail(Errc::kInvalidArgument, "in \"", text, "\" the part after / is missing");
  return id;
}

Result<OtelcolConfig> parse_otelcol(std::string_view text, std::string_view file,
                                    const Environment& environment, const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  return read_otelcol(std::move(*root), file, environment, limits);
}

namespace {

std::shared_ptr<const YamlValue> merged(const std::shared_ptr<const YamlValue>& first,
                                        const std::shared_ptr<const YamlValue>& second) {
  if (first->kind != YamlValue::Kind::kMap || second->kind != YamlValue::Kind::kMap) return second;
  auto out = std::make_shared<YamlValue>(*first);
  for (const YamlEntry& entry : second->entries) {
    const auto same = std::find_if(out->entries.begin(), out->entries.end(),
                                   [&](const YamlEntry& e) { return e.key == entry.key; });
    if (same == out->entries.end())
      out->entries.push_back(entry);
    else
      same->value = merged(same->value, entry.value);
  }
  out->weight += second->weight;
  return out;
}

}  // namespace

Result<OtelcolConfig> parse_otelcol(const std::vector<CollectorFile>& files,
                                    const Environment& environment, const YamlLimits& limits) {
  std::shared_ptr<const YamlValue> root;
  std::string names;
  for (const CollectorFile& file : files) {
    auto tree = parse_yaml(file.text, file.path, limits);
    if (!tree) return std::unexpected(std::move(tree).error());
    names += (names.empty() ? "" : ", ") + file.path;
    if (!root)
      root = std::move(*tree);
    else if ((*tree)->kind != YamlValue::Kind::kNull)
      root = root->kind == YamlValue::Kind::kNull ? std::move(*tree) : merged(root, *tree);
  }
  if (!root) return fail(Errc::kInvalidArgument, "no configuration file");
  return read_otelcol(std::move(root), names, environment, limits);
}

Result<OtelcolConfig> read_otelcol(std::shared_ptr<const YamlValue> root, std::string_view file,
                                   const Environment& environment, const YamlLimits& limits) {
  Diagnostics diagnostics;
  root = expand(std::move(root), Dialect::kCollector, environment, diagnostics, limits);
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  OtelcolConfig out;
  out.file = file;
  const Cursor at(*root, "", PathStyle::kColons, diagnostics);
  if (at.is_null()) return fail(Errc::kInvalidArgument, file, ": empty configuration file");
  MapReader map(at);
  std::vector<ComponentId> faulty;  // are configured, but cannot be
  read_section(map, ComponentKind::kReceiver, out.receivers, faulty, read_receiver);
  read_section(map, ComponentKind::kProcessor, out.processors, faulty, read_processor);
  read_section(map, ComponentKind::kConnector, out.connectors, faulty, read_connector);
  read_section(map, ComponentKind::kExporter, out.exporters, faulty, read_exporter);
  read_service(map, out, diagnostics);
  map.finish();
  check_pipelines(out, faulty, diagnostics);
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  out.notices = diagnostics.take_notices();
  return out;
}

}  // namespace sightline::config
