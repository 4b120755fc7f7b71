#include "config/prometheus/prometheus_scrape.h"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/text_codec.h"
#include "config/prometheus/prometheus_discovery.h"

namespace sightline::config {
namespace {

using Action = RelabelConfig::Action;

constexpr std::pair<Action, std::string_view> kActions[] = {
    {Action::kReplace, "replace"},     {Action::kKeep, "keep"},
    {Action::kDrop, "drop"},           {Action::kKeepEqual, "keepequal"},
    {Action::kDropEqual, "dropequal"}, {Action::kHashMod, "hashmod"},
    {Action::kLabelMap, "labelmap"},   {Action::kLabelDrop, "labeldrop"},
    {Action::kLabelKeep, "labelkeep"}, {Action::kLowercase, "lowercase"},
    {Action::kUppercase, "uppercase"},
};

constexpr std::pair<ScrapeProtocol, std::string_view> kProtocols[] = {
    {ScrapeProtocol::kPrometheusProto, "PrometheusProto"},
    {ScrapeProtocol::kOpenMetrics100, "OpenMetricsText1.0.0"},
    {ScrapeProtocol::kOpenMetrics001, "OpenMetricsText0.0.1"},
    {ScrapeProtocol::kPrometheusText100, "PrometheusText1.0.0"},
    {ScrapeProtocol::kPrometheusText004, "PrometheusText0.0.4"},
};

constexpr std::string_view kDiscoveries[] = {
    "azure_sd_configs",     "consul_sd_configs",      "digitalocean_sd_configs",
    "docker_sd_configs",    "dockerswarm_sd_configs", "ec2_sd_configs",
    "ecs_sd_configs",       "elasticache_sd_configs", "aws_sd_configs",
    "eureka_sd_configs",    "gce_sd_configs",         "hetzner_sd_configs",
    "ionos_sd_configs",     "kubernetes_sd_configs",  "kuma_sd_configs",
    "lightsail_sd_configs", "linode_sd_configs",      "marathon_sd_configs",
    "msk_sd_configs",       "nerve_sd_configs",       "nomad_sd_configs",
    "openstack_sd_configs", "ovhcloud_sd_configs",    "outscale_sd_configs",
    "puppetdb_sd_configs",  "rds_sd_configs",         "scaleway_sd_configs",
    "serverset_sd_configs", "stackit_sd_configs",     "triton_sd_configs",
    "uyuni_sd_configs",     "vultr_sd_configs",       "oci_sd_configs"};

constexpr size_t kRegexBytesMax = 64 << 10;

std::optional<ScrapeProtocol> protocol_of(const Cursor& at) {
  std::string word;
  read_value(at, word);
  std::vector<std::string> names;
  for (const auto& [protocol, name] : kProtocols) {
    if (word == name) return protocol;
    names.emplace_back(name);
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (at.value().kind == YamlValue::Kind::kScalar)
    at.error("unknown scrape protocol \"" + word + "\", supported: " + list +
             did_you_mean(word, names));
  return std::nullopt;
}

void read_protocols(MapReader& map, ScrapeConfig& out) {
  const auto at = map.take("scrape_protocols");
  if (!at || at->is_null()) return;
  std::vector<ScrapeProtocol> protocols;
  for (const Cursor& item : at->items()) {
    const auto protocol = protocol_of(item);
    if (!protocol) continue;
    if (std::find(protocols.begin(), protocols.end(), *protocol) != protocols.end()) {
      item.error("duplicated protocol in scrape_protocols");
    } else {
      protocols.push_back(*protocol);
    }
  }
  if (at->is_sequence() && at->value().items.empty()) at->error("scrape_protocols cannot be empty");
  out.scrape_protocols = std::move(protocols);
}

void read_auth(MapReader& map, ScrapeAuth& out) {
  int methods = 0;
  if (const auto at = map.take("basic_auth"); at && !at->is_null()) {
    ++methods;
    MapReader inner(*at);
    inner.read("username", out.basic_username);
    inner.read("username_file", out.basic_username_file);
    inner.read("password", out.basic_password);
    inner.read("password_file", out.basic_password_file);
    inner.reject({"username_ref", "password_ref"},
                 "secrets by reference are not available here; use the _file key");
    inner.finish();
    if (!out.basic_username.empty() && !out.basic_username_file.empty())
      at->error("at most one of username and username_file must be configured");
    if (!out.basic_password.empty() && !out.basic_password_file.empty())
      at->error("at most one of password and password_file must be configured");
  }
  if (const auto at = map.take("authorization"); at && !at->is_null()) {
    ++methods;
    out.type = "Bearer";
    MapReader inner(*at);
    inner.read("type", out.type);
    inner.read("credentials", out.credentials);
    inner.read("credentials_file", out.credentials_file);
    inner.reject({"credentials_ref"},
                 "secrets by reference are not available here; use credentials_file");
    inner.finish();
    if (out.type == "Basic" || out.type == "basic")
      at->error("authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
    if (!out.credentials.empty() && !out.credentials_file.empty())
      at->error("at most one of credentials and credentials_file must be configured");
  }
  const bool bearer = map.has("bearer_token") || map.has("bearer_token_file");
  map.read("bearer_token", out.credentials);
  map.read("bearer_token_file", out.credentials_file);
  if (bearer) {
    ++methods;
    out.type = "Bearer";
  }
  map.reject({"oauth2"}, "OAuth 2 is not available here");
  if (methods > 1)
    map.at().error("at most one of basic_auth, authorization and bearer_token must be configured");
}

void read_tls(MapReader& map, std::optional<HttpClientTls>& out) {
  const auto at = map.take("tls_config");
  if (!at || at->is_null()) return;
  HttpClientTls& tls = out.emplace();
  MapReader inner(*at);
  inner.read("ca", tls.ca);
  inner.read("ca_file", tls.ca_file);
  inner.read("cert", tls.cert);
  inner.read("cert_file", tls.cert_file);
  inner.read("key", tls.key);
  inner.read("key_file", tls.key_file);
  inner.read("server_name", tls.server_name);
  inner.read("insecure_skip_verify", tls.insecure_skip_verify);
  inner.read_choice("min_version", tls.min_version, {"", "TLS10", "TLS11", "TLS12", "TLS13"});
  inner.read_choice("max_version", tls.max_version, {"", "TLS10", "TLS11", "TLS12", "TLS13"});
  inner.reject({"ca_ref", "cert_ref", "key_ref"},
               "secrets by reference are not available here; use the _file key");
  inner.finish();
  const bool cert = !tls.cert.empty() || !tls.cert_file.empty();
  const bool key = !tls.key.empty() || !tls.key_file.empty();
  if (cert != key)
    at->error(
        "exactly one of key or key_file must be configured when a client certificate is "
        "configured");
}

}  // namespace

void read_http_client(MapReader& map, HttpClientKeys out) {
  read_auth(map, out.auth);
  read_tls(map, out.tls);
  map.read("follow_redirects", out.follow_redirects);
  map.ignore("enable_http2", "scrapes are sent over HTTP/1.1");
  map.reject({"proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header"},
             "a proxy is not available here");
  const auto at = map.take("http_headers");
  if (!at || at->is_null()) return;
  if (!at->is_map()) return at->wrong_type("a map of headers");
  for (const YamlEntry& entry : at->value().entries) {
    MapReader inner(at->at(entry));
    std::vector<std::string> secrets;
    inner.read("values", out.http_headers[entry.key]);
    inner.read("secrets", secrets);
    inner.reject({"files"}, "header values from files are not available here");
    inner.finish();
    auto& values = out.http_headers[entry.key];
    values.insert(values.end(), secrets.begin(), secrets.end());
  }
}

void read_target_groups(const Cursor& at, std::vector<TargetGroup>& out) {
  for (const Cursor& item : at.items()) {
    if (item.is_null()) {
      item.error("empty or null static config section");
      continue;
    }
    TargetGroup group;
    MapReader inner(item);
    inner.read("targets", group.targets);
    inner.read("labels", group.labels);
    inner.finish();
    for (const auto& target : group.targets)
      if (target->find("://") != std::string::npos || target->find('/') != std::string::npos)
        item.diagnostics().error(target.mark, item.path() + ": \"" + *target +
                                                  "\" is not a valid hostname; write host:port, "
                                                  "and the rest as scheme and metrics_path");
    for (const auto& [name, value] : group.labels)
      if (name.empty() || !is_valid_utf8(value))
        item.error("\"" + name + "\" is not a valid label");
    out.push_back(std::move(group));
  }
}

namespace {

void check_relabel(const Cursor& at, const RelabelConfig& config, const MapReader& map) {
  const std::string action(relabel_action_name(config.action));
  const bool needs_target =
      config.action == Action::kReplace || config.action == Action::kKeepEqual ||
      config.action == Action::kDropEqual || config.action == Action::kHashMod ||
      config.action == Action::kLowercase || config.action == Action::kUppercase;
  if (config.action == Action::kHashMod && config.modulus == 0)
    at.error("relabel configuration for hashmod requires non-zero modulus");
  if (needs_target && config.target_label.empty())
    at.error("relabel configuration for " + action + " action requires 'target_label' value");
  if ((config.action == Action::kLowercase || config.action == Action::kUppercase) &&
      map.has("replacement"))
    at.error("'replacement' can not be set for " + action + " action");
  const bool only_regex =
      config.action == Action::kLabelDrop || config.action == Action::kLabelKeep;
  if (only_regex && (map.has("source_labels") || map.has("target_label") || map.has("modulus") ||
                     map.has("separator") || map.has("replacement")))
    at.error(action + " action requires only 'regex', and no other fields");
  const bool only_labels =
      config.action == Action::kKeepEqual || config.action == Action::kDropEqual;
  if (only_labels &&
      (map.has("regex") || map.has("modulus") || map.has("separator") || map.has("replacement")))
    at.error(action +
             " action requires only 'source_labels' and `target_label`, and no other fields");
}

RelabelConfig read_relabel(const Cursor& at) {
  RelabelConfig out;
  out.mark = at.mark();
  MapReader map(at);
  map.read("source_labels", out.source_labels);
  map.read("separator", out.separator);
  map.read("modulus", out.modulus);
  map.read("target_label", out.target_label);
  map.read("replacement", out.replacement);
  std::string action = "replace";
  if (const auto word = map.take("action"); word && !word->is_null()) read_value(*word, action);
  std::transform(action.begin(), action.end(), action.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  std::vector<std::string> names;
  bool found = false;
  for (const auto& [value, name] : kActions) {
    names.emplace_back(name);
    if (action != name) continue;
    out.action = value;
    found = true;
  }
  if (!found) at.error("unknown relabel action \"" + action + "\"" + did_you_mean(action, names));
  if (const auto regex = map.take("regex"); regex && !regex->is_null()) {
    read_value(*regex, out.regex);
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_dot_nl(true);
    const re2::RE2 compiled(out.regex.size() > kRegexBytesMax ? std::string("(") : out.regex,
                            options);
    if (!compiled.ok()) regex->error("not a regular expression: " + compiled.error());
  }
  map.finish();
  if (found) check_relabel(at, out, map);
  return out;
}

void read_timing(MapReader& map, const Cursor& at, ScrapeConfig& out) {
  const bool interval_given = map.has("scrape_interval"), timeout_given = map.has("scrape_timeout");
  std::chrono::milliseconds interval{0}, timeout{0};
  map.read("scrape_interval", interval);
  map.read("scrape_timeout", timeout);
  if (interval_given && interval.count() > 0) out.scrape_interval = interval;
  if (timeout_given && timeout.count() > 0) {
    out.scrape_timeout = timeout;
    if (timeout > out.scrape_interval)
      at.error("scrape timeout greater than scrape interval for scrape config with job name \"" +
               *out.job_name + "\"");
  }
  out.scrape_timeout = std::min(out.scrape_timeout, out.scrape_interval);
}

// Native histograms are exposed in protobuf alone.
std::vector<ScrapeProtocol> default_protocols(bool native_histograms) {
  std::vector<ScrapeProtocol> out = {
      ScrapeProtocol::kOpenMetrics100, ScrapeProtocol::kOpenMetrics001,
      ScrapeProtocol::kPrometheusText100, ScrapeProtocol::kPrometheusText004};
  if (native_histograms) out.insert(out.begin(), ScrapeProtocol::kPrometheusProto);
  return out;
}

ScrapeConfig read_scrape_config(const Cursor& at, const ScrapeConfig& inherited) {
  ScrapeConfig out = inherited;
  MapReader map(at);
  out.job_name.mark = at.mark();
  map.read("job_name", out.job_name);
  if (out.job_name->empty()) at.error("job_name is empty");
  read_timing(map, at, out);
  map.read("metrics_path", out.metrics_path);
  map.read_choice("scheme", out.scheme, {"http", "https"});
  map.read("params", out.params);
  map.read("honor_labels", out.honor_labels);
  map.read("honor_timestamps", out.honor_timestamps);
  map.read("track_timestamps_staleness", out.track_timestamps_staleness);
  map.read("enable_compression", out.enable_compression);
  read_inheritable(map, out);
  if (const auto fallback = map.take("fallback_scrape_protocol"); fallback && !fallback->is_null())
    out.fallback_scrape_protocol = protocol_of(*fallback);
  read_http_client(map, {out.auth, out.tls, out.follow_redirects, out.http_headers});
  if (const auto groups = map.take("static_configs"); groups && !groups->is_null())
    read_target_groups(*groups, out.static_configs);
  read_discoveries(map, out);
  read_relabel_configs(map, "relabel_configs", out.relabel_configs);
  read_relabel_configs(map, "metric_relabel_configs", out.metric_relabel_configs);
  for (const std::string_view key : kDiscoveries)
    map.reject({key},
               "this service discovery is not available here; the nearest: file_sd_configs, "
               "http_sd_configs, dns_sd_configs");
  map.ignore("scrape_failure_log_file", "failures are in this process' own log");
  map.read("native_histogram_bucket_limit", out.limits.native_histogram_buckets);
  map.read("native_histogram_min_bucket_factor", out.limits.native_histogram_factor_min);
  map.finish();
  if (out.scrape_protocols.empty())
    out.scrape_protocols = default_protocols(out.scrape_native_histograms);
  if (!out.metrics_path.starts_with('/')) out.metrics_path.insert(0, 1, '/');
  return out;
}

}  // namespace

std::string_view scrape_protocol_name(ScrapeProtocol protocol) {
  for (const auto& [value, name] : kProtocols)
    if (value == protocol) return name;
  return "";
}

std::string_view relabel_action_name(RelabelConfig::Action action) {
  for (const auto& [value, name] : kActions)
    if (value == action) return name;
  return "";
}

namespace {

// What names are asked for follows from what names are allowed, unless it is said.
void read_name_escaping(MapReader& map, ScrapeConfig& out) {
  std::string scheme = out.legacy_names ? "legacy" : "utf8";
  map.read_choice("metric_name_validation_scheme", scheme, {"", "utf8", "legacy"});
  const bool legacy = scheme == "legacy";
  if (legacy != out.legacy_names) out.name_escaping = legacy ? "underscores" : "allow-utf-8";
  out.legacy_names = legacy;
  std::string escaping = out.name_escaping;
  map.read_choice("metric_name_escaping_scheme", escaping,
                  {"", "allow-utf-8", "underscores", "dots", "values"});
  if (!escaping.empty()) out.name_escaping = escaping;
  if (out.legacy_names && out.name_escaping == "allow-utf-8")
    map.at().error(
        "metric_name_escaping_scheme: allow-utf-8 does not go with the legacy validation scheme");
}

}  // namespace

void read_inheritable(MapReader& map, ScrapeConfig& out) {
  read_protocols(map, out);
  map.read("body_size_limit", out.limits.body_size);
  map.read("sample_limit", out.limits.samples);
  map.read("target_limit", out.limits.targets);
  map.read("label_limit", out.limits.labels);
  map.read("label_name_length_limit", out.limits.label_name_length);
  map.read("label_value_length_limit", out.limits.label_value_length);
  map.read("scrape_native_histograms", out.scrape_native_histograms);
  map.read("always_scrape_classic_histograms", out.always_scrape_classic_histograms);
  map.read("convert_classic_histograms_to_nhcb", out.convert_classic_histograms_to_nhcb);
  if (out.convert_classic_histograms_to_nhcb)
    map.ignore("convert_classic_histograms_to_nhcb", "classic histograms are kept as they come");
  map.read("extra_scrape_metrics", out.extra_scrape_metrics);
  map.read("keep_dropped_targets", out.limits.dropped_targets);
  read_name_escaping(map, out);
}

void read_scrape_configs(const Cursor& at, const ScrapeConfig& inherited,
                         std::vector<ScrapeConfig>& out) {
  std::set<std::string> names;
  if (at.is_null()) return;
  for (const Cursor& item : at.items()) {
    if (item.is_null()) {
      item.error("empty or null scrape config section");
      continue;
    }
    ScrapeConfig job = read_scrape_config(item, inherited);
    if (!names.insert(*job.job_name).second)
      item.diagnostics().error(
          job.job_name.mark,
          item.path() + ": found multiple scrape configs with job name \"" + *job.job_name + "\"");
    out.push_back(std::move(job));
  }
}

void read_relabel_configs(MapReader& map, std::string_view key, std::vector<RelabelConfig>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    if (item.is_null()) {
      item.error("empty or null relabeling rule");
    } else {
      out.push_back(read_relabel(item));
    }
  }
}

}  // namespace sightline::config
