#include "config/prometheus/prometheus_discovery.h"

#include <re2/re2.h>

#include <algorithm>

#include "config/prometheus/prometheus_scrape.h"

namespace sightline::config {
namespace {

// The list under `key`, an entry at a time.
template <typename Config, typename Read>
void read_list(MapReader& map, std::string_view key, std::vector<Config>& out, Read read) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  for (const Cursor& item : at->items()) {
    MapReader inner(item);
    Config config;
    inner.read("refresh_interval", config.refresh_interval);
    read(item, inner, config);
    inner.finish();
    if (config.refresh_interval.count() <= 0) item.error("refresh_interval must be positive");
    out.push_back(std::move(config));
  }
}

void read_file_discovery(const Cursor& at, MapReader& map, FileDiscovery& out) {
  static const re2::RE2 kPath(R"([^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML))");
  map.read("files", out.files);
  if (out.files.empty())
    at.error("file service discovery config must contain at least one path name");
  for (const auto& file : out.files)
    if (!re2::RE2::FullMatch(*file, kPath))
      at.diagnostics().error(file.mark, at.path() + ": path name \"" + *file +
                                            "\" is not valid for file discovery; it ends with "
                                            ".json, .yml or .yaml, and its last part may hold a *");
}

void read_http_discovery(const Cursor& at, MapReader& map, HttpDiscovery& out) {
  map.read("url", out.url);
  read_http_client(map, {out.auth, out.tls, out.follow_redirects, out.http_headers});
  if (out.url->empty()) return at.error("URL is missing");
  const bool has_scheme = out.url->starts_with("http://") || out.url->starts_with("https://");
  if (!has_scheme) return at.error("URL scheme must be 'http' or 'https'");
  if (out.url->ends_with("://")) at.error("host is missing in URL");
}

void read_dns_discovery(const Cursor& at, MapReader& map, DnsDiscovery& out) {
  map.read("names", out.names);
  map.read("type", out.type);
  const bool port_given = map.has("port");
  map.read("port", out.port);
  if (out.names.empty()) at.error("DNS-SD config must contain at least one SRV record name");
  std::transform(out.type.begin(), out.type.end(), out.type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  constexpr std::string_view kTypes[] = {"SRV", "A", "AAAA", "MX", "NS"};
  if (std::ranges::find(kTypes, out.type) == std::end(kTypes))
    at.error("invalid DNS-SD records type " + out.type + "; known: SRV, A, AAAA, MX, NS");
  else if (out.type != "SRV" && !port_given)
    at.error("a port is required in DNS-SD configs for all record types except SRV");
}

}  // namespace

void read_discoveries(MapReader& map, ScrapeConfig& out) {
  read_list(map, "file_sd_configs", out.file_discoveries, read_file_discovery);
  read_list(map, "http_sd_configs", out.http_discoveries, read_http_discovery);
  read_list(map, "dns_sd_configs", out.dns_discoveries, read_dns_discovery);
}

Result<std::vector<TargetGroup>> parse_target_groups(std::string_view text, std::string_view file) {
  const auto root = parse_yaml(text, file);
  if (!root) return std::unexpected(root.error());
  Diagnostics diagnostics;
  std::vector<TargetGroup> groups;
  read_target_groups(Cursor(**root, "", PathStyle::kDots, diagnostics), groups);
  if (!diagnostics.ok()) return std::unexpected(diagnostics.to_error());
  return groups;
}

}  // namespace sightline::config
