#pragma once
// Where targets come from besides static_configs: files, an HTTP endpoint, DNS.
#include "config/prometheus/prometheus_config.h"

namespace sightline::config {

void read_discoveries(MapReader& map, ScrapeConfig& out);

}  // namespace sightline::config
