#include "config/sightline_config.h"

#include "config/otelcol/transport_config.h"
#include "config/yaml/yaml_node.h"

namespace sightline::config {
namespace {

constexpr std::string_view kDefaultFile = "defaults";

// The zero-argument run. Everything listens on loopback; `sightline` is the
// exporter that hands spans and metrics to this process' own stores.
constexpr std::string_view kDefaultText = R"(
server:
  ui: 127.0.0.1:3000
  prometheus: 127.0.0.1:9090
  data_dir: ./data

otelcol:
  receivers:
    otlp:
      protocols:
        grpc:
          endpoint: 127.0.0.1:4317
        http:
          endpoint: 127.0.0.1:4318
          cors:
            allowed_origins: ["http://localhost:*", "http://127.0.0.1:*"]
  connectors:
    spanmetrics:
      exemplars:
        enabled: true
      dimensions:
        - name: http.method
        - name: http.status_code
        - name: http.request.method
        - name: http.response.status_code
      histogram:
        explicit:
          buckets: [2ms, 4ms, 6ms, 10ms, 50ms, 100ms, 200ms, 500ms, 1s, 2s, 5s, 10s, 30s, 1m]
      metrics_flush_interval: 1s
  exporters:
    prometheus:
      endpoint: 127.0.0.1:9464
      send_timestamps: true
      enable_open_metrics: true
    sightline:
  service:
    pipelines:
      traces:
        receivers: [otlp]
        exporters: [spanmetrics, sightline]
      metrics:
        receivers: [spanmetrics]
        exporters: [sightline, prometheus]
      metrics/otlp:
        receivers: [otlp]
        exporters: [sightline]

tempo:
  server:
    http_listen_address: 127.0.0.1
    http_listen_port: 3200
    grpc_listen_address: 127.0.0.1
    grpc_listen_port: 9095
  stream_over_http_enabled: true
  storage:
    trace:
      backend: local
      wal:
        path: ./traces/wal
      local:
        path: ./traces/blocks

prometheus:
  global:
    scrape_interval: 15s
    evaluation_interval: 15s
)";

// Adds what one file says to the whole, or its errors to the others'.
template <typename Part>
void keep(Result<Part> part, std::optional<Part>& out, Diagnostics& diagnostics) {
  if (part) {
    out = std::move(*part);
  } else {
    diagnostics.error_text(std::move(part).error().message);
  }
}

void read_server(const Cursor& at, ServerSettings& out) {
  MapReader map(at);
  map.read("ui", out.ui);
  map.read("prometheus", out.prometheus);
  map.read("data_dir", out.data_dir);
  map.finish();
  check_host_port(out.ui, at);
  check_host_port(out.prometheus, at);
  if (out.data_dir.empty()) at.error("data_dir must not be empty");
}

std::string beside(std::string_view file, const std::string& path) {
  const size_t slash = file.rfind('/');
  if (path.starts_with('/') || slash == std::string_view::npos) return path;
  return std::string(file.substr(0, slash + 1)) + path;
}

void read_provisioning(const Cursor& at, std::string_view file, const Environment& environment,
                       const YamlLimits& limits, SightlineConfig& out) {
  std::string directory;
  read_value(at, directory);
  if (directory.empty()) return at.error("names no directory");
  auto loaded = load_provisioning(directory, environment, limits);
  if (!loaded && loaded.error().code == Errc::kNotFound)
    loaded = load_provisioning(beside(file, directory), environment, limits);
  if (loaded) {
    out.provisioning = std::move(*loaded);
  } else if (loaded.error().code == Errc::kNotFound) {
    at.error(loaded.error().message);
  } else {
    at.diagnostics().error_text(loaded.error().message);
  }
}

void read_files(const ConfigFiles& files, const Environment& environment, const YamlLimits& limits,
                SightlineConfig& out, Diagnostics& diagnostics) {
  const auto text_of = [&](const std::string& path) -> std::optional<std::string> {
    if (path.empty()) return std::nullopt;
    auto text = environment.read_file(path);
    if (text) return std::move(*text);
    diagnostics.error_text(std::move(text).error().message);
    return std::nullopt;
  };
  std::vector<CollectorFile> collector;
  for (const std::string& path : files.otelcol)
    if (auto text = text_of(path)) collector.push_back({path, std::move(*text)});
  if (!collector.empty())
    keep(parse_otelcol(collector, environment, limits), out.otelcol, diagnostics);
  if (const auto text = text_of(files.tempo))
    keep(parse_tempo(*text, files.tempo, environment, limits), out.tempo, diagnostics);
  if (const auto text = text_of(files.prometheus))
    keep(parse_prometheus(*text, files.prometheus, environment, limits), out.prometheus,
         diagnostics);
  if (!files.provisioning.empty())
    keep(load_provisioning(files.provisioning, environment, limits), out.provisioning, diagnostics);
}

}  // namespace

std::string_view default_config_text() { return kDefaultText; }

Result<SightlineConfig> parse_sightline(std::string_view text, std::string_view file,
                                        const Environment& environment, const YamlLimits& limits) {
  auto root = parse_yaml(text, file, limits);
  if (!root) return std::unexpected(std::move(root).error());
  Diagnostics diagnostics;
  SightlineConfig out;
  MapReader map(Cursor(**root, "", PathStyle::kDots, diagnostics));
  if (const auto at = map.take("server"); at) read_server(*at, out.server);
  const auto tree_of = [&](std::string_view key) -> std::shared_ptr<const YamlValue> {
    map.take(key);
    const YamlEntry* entry = (*root)->find(key);
    return entry == nullptr ? nullptr : entry->value;
  };
  if (auto tree = tree_of("otelcol"))
    keep(read_otelcol(tree, file, environment, limits), out.otelcol, diagnostics);
  if (auto tree = tree_of("tempo")) keep(read_tempo(tree, file, limits), out.tempo, diagnostics);
  if (auto tree = tree_of("prometheus"))
    keep(read_prometheus(tree, file, environment, limits), out.prometheus, diagnostics);
  if (const auto at = map.take("provisioning"); at)
    read_provisioning(*at, file, environment, limits, out);
  map.finish();
  if (diagnostics.ok() && !out.otelcol && !out.tempo && !out.prometheus && !out.provisioning)
    diagnostics.error(
        (*root)->mark,
        "nothing to run: name at least one of otelcol, tempo, prometheus, provisioning");
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  return out;
}

Result<SightlineConfig> load_config(const ConfigFiles& files, const Environment& environment,
                                    const YamlLimits& limits) {
  const bool peers = !files.otelcol.empty() || !files.tempo.empty() || !files.prometheus.empty() ||
                     !files.provisioning.empty();
  if (!files.sightline.empty() && peers)
    return fail(
        Errc::kInvalidArgument,
        "--config names a file with all sections; it cannot be joined with the peers' own files");
  SightlineConfig out;
  if (!files.sightline.empty()) {
    const auto text = environment.read_file(files.sightline);
    if (!text) return std::unexpected(text.error());
    auto parsed = parse_sightline(*text, files.sightline, environment, limits);
    if (!parsed) return parsed;
    out = std::move(*parsed);
  } else if (peers) {
    Diagnostics diagnostics;
    read_files(files, environment, limits, out, diagnostics);
    if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  } else {
    auto parsed = parse_sightline(kDefaultText, kDefaultFile, environment, limits);
    if (!parsed) return in_context("embedded defaults", std::move(parsed).error());
    out = std::move(*parsed);
    out.is_default = true;
  }
  if (!files.data_dir.empty()) out.server.data_dir = files.data_dir;
  if (out.prometheus) {
    PrometheusConfig::Storage& storage = out.prometheus->storage;
    if (!storage.retention_time) storage.retention_time = files.metrics_retention_time;
    if (!storage.retention_size) storage.retention_size = files.metrics_retention_size;
  }
  return out;
}

std::vector<Notice> SightlineConfig::notices() const {
  std::vector<Notice> out;
  const auto add = [&](const auto& part) {
    if (part) out.insert(out.end(), part->notices.begin(), part->notices.end());
  };
  add(otelcol);
  add(tempo);
  add(prometheus);
  add(provisioning);
  return out;
}

}  // namespace sightline::config
