#include "server/stores.h"

#include <malloc.h>

#include <algorithm>

#include "base/log.h"
#include "config/environment.h"
#include "server/object_storage.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::server {
namespace {

constexpr std::chrono::seconds kRound(1);
constexpr uint64_t kMetricsEveryRounds = 60;  // the metrics store wants a visit a minute
constexpr uint64_t kPinsEveryRounds = 600;
constexpr uint64_t kSpansWorthTrimming = 5'000;

// A path as the configuration has it, below the data directory when it is relative.
std::string below(const std::string& data_dir, std::string path) {
  if (path.starts_with('/')) return path;
  while (path.starts_with("./")) path.erase(0, 2);
  return data_dir + "/" + path;
}

std::string path_or(const config::Marked<std::string>& path, const std::string& data_dir,
                    std::string_view otherwise) {
  return below(data_dir, path.is_written() ? *path : std::string(otherwise));
}

tracestore::TraceStoreOptions trace_options(const config::TempoConfig& config,
                                            const std::string& data_dir, bool sync_always) {
  tracestore::TraceStoreOptions options;
  options.wal_directory = path_or(config.storage.wal_path, data_dir, "traces/wal");
  options.blocks_directory = path_or(config.storage.local_path, data_dir, "traces/blocks");
  options.sync = sync_always ? io::SyncPolicy::kAlways : io::SyncPolicy::kNone;
  options.trace_idle_period = config.cutting.trace_idle_period;
  options.max_block_duration = config.cutting.max_block_duration;
  options.max_block_bytes = std::min(config.cutting.max_block_bytes, options.max_block_bytes);
  options.upload_after = config.cutting.max_block_duration;
  options.block_retention =
      config.limits.block_retention.value_or(config.compaction.block_retention);
  options.compaction_window = config.compaction.compaction_window;
  options.limits.bytes_per_trace_max = config.limits.max_bytes_per_trace;
  // The WAL holds what was accepted: reading it back must not refuse any of it.
  options.decode = [](std::shared_ptr<const std::string> bytes)
      -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto decoded = wire::otlp::decode_traces(std::move(bytes));
    if (!decoded) return std::unexpected(std::move(decoded).error());
    return decoded->batch;
  };
  options.encode = [](const model::SpanBatch& batch) { return wire::otlp::encode_traces(batch); };
  return options;
}

tsdb::TsdbOptions metrics_options(const config::PrometheusConfig& config,
                                  const std::string& data_dir, bool sync_always) {
  tsdb::TsdbOptions options;
  options.directory = data_dir + "/metrics";
  options.sync = sync_always ? io::SyncPolicy::kAlways : io::SyncPolicy::kNone;
  options.out_of_order_window_ms = config.storage.out_of_order_time_window.count();
  if (config.storage.retention_time)
    options.retention_time_ms = config.storage.retention_time->count();
  if (config.storage.retention_size) options.retention_bytes = config.storage.retention_size->bytes;
  return options;
}

}  // namespace

Result<std::unique_ptr<Stores>> Stores::open(const config::SightlineConfig& config,
                                             bool sync_always, io::FileSystem& fs, Clock& clock,
                                             Telemetry& telemetry, ReplayProgress& replay) {
  std::unique_ptr<Stores> stores(new Stores());
  const std::string& data_dir = config.server.data_dir;
  if (config.tempo) {
    auto options = trace_options(*config.tempo, data_dir, sync_always);
    auto objects =
        make_object_storage(config.tempo->storage, config::SystemEnvironment(), clock, telemetry);
    if (!objects) return std::unexpected(std::move(objects).error());
    options.objects = stores->objects_ = std::move(*objects);
    stores->archive_at_stop_ = config.tempo->cutting.flush_all_on_shutdown;
    auto traces = tracestore::TraceStore::open(fs, clock, telemetry, std::move(options));
    if (!traces) return in_context("trace store", std::move(traces).error());
    stores->traces_ = std::move(*traces);
  }
  if (config.prometheus) {
    auto options = metrics_options(*config.prometheus, data_dir, sync_always);
    options.on_replay_segment = [&replay](const io::SegmentProgress& progress) {
      replay.note(progress);
    };
    if (stores->traces_)
      options.on_exemplar = [traces = stores->traces_.get()](TraceId trace) { traces->pin(trace); };
    auto metrics = tsdb::Tsdb::open(fs, clock, telemetry, std::move(options));
    if (!metrics) return in_context("metrics store", std::move(metrics).error());
    stores->metrics_ = std::move(*metrics);
  }
  stores->reconcile_pins();
  return stores;
}

Stores::~Stores() { stop_maintenance(); }

void Stores::start_maintenance(std::function<void()> also) {
  also_ = std::move(also);
  thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kRound, [&] { return stopping_; })) {
      lock.unlock();
      maintain();
      lock.lock();
    }
  });
  if (!traces_ || !traces_->has_archive()) return;
  archive_thread_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kRound, [&] { return stopping_; })) {
      lock.unlock();
      (void)traces_->archive();  // says itself what failed
      lock.lock();
    }
  });
}

void Stores::stop_maintenance() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (objects_ && !archive_at_stop_) objects_->interrupt();
  if (thread_.joinable()) thread_.join();
  if (!archive_thread_.joinable()) return;
  archive_thread_.join();
  // ingester.flush_all_on_shutdown: nothing is left on this machine, as far as storage answers.
  if (!archive_at_stop_) return;
  Status left = traces_->flush();
  if (left) left = traces_->archive_everything();
  if (!left)
    SL_LOG_WARN("trace store: not everything is in object storage: {}", left.error().message);
}

void Stores::maintain() {
  ++rounds_;
  if (also_) also_();
  if (traces_) {
    const uint64_t live_before = traces_->stats().live_spans;
    (void)traces_->maintain();  // says itself what failed
    // What was live is in a block now: its memory goes back, instead of waiting for the next peak.
    if (traces_->stats().live_spans + kSpansWorthTrimming < live_before) ::malloc_trim(0);
  }
  if (metrics_ && rounds_ % kMetricsEveryRounds == 0) metrics_->maintain();
  if (rounds_ % kPinsEveryRounds == 0) reconcile_pins();
}

// The exemplars that are stored now are the source of pins: whatever retention, compaction or a
// crash between two writes did, pins follow. What is pinned while this runs stays pinned.
void Stores::reconcile_pins() {
  if (!traces_ || !metrics_) return;
  const auto status = traces_->replace_pins([&](const std::function<void(const TraceId&)>& wanted) {
    return metrics_->for_each_exemplar_trace({},
                                             [&](TraceId trace, TimestampMs) { wanted(trace); });
  });
  if (!status)
    SL_LOG_WARN("pins: exemplars could not be read, so every pin stays: {}",
                status.error().message);
}

}  // namespace sightline::server
