#include "server/prometheus_status.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <thread>

#include "base/number_text.h"
#include "server/command_line.h"

namespace sightline::server {
namespace {

using api::prometheus::NamedCount;
using api::prometheus::RuntimeInfo;
using api::prometheus::TargetsSnapshot;
using api::prometheus::TsdbStatusSnapshot;

TargetsSnapshot targets_of(const scrape::Scraper* scraper) {
  TargetsSnapshot snapshot;
  if (scraper == nullptr) return snapshot;
  for (const auto& target : scraper->targets()) {
    const scrape::TargetHealth health = target->health();
    snapshot.active.push_back({.discovered_labels = target->discovered(),
                               .labels = target->labels(),
                               .scrape_pool = *target->config().job_name,
                               .scrape_url = target->url(),
                               .last_error = health.last_error,
                               .last_scrape = health.last_scrape,
                               .last_scrape_duration_seconds = health.last_duration_seconds,
                               .health = std::string(scrape::health_name(health.health)),
                               .scrape_interval = format_prometheus_duration(target->interval()),
                               .scrape_timeout = format_prometheus_duration(target->timeout())});
  }
  for (const auto& [pool, labels] : scraper->dropped_targets()) snapshot.dropped.push_back({pool, labels});
  return snapshot;
}

std::vector<NamedCount> named(const std::vector<tsdb::NameCount>& counts) {
  std::vector<NamedCount> out;
  for (const auto& [name, count] : counts) out.push_back({name, count});
  return out;
}

TsdbStatusSnapshot tsdb_status_of(const tsdb::Tsdb& store, size_t limit) {
  const tsdb::TsdbStats stats = store.stats(limit);
  return {.series = stats.head.series,
          .label_pairs = stats.head.label_pairs,
          .chunks = stats.head.chunks,
          .min_time = stats.head_min_time,
          .max_time = stats.head_max_time,
          .series_by_metric = named(stats.head.series_by_metric),
          .values_by_label = named(stats.head.values_by_label),
          .bytes_by_label = named(stats.head.bytes_by_label),
          .series_by_pair = named(stats.head.series_by_pair)};
}

RuntimeInfo runtime_of(const tsdb::Tsdb& store, TimestampNs started_at) {
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  std::error_code ignored;
  return {.start_time = started_at,
          .last_config_time = started_at,
          .working_directory = std::filesystem::current_path(ignored).string(),
          .hostname = host.data(),
          .storage_retention = format_prometheus_duration(std::chrono::milliseconds(store.options().retention_time_ms)),
          .corruptions = store.stats(0).corruptions,
          .threads = std::thread::hardware_concurrency()};
}

}  // namespace

api::prometheus::PrometheusApi make_prometheus_api(const PrometheusStatusSources& sources) {
  const tsdb::Tsdb& store = sources.store;
  return {.engine = sources.engine,
          .store = store,
          .clock = sources.clock,
          .exemplar_trace_id_alias = sources.exemplar_trace_id_alias,
          .targets = [scraper = sources.scraper] { return targets_of(scraper()); },
          .tsdb_status = [&store](size_t limit) { return tsdb_status_of(store, limit); },
          .runtime_info = [&store, started_at = sources.started_at] { return runtime_of(store, started_at); },
          .config_yaml = config::dump(*sources.config.prometheus),
          .flags = {{"query.lookback-delta", "5m"},
                    {"query.timeout", "2m"},
                    {"query.exemplar-trace-id-alias", sources.exemplar_trace_id_alias ? "true" : "false"},
                    {"storage.tsdb.path", store.options().directory}},
          .version = std::string(kVersion)};
}

}  // namespace sightline::server
