#pragma once
// Everything one process is told: the four peers' files, or our own file, or nothing.
//
//   sightline.yaml, every section optional; a section that is missing is a role not played:
//     otelcol: {...}         as in otelcol-config.yaml
//     tempo: {...}           as in tempo.yaml
//     prometheus: {...}      as in prometheus.yaml
//     provisioning: DIR      Grafana's provisioning directory, from the working directory,
//                            else from beside this file
//     server:
//       ui: 127.0.0.1:3000         the pages, and every API beside them
//       prometheus: 127.0.0.1:9090 the Prometheus API for existing clients
//       data_dir: ./data
//   A file with none of these sections is an error. Marks are those of sightline.yaml.
//
// Without arguments the embedded defaults run (default_config_text(), itself such a
// file, read by the same code): OTLP on 4317/4318, span metrics with exemplars, both
// stores in process, the prometheus exporter on 9464, all on loopback.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/otelcol/otelcol_config.h"
#include "config/prometheus/prometheus_config.h"
#include "config/provisioning.h"
#include "config/tempo/tempo_config.h"
#include "config/yaml/environment.h"

namespace sightline::config {

struct ServerSettings {
  Marked<std::string> ui{"127.0.0.1:3000", {}};
  Marked<std::string> prometheus{"127.0.0.1:9090", {}};  // listens when there is a Prometheus role
  std::string data_dir = "./data";
};

struct SightlineConfig {
  ServerSettings server;
  std::optional<OtelcolConfig> otelcol;
  std::optional<TempoConfig> tempo;
  std::optional<PrometheusConfig> prometheus;
  std::optional<Provisioning> provisioning;
  bool is_default = false;  // the zero-argument run

  std::vector<Notice> notices() const;  // of all parts
};

// What the command line names; nothing at all means the embedded defaults.
struct ConfigFiles {
  std::string sightline;  // --config; excludes the four below
  std::vector<std::string>
      otelcol;  // --otelcol-config, merged in order: later maps add to and win over earlier ones
  std::string tempo;         // --tempo-config
  std::string prometheus;    // --prometheus-config
  std::string provisioning;  // --provisioning
  std::string data_dir;      // --data-dir; wins over the file's
  // --storage.tsdb.retention.time and .size; what prometheus.yml says wins over them, as with the peer.
  std::optional<std::chrono::milliseconds> metrics_retention_time;
  std::optional<ByteSize> metrics_retention_size;
};

// All files are read and all their errors reported together.
Result<SightlineConfig> load_config(const ConfigFiles& files, const Environment& environment,
                                    const YamlLimits& limits = {});
Result<SightlineConfig> parse_sightline(std::string_view text, std::string_view file,
                                        const Environment& environment,
                                        const YamlLimits& limits = {});

// The embedded sightline.yaml of the zero-argument run.
std::string_view default_config_text();

// What would run, for `sightline check`.
std::string dump(const SightlineConfig& config);

}  // namespace sightline::config
