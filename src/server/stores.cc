#include "server/stores.h"

#include <malloc.h>

#include <algorithm>

#include "base/log.h"
#include "config/yaml/environment.h"
#include "server/object_storage.h"
#include "tracestore/tenancy/tenant_id.h"
#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"

namespace sightline::server {
namespace {

constexpr std::chrono::seconds kRound(1);
constexpr uint64_t kMetricsEveryRounds = 60;  // a visit a minute even when nothing seems due
constexpr int kMetricsPassesMax = 8;          // in one round, so that traces get theirs
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
  if (config.storage.retention_size) options.retention_bytes = config.storage.retention_size->bytes;
  options.compaction_window = config.compaction.compaction_window;
  options.compacted_traces_max = config.compaction.max_compaction_objects;
  options.compacted_bytes_max =
      std::min(config.compaction.max_block_bytes, options.compacted_bytes_max);
  // The WAL holds what was accepted: reading it back must not refuse any of it.
  options.decode = [](std::shared_ptr<const std::string> bytes)
      -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto decoded = wire::otlp::decode_traces(std::move(bytes));
    if (!decoded) return std::unexpected(std::move(decoded).error());
    return decoded->batch;
  };
  options.decode_some =
      [](std::shared_ptr<const std::string> bytes,
         std::span<const uint32_t> wanted) -> Result<std::shared_ptr<const model::SpanBatch>> {
    auto decoded = wire::otlp::decode_traces(std::move(bytes), {.spans = wanted});
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
                                             Telemetry& telemetry, ReplayProgress& replay,
                                             const tsdb::TsdbLimits& limits) {
  std::unique_ptr<Stores> stores(new Stores());
  const std::string& data_dir = config.server.data_dir;
  if (auto opened = stores->open_traces(config, sync_always, fs, clock, telemetry); !opened)
    return std::unexpected(std::move(opened).error());
  if (config.prometheus) {
    auto options = metrics_options(*config.prometheus, data_dir, sync_always);
    options.limits = limits;
    options.on_replay_segment = [&replay](const io::SegmentProgress& progress) {
      replay.note(progress);
    };
    if (stores->has_traces())
      options.on_exemplar = [self = stores.get()](TraceId trace) { self->pin(trace); };
    auto metrics = tsdb::Tsdb::open(fs, clock, telemetry, std::move(options));
    if (!metrics) return in_context("metrics store", std::move(metrics).error());
    stores->metrics_ = std::move(*metrics);
  }
  stores->reconcile_pins();
  return stores;
}

Status Stores::open_traces(const config::SightlineConfig& config, bool sync_always,
                           io::FileSystem& fs, Clock& clock, Telemetry& telemetry) {
  if (!config.tempo) return {};
  auto limits = TenantLimitsTable::open(*config.tempo, fs, clock);
  if (!limits) return std::unexpected(std::move(limits).error());
  limits_ = std::move(*limits);
  if (config.tempo->usage_enabled)
    usage_ = std::make_unique<UsageTracker>(config.tempo->usage_series_max,
                                            [table = limits_.get()](const std::string& tenant) {
                                              return table->of(tenant).usage_dimensions;
                                            });
  if (config.tempo->user_overrides) {
    auto overrides = UserOverrides::open(config.server.data_dir + "/overrides", fs, *limits_);
    if (!overrides) return std::unexpected(std::move(overrides).error());
    overrides_ = std::move(*overrides);
  }
  tracestore::TraceStoreOptions options =
      trace_options(*config.tempo, config.server.data_dir, sync_always);
  auto objects =
      make_object_storage(config.tempo->storage, config::SystemEnvironment(), clock, telemetry);
  if (!objects) return std::unexpected(std::move(objects).error());
  options.objects = objects_ = std::move(*objects);
  archive_at_stop_ = config.tempo->cutting.flush_all_on_shutdown;
  if (config.tempo->multitenancy_enabled) {
    // What one store may hold in memory is shared by those that are open.
    options.hot_bytes_max = std::max<uint64_t>(options.hot_bytes_max / 8, 1);
    options.cache_bytes_max /= 8;
    auto tenants = tracestore::TenantStores::open(
        fs, clock, telemetry,
        {.store = std::move(options),
         .limits = [table = limits_.get()](
                       const std::string& tenant) { return table->store_limits(tenant); },
         .block_retention =
             [table = limits_.get()](const std::string& tenant) {
               return table->of(tenant).block_retention;
             }});
    if (!tenants) return in_context("trace store", std::move(tenants).error());
    tenants_ = std::move(*tenants);
    return {};
  }
  const tracestore::TenantLimits own =
      limits_->store_limits(std::string(tracestore::kSingleTenant));
  options.limits.live_traces_max = own.live_traces_max;
  options.limits.bytes_per_trace_max = own.bytes_per_trace_max;
  if (own.ingest_rate || overrides_) rate_ = std::make_unique<tracestore::IngestRate>(clock);
  auto traces = tracestore::TraceStore::open(fs, clock, telemetry, std::move(options));
  if (!traces) return in_context("trace store", std::move(traces).error());
  traces_ = std::move(*traces);
  return {};
}

std::function<Status(std::string_view, const std::shared_ptr<const model::SpanBatch>&)>
Stores::span_gate() {
  if (!tenants_ && !rate_ && !usage_) return nullptr;
  return [this](std::string_view org_id, const std::shared_ptr<const model::SpanBatch>& batch) {
    return take_spans(org_id, batch);
  };
}

Status Stores::take_spans(std::string_view org_id,
                          const std::shared_ptr<const model::SpanBatch>& batch) {
  std::string tenant(tenants_ ? org_id : tracestore::kSingleTenant);
  if (tenants_) {
    const auto writer = tenants_->writer(org_id);
    if (!writer) return std::unexpected(writer.error());
    if (auto taken = (*writer)->append(batch); !taken) return taken;
  } else {
    const auto limit = rate_ ? limits_->store_limits(tenant).ingest_rate : std::nullopt;
    if (limit) {
      const size_t bytes =
          batch->encoded.empty() ? wire::otlp::encode_traces(*batch).size() : batch->encoded.size();
      if (auto taken = rate_->take(bytes, *limit, tenant); !taken) return taken;
    }
    if (auto taken = traces_->append(batch); !taken) return taken;
  }
  if (usage_) usage_->count(tenant, *batch);
  return {};
}

tracestore::TraceStoreStats Stores::trace_stats() const {
  return tenants_ ? tenants_->stats() : traces_->stats();
}

Stores::~Stores() { stop_maintenance(); }

void Stores::start_maintenance(Maintenance calls) {
  also_ = std::move(calls.also);
  thread_ = std::thread([this, begin = calls.begin] {
    begin();
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kRound, [&] { return stopping_; })) {
      lock.unlock();
      maintain();
      lock.lock();
    }
  });
  if (!objects_) return;
  archive_thread_ = std::thread([this, begin = calls.begin] {
    begin();
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, kRound, [&] { return stopping_; })) {
      lock.unlock();
      if (tenants_)
        tenants_->archive();
      else
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
  Status left = tenants_ ? tenants_->archive_everything() : traces_->flush();
  if (left && traces_) left = traces_->archive_everything();
  if (!left)
    SL_LOG_WARN("trace store: not everything is in object storage: {}", left.error().message);
}

void Stores::maintain() {
  ++rounds_;
  if (also_) also_();
  if (has_traces()) maintain_traces();
  if (metrics_) maintain_metrics();
  if (rounds_ % kPinsEveryRounds == 0) reconcile_pins();
}

void Stores::maintain_metrics() {
  if (rounds_ % kMetricsEveryRounds == 0) metrics_->maintain();
  // A writer that sends the past as fast as it can fills windows quicker than rounds come.
  for (int pass = 0; pass < kMetricsPassesMax && metrics_->is_maintenance_due(); ++pass) {
    metrics_->maintain();
    ::malloc_trim(0);  // what is in a block now was in memory
  }
}

void Stores::maintain_single() {
  const auto own = limits_->store_limits(std::string(tracestore::kSingleTenant));
  traces_->set_limits(own.live_traces_max, own.bytes_per_trace_max);
  (void)traces_->maintain();  // says itself what failed
}

void Stores::maintain_traces() {
  limits_->refresh();
  const uint64_t live_before = trace_stats().live_spans;
  if (tenants_)
    tenants_->maintain();
  else
    maintain_single();
  // What was live is in a block now: its memory goes back, instead of waiting for the next peak.
  if (trace_stats().live_spans + kSpansWorthTrimming < live_before) ::malloc_trim(0);
}

// Exemplars do not say whose trace theirs is: every tenant's store keeps it.
void Stores::pin(const TraceId& trace) { tenants_ ? tenants_->pin(trace) : traces_->pin(trace); }

// The exemplars that are stored now are the source of pins: whatever retention, compaction or a
// crash between two writes did, pins follow. What is pinned while this runs stays pinned.
void Stores::reconcile_pins() {
  if (!has_traces() || !metrics_) return;
  const auto exemplars = [&](const std::function<void(const TraceId&)>& wanted) {
    return metrics_->for_each_exemplar_trace({},
                                             [&](TraceId trace, TimestampMs) { wanted(trace); });
  };
  const Status status =
      tenants_ ? tenants_->replace_pins(exemplars) : traces_->replace_pins(exemplars);
  if (!status)
    SL_LOG_WARN("pins: exemplars could not be read, so every pin stays: {}",
                status.error().message);
}

}  // namespace sightline::server
