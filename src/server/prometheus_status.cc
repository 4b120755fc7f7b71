#include "server/prometheus_status.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/number_text.h"
#include "server/command_line.h"
#include "server/starting_routes.h"

namespace sightline::server {
namespace {

using api::prometheus::NamedCount;
using api::prometheus::RuntimeInfo;
using api::prometheus::TargetsSnapshot;
using api::prometheus::TsdbStatusSnapshot;

std::string host_name() {
  std::array<char, 256> host{};
  (void)::gethostname(host.data(), host.size() - 1);
  return host.data();
}

// A target on this machine as others reach it: http://localhost:9464/metrics is http://<host>:9464/metrics.
std::string global_url(const std::string& url, const std::string& host) {
  const size_t begin = url.find("://");
  if (begin == std::string::npos) return url;
  for (const std::string_view local : {"localhost", "127.0.0.1", "[::1]"}) {
    const size_t end = begin + 3 + local.size();
    if (url.compare(begin + 3, local.size(), local) == 0 &&
        (end == url.size() || url[end] == ':' || url[end] == '/'))
      return url.substr(0, begin + 3) + host + url.substr(end);
  }
  return url;
}

TargetsSnapshot targets_of(const scrape::Scraper* scraper) {
  TargetsSnapshot snapshot;
  if (scraper == nullptr) return snapshot;
  const std::string host = host_name();
  for (const auto& target : scraper->targets()) {
    const scrape::TargetHealth health = target->health();
    snapshot.active.push_back({.discovered_labels = target->discovered(),
                               .labels = target->labels(),
                               .scrape_pool = *target->config().job_name,
                               .scrape_url = target->url(),
                               .global_url = global_url(target->url(), host),
                               .last_error = health.last_error,
                               .last_scrape = health.last_scrape,
                               .last_scrape_duration_seconds = health.last_duration_seconds,
                               .health = std::string(scrape::health_name(health.health)),
                               .scrape_interval = format_prometheus_duration(target->interval()),
                               .scrape_timeout = format_prometheus_duration(target->timeout())});
  }
  const auto dropped = scraper->dropped_targets();
  for (const auto& [pool, labels] : dropped) snapshot.dropped.push_back({pool, labels});
  snapshot.dropped_counts = scraper->dropped_counts();
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
  std::error_code ignored;
  return {.start_time = started_at,
          .last_config_time = started_at,
          .working_directory = std::filesystem::current_path(ignored).string(),
          .hostname = host_name(),
          .storage_retention = format_prometheus_duration(
              std::chrono::milliseconds(store.options().retention_time_ms)),
          .corruptions = store.stats(0).corruptions,
          .threads = std::thread::hardware_concurrency()};
}

std::vector<api::prometheus::BlockStatus> blocks_of(const tsdb::Tsdb& store) {
  std::vector<api::prometheus::BlockStatus> out;
  for (const tsdb::BlockMeta& block : store.stats(0).blocks) {
    api::prometheus::BlockStatus status{.id = block.id(),
                                        .min_time = {block.min_time},
                                        .max_time = {block.max_time},
                                        .samples = block.samples,
                                        .series = block.series,
                                        .chunks = block.chunks,
                                        .level = block.level};
    for (const uint64_t source : block.sources)
      status.sources.push_back(tsdb::BlockMeta{.number = source}.id());
    out.push_back(std::move(status));
  }
  return out;
}

// What this process was told, under the peer's names.
std::map<std::string, std::string> flags_of(const PrometheusStatusSources& sources) {
  const RunCommand& command = sources.command;
  const auto yes_or_no = [](bool value) { return std::string(value ? "true" : "false"); };
  return {
      {"config.file", command.files.prometheus},
      {"log.level", command.log_level},
      {"query.exemplar-trace-id-alias", yes_or_no(command.exemplar_trace_id_alias)},
      {"query.lookback-delta", format_prometheus_duration(command.query.lookback)},
      {"query.max-concurrency", std::to_string(command.query.concurrency_max)},
      {"query.max-samples", std::to_string(command.query.samples_max)},
      {"query.timeout", format_prometheus_duration(command.query.timeout)},
      {"storage.tsdb.path", sources.store.options().directory},
      {"storage.tsdb.retention.size",
       std::to_string(sources.store.options().retention_bytes) + "B"},
      {"storage.tsdb.retention.time", format_prometheus_duration(std::chrono::milliseconds(
                                          sources.store.options().retention_time_ms))},
      {"web.cors.origin", command.cors_origin},
      {"web.enable-admin-api", yes_or_no(command.enable_admin_api)},
      {"web.enable-lifecycle", yes_or_no(command.enable_lifecycle)},
      {"web.enable-remote-write-receiver", "true"},
      {"web.listen-address", command.web_listen_address.empty() ? *sources.config.server.prometheus
                                                                : command.web_listen_address}};
}

api::prometheus::AdminOperations admin_of(tsdb::Tsdb& store) {
  return {.delete_series =
              [&store](std::span<const tsdb::Matcher> matchers, tsdb::TimeRange range) {
                return store.delete_series(matchers, range);
              },
          .clean_tombstones = [&store] { return store.clean_tombstones(); },
          .snapshot =
              [&store](bool skip_head) {
                return store.write_snapshot(skip_head ? tsdb::Tsdb::SnapshotHead::kWithoutHead
                                                      : tsdb::Tsdb::SnapshotHead::kWithHead);
              }};
}

}  // namespace

api::prometheus::PrometheusApi make_prometheus_api(const PrometheusStatusSources& sources) {
  tsdb::Tsdb& store = sources.store;
  return {.engine = sources.engine,
          .store = store,
          .clock = sources.clock,
          .exemplar_trace_id_alias = sources.command.exemplar_trace_id_alias,
          .targets = [scraper = sources.scraper] { return targets_of(scraper()); },
          .tsdb_status = [&store](size_t limit) { return tsdb_status_of(store, limit); },
          .runtime_info =
              [&store, started_at = sources.started_at] { return runtime_of(store, started_at); },
          .blocks = [&store] { return blocks_of(store); },
          .wal_replay = [&replay = sources.replay] { return wal_replay_status(replay); },
          .config_yaml = config::dump(*sources.config.prometheus),
          .flags = flags_of(sources),
          .version = std::string(kVersion),
          .external_labels = sources.config.prometheus->global.external_labels,
          .cors_origin = sources.command.cors_origin,
          .admin_enabled = sources.command.enable_admin_api,
          .admin = admin_of(store),
          .lifecycle_enabled = sources.command.enable_lifecycle,
          .quit = [] { ::kill(::getpid(), SIGTERM); },
          .query_pool = sources.query_pool,
          .pool = sources.pool,
          .journal = sources.journal};
}

}  // namespace sightline::server
