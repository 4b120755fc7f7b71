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

}  // namespace sightline::config
