// What Tsdb::maintain() does: cutting blocks from the head, compaction, retention.
#include <algorithm>

#include "base/log.h"
#include "tsdb/tsdb.h"

namespace sightline::tsdb {
namespace {

constexpr int kCompactionsPerCall = 4;

}  // namespace

bool Tsdb::is_maintenance_due() {
  const std::unique_lock lock(maintain_mutex_, std::try_to_lock);
  if (!lock || maintenance_failed_) return false;
  const bool may_cut = !truncation_ || readers_.all_since(truncation_->epoch);
  return (may_cut && (truncation_ || due_cut_time())) ||
         !plan_compaction(*blocks(), options_).empty();
}

void Tsdb::maintain() {
  const std::lock_guard lock(maintain_mutex_);
  const WritePace::Maintenance making(pace_, head_.max_time());
  maintenance_failed_ = false;
  if (truncate_if_unread())
    if (const auto time = due_cut_time())
      if (auto status = cut(*time); !status) {
        maintenance_failed_ = true;
        SL_LOG_ERROR("tsdb: cutting a block failed, will try again: {}", status.error().message);
      }
  if (head_.has_idle_series())
    head_.truncate(kNoTime, 0);  // forgets nothing but series that hold nothing
  quarantine_damaged();
  compact();
  retire();
  update_gauges();
}

void Tsdb::update_gauges() {
  uint64_t bytes = 0;
  for (const auto& block : *blocks()) bytes += block->meta().bytes;
  counters_.blocks_bytes.set(static_cast<double>(bytes));
  counters_.wal_bytes.set(static_cast<double>(log_->bytes()));
  counters_.head_series.set(static_cast<double>(head_.series_count()));
  if (head_.min_time() > head_.max_time()) return;
  counters_.head_min_time.set(static_cast<double>(head_.min_time()));
  counters_.head_max_time.set(static_cast<double>(head_.max_time()));
}

Status Tsdb::flush() {
  const std::lock_guard lock(maintain_mutex_);
  if (!truncate_if_unread())
    return fail(Errc::kUnavailable, "queries still read what the last block was cut from");
  if (head_.min_time() > head_.max_time()) return {};
  return cut(head_.max_time() + 1);
}

// False while readers need what blocks hold already.
bool Tsdb::truncate_if_unread() {
  if (!truncation_) return true;
  if (!readers_.all_since(truncation_->epoch)) return false;
  head_.truncate(truncation_->time, truncation_->commit);
  counters_.head_series.set(static_cast<double>(head_.series_count()));
  truncation_.reset();
  return true;
}

// A window is cut when samples reach half a window past its end, or when none came for as long. Old samples that keep
// coming are no silence: who sends the past is not in step with the clock, nor are its series with each other.
std::optional<int64_t> Tsdb::due_cut_time() const {
  const int64_t max = head_.max_time();
  const int64_t min = head_.min_time();
  if (min > max) return std::nullopt;
  const int64_t duration = options_.head_window_ms;
  int64_t time = window_start(max - duration / 2, duration);
  const int64_t quiet_since = std::max(max, head_.last_arrival());
  if (clock_.now_ms().value - quiet_since >= duration + duration / 2) time = max + 1;
  if (time <= min || time <= blocks_reach_) return std::nullopt;
  return time;
}

Status Tsdb::cut(int64_t time) {
  std::unique_ptr<ReaderRegistry::Registration> reading;  // the head keeps the commit readable
  Result<uint64_t> segment = 0;
  queue_.exclusively([&] {
    segment = log_->cut();
    if (!segment) return;
    cut_time_.store(std::max(time, cut_time_.load()));  // from now on nothing in order comes below
    reading = readers_.begin();
  });
  if (!segment) return std::unexpected(std::move(segment).error());
  const uint64_t commit = reading->commit();
  BlockList fresh;
  if (auto status = write_head_blocks(time, commit, fresh); !status) {
    for (const auto& block : fresh) delete_block(*block);
    return status;
  }
  BlockList all = *blocks();
  all.insert(all.end(), fresh.begin(), fresh.end());
  publish_blocks(std::move(all));
  blocks_reach_ = std::max(blocks_reach_, time);
  truncation_ = PendingTruncation{time, commit, readers_.next_epoch()};
  counters_.blocks_cut.add(fresh.size());
  auto saved = save_checkpoint(time, commit, *segment);
  reading.reset();
  (void)truncate_if_unread();
  return saved;
}

Status Tsdb::write_head_blocks(int64_t time, uint64_t commit, BlockList& fresh) {
  for (const int64_t start : head_.windows_below(time, options_.head_window_ms)) {
    const HeadWindow window{start, std::min(time, start + options_.head_window_ms), commit};
    auto meta =
        write_head_block(fs_, options_.directory, next_block_number_++, head_, window, options_);
    if (!meta) return std::unexpected(std::move(meta).error());
    if (!*meta) continue;
    auto block = Block::open(fs_, path((*meta)->directory_name()));
    if (!block) return std::unexpected(std::move(block).error());
    SL_LOG_INFO("tsdb: block {} cut: {} series, {} samples, {} exemplars, {} bytes", (*meta)->id(),
                (*meta)->series, (*meta)->samples, (*meta)->exemplars, (*block)->meta().bytes);
    fresh.push_back(std::move(*block));
  }
  return {};
}

Status Tsdb::save_checkpoint(int64_t time, uint64_t commit, uint64_t segment) {
  Checkpoint checkpoint{.cut_time = time, .cut_commit = commit, .last_commit = commit};
  uint64_t keep_from = 0;
  queue_.exclusively([&] {
    checkpoint.last_wal_number = queue_.last_wal_number();
    keep_from = queue_.first_segment_needed(time, segment);
  });
  WalWriter entries;
  entries.begin(commit);
  std::vector<std::pair<uint64_t, SeriesEdge>> numbered;
  head_.each_series([&](HeadSeries& series) {
    if (series.wal_number == 0) return;
    entries.add(WalSeries{series.wal_number, series.labels().packed()});
    numbered.emplace_back(series.wal_number, series.edge());
  });
  // What is in blocks now but still decides what is out of order.
  const int64_t known = head_.known_from();
  for (const auto& [number, edge] : numbered)
    if (edge.time != kNoTime && edge.time < time && edge.time >= known)
      entries.add_sample(number, edge.time, 0, edge.value, edge.histogram.get());
  for (const auto& [metric, metadata] : metadata_.get({}))
    entries.add(WalMetadata{metric, metadata});
  if (auto status = write_checkpoint(fs_, path("checkpoint"), checkpoint, entries.bytes()); !status)
    return status;
  return log_->remove_before(keep_from);
}

void Tsdb::quarantine_damaged() {
  BlockList kept;
  const auto list = blocks();
  for (const auto& block : *list) {
    if (!block->is_damaged()) {
      kept.push_back(block);
      continue;
    }
    SL_LOG_ERROR("tsdb: {} does not check; set aside as {}.corrupt", block->directory(),
                 block->directory());
    counters_.blocks_corrupt.add();
    if (auto status = fs_.rename(block->directory(), block->directory() + ".corrupt"); !status)
      SL_LOG_ERROR("tsdb: {}", status.error().message);
  }
  if (kept.size() != list->size()) publish_blocks(std::move(kept));
}

void Tsdb::compact() {
  for (int i = 0; i < kCompactionsPerCall; ++i) {
    const BlockList group = plan_compaction(*blocks(), options_);
    if (group.empty()) return;
    if (auto status = merge(group); !status) {
      SL_LOG_ERROR("tsdb: compaction failed: {}", status.error().message);
      counters_.compactions_failed.add();
      maintenance_failed_ = true;
      return quarantine_damaged();
    }
    counters_.compactions.add();
  }
}

Status Tsdb::merge(const BlockList& group) {
  auto meta = merge_blocks(fs_, options_.directory, next_block_number_++, group, options_);
  if (!meta) return std::unexpected(std::move(meta).error());
  BlockList next;
  for (const auto& each : *blocks())
    if (std::find(group.begin(), group.end(), each) == group.end()) next.push_back(each);
  if (*meta) {
    auto block = Block::open(fs_, path((*meta)->directory_name()));
    if (!block) return std::unexpected(std::move(block).error());
    SL_LOG_INFO("tsdb: block {} compacted from {} blocks: {} samples, {} exemplars, {} bytes",
                (*meta)->id(), group.size(), (*meta)->samples, (*meta)->exemplars,
                (*block)->meta().bytes);
    next.push_back(std::move(*block));
  }
  publish_blocks(std::move(next));
  for (const auto& each : group) delete_block(*each);
  return {};
}

void Tsdb::retire() {
  BlockList list = *blocks();
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a->meta().max_time > b->meta().max_time; });
  // The age of data counts from the newest sample, or from now when the clock is behind it: a
  // clock that jumps ahead deletes nothing.
  int64_t newest = head_.max_time();
  uint64_t bytes = log_->bytes();
  for (const auto& block : list) {
    newest = std::max(newest, block->meta().max_time - 1);
    bytes += block->meta().bytes;
  }
  newest = std::min(newest, clock_.now_ms().value);
  BlockList gone;
  const auto retire_oldest = [&](Counter& counter) {
    counter.add();
    bytes -= list.back()->meta().bytes;
    gone.push_back(std::move(list.back()));
    list.pop_back();
  };
  if (options_.retention_time_ms > 0)
    while (!list.empty() && list.back()->meta().max_time <= newest - options_.retention_time_ms)
      retire_oldest(counters_.blocks_retired_time);
  if (options_.retention_bytes > 0)
    while (!list.empty() && bytes > options_.retention_bytes)
      retire_oldest(counters_.blocks_retired_size);
  if (gone.empty()) return;
  publish_blocks(std::move(list));
  for (const auto& block : gone) delete_block(*block);
}

// Renamed first, so that a crash leaves no half of a block.
void Tsdb::delete_block(const Block& block) {
  const std::string doomed = block.directory() + ".tmp";
  auto status = fs_.rename(block.directory(), doomed);
  if (status) status = fs_.remove_all(doomed);
  if (!status) SL_LOG_ERROR("tsdb: deleting a block: {}", status.error().message);
}

}  // namespace sightline::tsdb
