#pragma once
// The scrape_configs part of a Prometheus configuration.
#include "config/prometheus/prometheus_config.h"

namespace sightline::config {

// Keys that stand in `global` and, overriding it, in each scrape config.
void read_inheritable(MapReader& map, ScrapeConfig& out);
// Every job starts as a copy of `inherited`.
void read_scrape_configs(const Cursor& at, const ScrapeConfig& inherited,
                         std::vector<ScrapeConfig>& out);
void read_relabel_configs(MapReader& map, std::string_view key, std::vector<RelabelConfig>& out);

// What whoever sends HTTP requests may be told, by scrapes and by http_sd_configs.
struct HttpClientKeys {
  ScrapeAuth& auth;
  std::optional<HttpClientTls>& tls;
  bool& follow_redirects;
  std::map<std::string, std::vector<std::string>>& http_headers;
};
void read_http_client(MapReader& map, HttpClientKeys out);
// A list of {targets, labels}.
void read_target_groups(const Cursor& at, std::vector<TargetGroup>& out);

}  // namespace sightline::config
