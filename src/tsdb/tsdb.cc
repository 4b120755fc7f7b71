#include "tsdb/tsdb.h"

#include <algorithm>

#include "base/log.h"

namespace sightline::tsdb {

Tsdb::Tsdb(io::FileSystem& fs, Clock& clock, Telemetry& telemetry, TsdbOptions options)
    : fs_(fs),
      clock_(clock),
      options_(std::move(options)),
      counters_(telemetry),
      head_(options_),
      decoded_(options_.decoded_bytes_max),
      queue_(head_, metadata_, readers_, counters_, options_, cut_time_),
      pace_(clock_, std::chrono::milliseconds(options_.head_window_ms)),
      appender_context_{head_,  queue_,   metadata_,     counters_,
                        clock_, options_, transactions_, pace_},
      blocks_(std::make_shared<const BlockList>()) {}

Tsdb::~Tsdb() {
  if (log_ == nullptr) return;
  if (auto status = log_->sync(); !status)
    SL_LOG_ERROR("tsdb: closing the log: {}", status.error().message);
}

Result<std::unique_ptr<Tsdb>> Tsdb::open(io::FileSystem& fs, Clock& clock, Telemetry& telemetry,
                                         TsdbOptions options) {
  if (options.directory.empty()) return fail(Errc::kInvalidArgument, "tsdb: no directory given");
  if (options.block_duration_ms <= 0 || options.head_window_ms <= 0 ||
      options.head_chunk_samples == 0 || options.block_chunk_samples_max == 0 ||
      options.block_chunk_samples_max > kGroupSamplesMax ||
      options.head_chunk_samples > kChunkSamplesMax || options.exemplars.window_ms <= 0 ||
      options.exemplars.per_window_max < 3)
    return fail(Errc::kInvalidArgument,
                "tsdb: a duration or a chunk size in the options is out of range");
  options.head_window_ms = std::min(options.head_window_ms, options.block_duration_ms);
  std::unique_ptr<Tsdb> db(new Tsdb(fs, clock, telemetry, std::move(options)));
  if (auto status = db->recover(); !status) return in_context("tsdb", std::move(status).error());
  return db;
}

std::unique_ptr<Appender> Tsdb::appender() {
  return std::make_unique<TransactionAppender>(appender_context_);
}

Result<std::unique_ptr<Querier>> Tsdb::querier(StillWanted wanted) const {
  return std::make_unique<StoreQuerier>(snapshot(), std::move(wanted));
}

std::shared_ptr<const StoreSnapshot> Tsdb::snapshot() const {
  // Registered first: the head keeps what this list of blocks does not hold.
  auto registration = readers_.begin();
  auto list = blocks();
  return std::make_shared<const StoreSnapshot>(
      StoreSnapshot{head_, metadata_, std::move(registration), std::move(list), &decoded_});
}

std::shared_ptr<const BlockList> Tsdb::blocks() const {
  const std::lock_guard lock(blocks_mutex_);
  return blocks_;
}

void Tsdb::publish_blocks(BlockList blocks) {
  std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) {
    return std::pair(a->meta().age(), a->meta().number) <
           std::pair(b->meta().age(), b->meta().number);
  });
  counters_.blocks_loaded.set(static_cast<double>(blocks.size()));
  auto list = std::make_shared<const BlockList>(std::move(blocks));
  const std::lock_guard lock(blocks_mutex_);
  blocks_ = std::move(list);
}

Status Tsdb::for_each_exemplar_trace(TimeRange range, const TraceVisitor& visit) const {
  const auto view = snapshot();
  std::vector<StoredExemplar> found;
  const auto report = [&] {
    for (const StoredExemplar& e : found) {
      if (e.time < range.min.value || e.time > range.max.value) continue;
      const TraceId trace = e.trace_id.is_valid() ? e.trace_id : e.to_exemplar().trace();
      if (trace.is_valid()) visit(trace, {e.time});
    }
    found.clear();
  };
  for (const auto& block : *view->blocks) {
    if (block->meta().min_time > range.max.value || block->meta().max_time <= range.min.value)
      continue;
    ExemplarPageCache pages;
    for (uint32_t i = 0; i < block->series_count(); ++i) {
      auto info = block->series(i);
      Status status = info ? block->read_exemplars(*info, &pages, found)
                           : Status(std::unexpected(info.error()));
      if (!status) SL_LOG_ERROR("tsdb: exemplars left out: {}", status.error().message);
      report();
    }
  }
  for (const SeriesPtr& series : view->head.all()) {
    collect_head_exemplars(view->head, *series, view->registration->commit(), range.min.value,
                           range.max.value, found);
    report();
  }
  return {};
}

TsdbStats Tsdb::stats(size_t limit) const {
  TsdbStats stats;
  stats.head = head_.summary(limit);
  stats.wal_bytes = log_->bytes();
  stats.bytes_on_disk = stats.wal_bytes;
  std::optional<int64_t> min;
  std::optional<int64_t> max;
  if (head_.min_time() <= head_.max_time()) {
    min = head_.min_time();
    max = head_.max_time();
    stats.head_min_time = TimestampMs{*min};
    stats.head_max_time = TimestampMs{*max};
  }
  for (const auto& block : *blocks()) {
    const BlockMeta& meta = block->meta();
    stats.samples_in_blocks += meta.samples;
    stats.exemplars_in_blocks += meta.exemplars;
    stats.bytes_on_disk += meta.bytes;
    stats.blocks.push_back(meta);
    min = std::min(min.value_or(meta.min_time), meta.min_time);
    max = std::max(max.value_or(meta.max_time - 1), meta.max_time - 1);
  }
  std::sort(stats.blocks.begin(), stats.blocks.end(),
            [](const auto& a, const auto& b) { return a.min_time < b.min_time; });
  if (min) stats.min_time = TimestampMs{*min};
  if (max) stats.max_time = TimestampMs{*max};
  stats.samples_appended =
      counters_.samples_appended.value() + counters_.histograms_appended.value();
  stats.corruptions = counters_.blocks_corrupt.value();
  return stats;
}

}  // namespace sightline::tsdb
