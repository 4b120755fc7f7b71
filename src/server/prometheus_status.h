#pragma once
// What the Prometheus API says of this process beside query results: targets,
// flags, configuration, sizes. Gathered from the parts that know.
//   Lifetime  everything handed in outlives it and the routes made from it.
#include <functional>
#include <string>

#include "api/prometheus/prometheus_routes.h"
#include "config/sightline_config.h"
#include "scrape/scraper.h"
#include "server/command_line.h"
#include "server/replay_progress.h"
#include "tsdb/tsdb.h"

namespace sightline::server {

struct PrometheusStatusSources {
  const config::SightlineConfig& config;
  const promql::Engine& engine;
  tsdb::Tsdb& store;
  const Clock& clock;
  TimestampNs started_at;
  const RunCommand& command;
  WorkPool* query_pool = nullptr;
  WorkPool* pool = nullptr;
  const ReplayProgress& replay;
  api::prometheus::QueryJournal* journal = nullptr;
  std::function<const scrape::Scraper*()> scraper;  // null before scraping starts, or without it
};

api::prometheus::PrometheusApi make_prometheus_api(const PrometheusStatusSources& sources);

}  // namespace sightline::server
