#include "tracestore/trace_store.h"

#include <algorithm>

#include "tracestore/snapshot_querier.h"
#include "tracestore/tenancy/tenant_id.h"
#include "tracestore/trace_store_metrics.h"

namespace sightline::tracestore {
namespace {

constexpr uint8_t kRecordOtlpRequest = 1;  // docs/formats/trace_wal.md

}  // namespace

TraceStore::TraceStore(io::FileSystem& fs, Clock& clock, Telemetry& telemetry,
                       TraceStoreOptions options)
    : fs_(fs),
      clock_(clock),
      options_(std::move(options)),
      metrics_(std::make_unique<Metrics>(TenantTelemetry(telemetry, options_.tenant))),
      memory_(options_.hot_bytes_max),
      live_traces_max_(options_.limits.live_traces_max),
      bytes_per_trace_max_(options_.limits.bytes_per_trace_max),
      directory_(fs, options_.blocks_directory, options_.row_groups) {
  const auto read = [this](io::RecordPosition position) -> Result<std::string> {
    auto bytes = wal_->read(position);
    if (!bytes) return in_context("trace store: wal", std::move(bytes).error());
    return bytes;
  };
  wal_use_.set_load(read,
                    [this, read](io::RecordPosition position, std::span<const uint32_t> wanted)
                        -> Result<std::shared_ptr<const model::SpanBatch>> {
                      auto bytes = read(position);
                      if (!bytes) return std::unexpected(std::move(bytes).error());
                      auto request = std::make_shared<const std::string>(std::move(*bytes));
                      return wanted.empty() || !options_.decode_some
                                 ? options_.decode(std::move(request))
                                 : options_.decode_some(std::move(request), wanted);
                    });
}

TraceStore::~TraceStore() {
  stopping_ = true;
  if (!pins_) return;
  if (auto status = pins_->flush(); !status) SL_LOG_WARN("trace store: {}", status.error().message);
}

Result<std::unique_ptr<TraceStore>> TraceStore::open(io::FileSystem& fs, Clock& clock,
                                                     Telemetry& telemetry,
                                                     TraceStoreOptions options) {
  if (!options.row_groups)
    options.row_groups = std::make_shared<RowGroupCache>(RowGroupCache::Limits{});
  if (!options.live_batches)
    options.live_batches = std::make_shared<LiveBatchCache>(LiveBatchCache::Limits{});
  std::unique_ptr<TraceStore> store(new TraceStore(fs, clock, telemetry, std::move(options)));
  if (auto status = store->recover(); !status)
    return in_context("trace store", std::move(status).error());
  return store;
}

Status TraceStore::recover() {
  std::vector<std::string> directories{options_.wal_directory};
  if (options_.blocks_directory != options_.wal_directory)
    directories.push_back(options_.blocks_directory);
  for (const std::string& directory : directories) {
    if (auto made = fs_.create_directories(directory); !made) return made;
    auto lock = fs_.lock(directory);
    if (!lock) return std::unexpected(std::move(lock).error());
    locks_.push_back(std::move(*lock));
  }
  auto loaded = directory_.load();
  if (!loaded) return in_context("blocks", std::move(loaded).error());
  metrics_->quarantined.add(loaded->quarantined);
  for (const auto& block : loaded->blocks) change_list({}, block);
  if (auto opened = open_archive(); !opened) return opened;
  auto pins = PinSet::open(fs_, options_.blocks_directory + "/pins", options_.sync);
  if (!pins) return std::unexpected(std::move(pins).error());
  pins_ = std::move(*pins);
  return recover_wal();
}

Status TraceStore::recover_wal() {
  io::RecordLogRecovery recovery;
  auto wal = io::RecordLog::open(
      fs_, options_.wal_directory,
      {.sync = options_.sync,
       .segment_bytes_max = options_.wal_segment_bytes,
       .record_bytes_max = options_.limits.record_bytes_max},
      [this](uint64_t segment, uint8_t type, std::string_view payload) {
        return replay(segment, type, payload);
      },
      &recovery);
  if (!wal) return in_context("wal", std::move(wal).error());
  wal_ = std::move(*wal);
  if (!recovery.note.empty()) SL_LOG_WARN("trace store: {}", recovery.note);
  if (recovery.records > 0)
    SL_LOG_INFO("trace store: {} records with {} spans recovered from the WAL", recovery.records,
                live_.span_count());
  return {};
}

// A record that does not decode is counted and left out; the others answer.
Status TraceStore::replay(uint64_t segment, uint8_t type, std::string_view payload) {
  if (segment != replayed_.segment) replayed_ = {segment, io::kFirstRecordOffset};
  const io::RecordPosition position = replayed_;
  replayed_.offset += io::kRecordHeaderBytes + payload.size();
  Result<std::shared_ptr<const model::SpanBatch>> batch =
      type == kRecordOtlpRequest
          ? options_.decode(std::make_shared<const std::string>(payload))
          : fail(Errc::kCorrupt, "record type ", static_cast<int>(type), " is unknown");
  if (!batch) {
    metrics_->replay_errors.add();
    SL_LOG_ERROR("trace store: wal segment {}: {}", segment, batch.error().message);
    return {};
  }
  // Acknowledged before: no limit turns it away now.
  return insert(std::move(*batch), position, {});
}

// Limits are said in Tempo's words.
Status TraceStore::over_live_traces(uint64_t live_traces_max) const {
  return fail(Errc::kResourceExhausted,
              "LIVE_TRACES_EXCEEDED: max live traces exceeded for tenant ", tenant(),
              ": per-user traces limit (local: ", live_traces_max,
              " global: 0 actual local: ", live_.trace_count(), ") exceeded");
}

std::string_view TraceStore::tenant() const {
  return options_.tenant.empty() ? kSingleTenant : std::string_view(options_.tenant);
}

// What can be refused before the WAL is written.
Status TraceStore::admit(const model::SpanBatch& batch) const {
  const TraceStoreLimits& limits = options_.limits;
  if (stopping_) return fail(Errc::kUnavailable, "the trace store is shutting down");
  if (limits.live_bytes_max != 0 && wal_use_.live_bytes() >= limits.live_bytes_max) {
    metrics_->over_live_bytes.add(batch.spans.size());
    return fail(Errc::kResourceExhausted, "live traces occupy ", wal_use_.live_bytes(),
                " bytes of ", limits.live_bytes_max, "; blocks cannot be written fast enough");
  }
  const uint64_t live_traces_max = live_traces_max_;
  if (live_traces_max != 0 && live_.trace_count() >= live_traces_max && !live_.knows_any(batch)) {
    metrics_->over_live_traces.add(batch.spans.size());
    return over_live_traces(live_traces_max);
  }
  return {};
}

Status TraceStore::append(std::shared_ptr<const model::SpanBatch> batch) {
  if (batch->spans.empty()) return {};
  if (auto admitted = admit(*batch); !admitted) return admitted;
  std::string encoded;
  if (batch->encoded.empty()) encoded = options_.encode(*batch);
  const WalUse::Pending pending(wal_use_);
  const auto position =
      wal_->append_at(kRecordOtlpRequest, batch->encoded.empty() ? encoded : batch->encoded);
  if (!position) return in_context("trace store: wal", position.error());
  return insert(std::move(batch), *position, {live_traces_max_, bytes_per_trace_max_});
}

Status TraceStore::insert(std::shared_ptr<const model::SpanBatch> batch,
                          io::RecordPosition position, const InsertLimits& limits) {
  const auto live = std::make_shared<LiveBatch>(batch, wal_use_, position);
  const Inserted inserted = live_.insert(live, *batch, clock_.monotonic(), limits);
  publication_.publish(*live);
  memory_.add(live);
  metrics_->traces_created.add(inserted.new_traces);
  metrics_->over_live_traces.add(inserted.over_live_traces);
  metrics_->over_trace_bytes.add(inserted.over_trace_bytes);
  metrics_->live_traces.set(static_cast<double>(live_.trace_count()));
  metrics_->live_bytes.set(static_cast<double>(wal_use_.live_bytes()));
  if (inserted.spans > 0) return {};
  if (inserted.too_large)
    return fail(Errc::kInvalidArgument, "TRACE_TOO_LARGE: max size of trace (",
                limits.bytes_per_trace_max, ") exceeded while adding ", inserted.too_large_bytes,
                " bytes to trace ", to_hex(*inserted.too_large), " for tenant ", tenant());
  return over_live_traces(limits.live_traces_max);
}

Result<std::unique_ptr<Querier>> TraceStore::querier() const {
  if (!archive_loaded_)
    return fail(Errc::kUnavailable, "trace store: ", options_.objects->name(),
                " has not been read yet; what is stored there cannot be answered for");
  return std::make_unique<SnapshotQuerier>(publication_.open(), live_, *options_.live_batches);
}

TraceStoreStats TraceStore::stats() const {
  TraceStoreStats stats;
  stats.live_traces = live_.trace_count();
  stats.live_spans = live_.span_count();
  stats.wal_bytes = wal_->bytes();
  stats.pinned_traces = pins_->count();
  stats.pin_bytes = pins_->memory_bytes();
  const auto widen = [&](TimestampNs start, TimestampNs end) {
    stats.oldest = std::min(stats.oldest.value_or(start), start);
    stats.newest = std::max(stats.newest.value_or(end), end);
  };
  const auto blocks = publication_.blocks();
  for (const auto& block : *blocks) {
    const BlockSummary& summary = block->summary();
    ++stats.block_count;
    stats.block_traces += summary.traces - summary.gone;
    stats.block_spans += summary.spans;
    stats.block_bytes += summary.bytes;
    if (block->is_archived()) {
      ++stats.archived_blocks;
      stats.archived_bytes += summary.bytes;
    }
    widen(summary.min_start, summary.max_end);
  }
  if (const auto range = live_.time_range()) widen(range->first, range->second);
  return stats;
}

}  // namespace sightline::tracestore
