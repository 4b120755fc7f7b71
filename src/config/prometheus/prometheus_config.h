#pragma once
// A Prometheus configuration (prometheus.yaml): what to scrape, how to relabel,
// what the store is allowed. Keys of Prometheus 2.x and 3.x.
//   Invariants  job names are unique; timeout <= interval; globals are already
//               inherited, so that a ScrapeConfig stands on its own.
//   Errors      kInvalidArgument, one line per fault: "file:line:column: path: what".
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/yaml/environment.h"
#include "config/yaml/yaml_node.h"
#include "config/yaml/yaml_value.h"

namespace sightline::config {

enum class ScrapeProtocol {
  kPrometheusProto,
  kOpenMetrics100,
  kOpenMetrics001,
  kPrometheusText100,
  kPrometheusText004
};
std::string_view scrape_protocol_name(ScrapeProtocol protocol);  // "OpenMetricsText1.0.0"

// Checked: the action's required fields are there. `regex` is RE2 text, anchored by who runs it.
struct RelabelConfig {
  enum class Action {
    kReplace,
    kKeep,
    kDrop,
    kKeepEqual,
    kDropEqual,
    kHashMod,
    kLabelMap,
    kLabelDrop,
    kLabelKeep,
    kLowercase,
    kUppercase
  };
  Mark mark;
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string regex = "(.*)";
  uint64_t modulus = 0;
  std::string target_label;
  std::string replacement = "$1";
  Action action = Action::kReplace;
};
std::string_view relabel_action_name(RelabelConfig::Action action);

struct HttpClientTls {
  std::string ca, ca_file, cert, cert_file, key, key_file, server_name;
  bool insecure_skip_verify = false;
  std::string min_version, max_version;
};

// Secrets given as files are read anew at every use, as Prometheus does.
struct ScrapeAuth {
  std::string basic_username, basic_username_file, basic_password,
      basic_password_file;  // basic_auth
  std::string type;         // "Bearer" when credentials are given; empty: no Authorization header
  std::string credentials, credentials_file;
};

struct TargetGroup {
  std::vector<Marked<std::string>> targets;  // "host:port"
  std::map<std::string, std::string> labels;
};

// file_sd_configs: target groups in JSON or YAML, read anew when a file changes.
struct FileDiscovery {
  std::vector<Marked<std::string>> files;  // paths; the last part may hold one *
  std::chrono::milliseconds refresh_interval{std::chrono::minutes(5)};
};

// http_sd_configs: target groups in JSON, fetched again and again.
struct HttpDiscovery {
  Marked<std::string> url;
  std::chrono::milliseconds refresh_interval{std::chrono::minutes(1)};
  ScrapeAuth auth;
  std::optional<HttpClientTls> tls;
  bool follow_redirects = true;
  std::map<std::string, std::vector<std::string>> http_headers;
};

// dns_sd_configs: a target for each record of each name.
struct DnsDiscovery {
  std::vector<Marked<std::string>> names;
  std::string type = "SRV";  // SRV, A, AAAA, MX, NS
  uint16_t port = 0;         // for all but SRV
  std::chrono::milliseconds refresh_interval{std::chrono::seconds(30)};
};

struct SampleLimits {  // 0: no limit
  ByteSize body_size;
  uint64_t samples = 0;
  uint64_t targets = 0;
  uint64_t labels = 0;
  uint64_t label_name_length = 0;
  uint64_t label_value_length = 0;
  uint64_t dropped_targets = 0;           // kept to be shown
  uint64_t native_histogram_buckets = 0;  // joined until they are no more
  // By which a bucket's upper bound is above its lower one at least; buckets are joined until it is. 0: as they come.
  double native_histogram_factor_min = 0;
};

struct ScrapeConfig {
  Marked<std::string> job_name;
  std::chrono::milliseconds scrape_interval{0};
  std::chrono::milliseconds scrape_timeout{0};
  std::string metrics_path = "/metrics";
  std::string scheme = "http";
  std::map<std::string, std::vector<std::string>> params;
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  bool enable_compression = true;
  bool follow_redirects = true;
  std::vector<ScrapeProtocol> scrape_protocols;  // in order of preference, never empty
  std::optional<ScrapeProtocol> fallback_scrape_protocol;
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  bool extra_scrape_metrics = false;
  bool legacy_names = false;                  // metric_name_validation_scheme: legacy
  std::string name_escaping = "allow-utf-8";  // asked of targets, as the formats spell it
  SampleLimits limits;
  ScrapeAuth auth;
  std::optional<HttpClientTls> tls;
  std::map<std::string, std::vector<std::string>> http_headers;
  std::vector<TargetGroup> static_configs;
  std::vector<FileDiscovery> file_discoveries;
  std::vector<HttpDiscovery> http_discoveries;
  std::vector<DnsDiscovery> dns_discoveries;
  std::vector<RelabelConfig> relabel_configs;
  std::vector<RelabelConfig> metric_relabel_configs;
};

struct PrometheusConfig {
  std::string file;
  struct Global {
    std::chrono::milliseconds scrape_interval{std::chrono::minutes(1)};
    std::chrono::milliseconds scrape_timeout{std::chrono::seconds(10)};
    std::chrono::milliseconds evaluation_interval{std::chrono::minutes(1)};
    std::chrono::milliseconds rule_query_offset{0};
    std::map<std::string, std::string> external_labels;  // ${X} already expanded
    std::string query_log_file;                          // empty: none
  };
  Global global;
  std::vector<ScrapeConfig> scrape_configs;

  struct Storage {
    std::chrono::milliseconds out_of_order_time_window{0};
    std::optional<std::chrono::milliseconds> retention_time;
    std::optional<ByteSize> retention_size;
    std::optional<int64_t>
        max_exemplars;  // storage.exemplars; Sightline keeps exemplars as long as their series
  };
  Storage storage;

  struct Otlp {  // how /api/v1/otlp turns attributes into labels
    std::vector<std::string> promote_resource_attributes;
    bool promote_all_resource_attributes = false;
    std::vector<std::string> ignore_resource_attributes;
    std::string translation_strategy = "UnderscoreEscapingWithSuffixes";
    bool keep_identifying_resource_attributes = false;
    bool promote_scope_metadata = false;
  };
  Otlp otlp;

  std::vector<Notice> notices;
};

Result<PrometheusConfig> parse_prometheus(std::string_view text, std::string_view file,
                                          const Environment& environment,
                                          const YamlLimits& limits = {});
Result<PrometheusConfig> read_prometheus(std::shared_ptr<const YamlValue> root,
                                         std::string_view file, const Environment& environment,
                                         const YamlLimits& limits = {});
// The sections `global` and `scrape_configs` alone, where another file holds them; variables in it are expanded already.
void read_scraping(MapReader& map, PrometheusConfig& out);
// What a file or an endpoint of a discovery says: a list of {targets, labels}, in YAML or JSON.
Result<std::vector<TargetGroup>> parse_target_groups(std::string_view text, std::string_view file);
std::string dump(const PrometheusConfig& config);

}  // namespace sightline::config
