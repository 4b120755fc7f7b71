// TraceStore's background work: from live traces to blocks, fewer blocks, and none too old.
#include <algorithm>

#include "tracestore/block/compaction.h"
#include "tracestore/live/live_batch_cache.h"
#include "tracestore/live/live_cut.h"
#include "tracestore/stored_traces.h"
#include "tracestore/trace_store.h"
#include "tracestore/trace_store_metrics.h"

namespace sightline::tracestore {

Status TraceStore::maintain() {
  const std::lock_guard lock(maintenance_mutex_);
  directory_.remove_leftovers();
  set_corrupt_aside();
  Status first_error;
  const auto note = [&](Status status) {
    if (status) return;
    SL_LOG_WARN("trace store: {}", status.error().message);
    if (first_error) first_error = std::move(status);
  };
  note(pins_->flush());
  note(cut(false));
  if (!has_archive()) {
    note(compact());
    note(retain());
  }
  live_.forget(publication_.old_readers());
  metrics_->pinned_traces.set(static_cast<double>(pins_->count()));
  metrics_->live_traces.set(static_cast<double>(live_.trace_count()));
  metrics_->live_bytes.set(static_cast<double>(wal_use_.live_bytes()));
  metrics_->query_live_bytes.set(static_cast<double>(options_.live_batches->bytes()));
  note(trim_wal());  // after forget(): only then are cut batches gone
  return first_error;
}

Status TraceStore::flush() {
  const std::lock_guard lock(maintenance_mutex_);
  if (auto status = cut(true); !status) return status;
  live_.forget(publication_.old_readers());
  return trim_wal();
}

Status TraceStore::cut(bool everything) {
  if (!archive_loaded_) return {};  // which ids are free is not known yet
  const bool over_bytes =
      options_.max_block_bytes != 0 && wal_use_.live_bytes() > options_.max_block_bytes;
  const CutRule rule{.now = clock_.monotonic(),
                     .idle_period = options_.trace_idle_period,
                     .duration_max = options_.max_block_duration,
                     .everything = everything || over_bytes};
  const DueTraces due = live_.due(rule);
  if (due.traces == 0) return {};
  if (!rule.everything && !due.any_at_duration && due.bytes < options_.cut_bytes_min) return {};
  const std::vector<LiveTrace> traces = live_.freeze(rule);
  if (auto status = write_cut(traces); !status) {
    metrics_->failed_cuts.add();
    return in_context("cutting a block", std::move(status).error());
  }
  wal_cut_due_ = true;
  return {};
}

// Row groups of even size, as many as come near row_group_rows: a small one at the end would have most batches read once
// more, and be coded anew with the next merge.
uint32_t TraceStore::cut_rows(const std::vector<LiveTrace>& traces) const {
  uint64_t rows = 0;
  for (const LiveTrace& trace : traces)
    for (const auto& part : trace.parts) rows += part->rows.size();
  const uint64_t usual = std::max<uint32_t>(1, options_.row_group_rows);
  const uint64_t groups = std::max<uint64_t>(1, (rows + usual / 2) / usual);
  return static_cast<uint32_t>(std::min<uint64_t>((rows + groups - 1) / groups, kRowsMax));
}

Status TraceStore::write_cut(const std::vector<LiveTrace>& traces) {
  const uint64_t id = directory_.take_id();
  auto writer = BlockWriter::create(fs_, directory_.path(), id, options_.row_group_rows);
  if (!writer) return std::unexpected(std::move(writer).error());
  LiveCut cut(traces, cut_rows(traces));
  if (auto status = cut.write(**writer); !status) return status;
  const std::vector<TraceId>& ids = cut.ids();
  std::shared_ptr<const Block> block;
  if (!ids.empty()) {
    const BlockDescription description{.newest_received = clock_.now(),
                                       .continued = continued_in({}, ids),
                                       .replaced = directory_.leftovers(id)};
    if (auto status = (*writer)->finish(description); !status) return status;
    metrics_->over_rows.add(cut.spans_left_out());
    auto opened = directory_.open(id);
    if (!opened) return std::unexpected(std::move(opened).error());
    directory_.keep(id);
    block = std::move(*opened);
    metrics_->blocks_cut.add();
  }
  {
    // Old snapshots find the parts among the departed, new ones in the block.
    const std::lock_guard lock(list_mutex_);
    live_.depart(traces, publication_.next_version());
    publish_changed({}, block);
  }
  return {};
}

// Removes the WAL segments that hold nothing but spans that are in blocks now. Cut batches count as
// used while an old snapshot reads them, so this is asked again and again.
Status TraceStore::trim_wal() {
  if (wal_cut_due_) {
    const auto current = wal_->cut();
    if (!current) return in_context("wal", current.error());
    wal_current_ = *current;
    wal_cut_due_ = false;
  }
  const uint64_t bound = std::min(wal_current_, wal_use_.lowest_used());
  if (bound <= wal_removed_before_) return {};
  if (auto status = wal_->remove_before(bound); !status)
    return in_context("wal", std::move(status).error());
  wal_removed_before_ = bound;
  return {};
}

void TraceStore::change_list(const BlockList& gone, const std::shared_ptr<const Block>& added) {
  const std::lock_guard lock(list_mutex_);
  publish_changed(gone, added);
}

void TraceStore::publish_changed(const BlockList& gone, const std::shared_ptr<const Block>& added) {
  BlockList list = *publication_.blocks();
  std::erase_if(list, [&](const auto& block) {
    return std::find(gone.begin(), gone.end(), block) != gone.end();
  });
  if (added) list.push_back(added);
  sort_blocks(list);
  uint64_t bytes = 0, waiting = 0;
  for (const auto& block : list) {
    bytes += block->summary().bytes;
    if (has_archive() && !block->is_archived()) waiting += block->summary().bytes;
  }
  metrics_->block_count.set(static_cast<double>(list.size()));
  metrics_->block_bytes.set(static_cast<double>(bytes));
  metrics_->waiting_bytes.set(static_cast<double>(waiting));
  publication_.publish(std::move(list));
}

void TraceStore::set_corrupt_aside() {
  BlockList corrupt;
  for (const auto& block : *publication_.blocks())
    if (block->is_corrupt() && !block->is_archived()) corrupt.push_back(block);
  if (corrupt.empty()) return;
  for (const auto& block : corrupt) {
    directory_.quarantine(block->name());
    metrics_->quarantined.add();
  }
  change_list(corrupt, nullptr);
}

std::vector<TraceId> TraceStore::continued_in(const BlockList& gone,
                                              const std::vector<TraceId>& ids) const {
  BlockList others = *publication_.blocks();
  std::erase_if(others, [&](const auto& block) {
    return std::find(gone.begin(), gone.end(), block) != gone.end();
  });
  // Verified as a whole, they are looked into for less. One that is not sound is found out by locate().
  for (const auto& block : others) (void)block->check_index();
  std::vector<TraceId> continued;
  for (const TraceId& id : ids)
    if (!locate(others, id).empty()) continued.push_back(id);
  return continued;
}

BlockList TraceStore::held_blocks() const {
  BlockList blocks = *publication_.blocks();
  if (has_archive()) std::erase_if(blocks, [](const auto& block) { return !block->is_archived(); });
  return blocks;
}

Status TraceStore::compact() {
  const BlockList inputs = pick_compaction(held_blocks(), options_);
  if (inputs.empty()) return {};
  if (auto status = replace_blocks(inputs, nullptr, inputs.front()->summary().pinned); !status) {
    metrics_->compaction_errors.add();
    return in_context("compaction", std::move(status).error());
  }
  metrics_->compacted_blocks.add(inputs.size());
  return {};
}

// What is kept is decided once: a pin that comes meanwhile changes nothing here.
Status TraceStore::replace_blocks(const BlockList& inputs, const Keep& keep, bool pinned) {
  KeptTraces::Ids ids;
  for (const auto& input : inputs)
    for (uint32_t i = 0; keep && i < input->summary().traces; ++i)
      if (const TraceId id = input->trace_id(i); !input->is_gone(i) && keep(id)) ids.insert(id);
  const KeptTraces kept = keep ? KeptTraces(std::move(ids)) : KeptTraces::all_of(inputs);
  return has_archive() ? replace_archived(inputs, kept, pinned)
                       : replace_local(inputs, kept, pinned);
}

Status TraceStore::write_merged(const BlockList& inputs, const KeptTraces& kept,
                                const std::string& directory, uint64_t id,
                                BlockDescription description) {
  auto writer = BlockWriter::create(fs_, directory, id, options_.row_group_rows);
  if (!writer) return std::unexpected(std::move(writer).error());
  if (auto status = merge_traces(inputs, kept, **writer, options_.row_group_rows); !status)
    return status;
  // What has parts elsewhere, an input says, or the other block does.
  std::vector<TraceId> perhaps;
  for (const auto& input : inputs) {
    description.newest_received =
        std::max(description.newest_received, input->summary().newest_received);
    for (const TraceId& trace : input->summary().continued)
      if (kept.has(trace)) perhaps.push_back(trace);
  }
  std::ranges::sort(perhaps);
  const auto repeated = std::ranges::unique(perhaps);
  perhaps.erase(repeated.begin(), repeated.end());
  description.continued = continued_in(inputs, perhaps);
  if (auto status = (*writer)->finish(description); !status) return status;
  metrics_->over_rows.add((*writer)->spans_left_out());
  metrics_->compacted_bytes.add((*writer)->bytes_written());
  return {};
}

Status TraceStore::replace_local(const BlockList& inputs, const KeptTraces& kept, bool pinned) {
  std::shared_ptr<const Block> added;
  if (!kept.is_empty()) {
    const uint64_t id = directory_.take_id();
    BlockDescription description{.pinned = pinned, .replaced = directory_.leftovers(id)};
    for (const auto& input : inputs) description.replaced.push_back(input->id());
    if (auto status = write_merged(inputs, kept, directory_.path(), id, std::move(description));
        !status)
      return status;
    auto block = directory_.open(id);
    if (!block) return std::unexpected(std::move(block).error());
    directory_.keep(id);
    added = std::move(*block);
  }
  change_list(inputs, added);
  for (const auto& input : inputs) directory_.remove(*input);
  return {};
}

BlockList TraceStore::expired_blocks() const {
  const BlockList blocks = held_blocks();
  BlockList expired;
  uint64_t bytes = 0;
  for (const auto& block : blocks) bytes += block->summary().bytes;
  const uint64_t now = clock_.now().value;
  const auto keep_for = static_cast<uint64_t>(options_.block_retention.count());
  for (const auto& block : blocks) {  // oldest first
    const BlockSummary& summary = block->summary();
    if (summary.pinned || block->is_corrupt()) continue;
    const bool too_old =
        keep_for != 0 && now > keep_for && summary.newest_received.value < now - keep_for;
    const bool too_much = options_.retention_bytes != 0 && bytes > options_.retention_bytes;
    if (!too_old && !too_much) continue;
    bytes -= summary.bytes;
    expired.push_back(block);
  }
  return expired;
}

// Pinned blocks of which less than half is still pinned.
BlockList TraceStore::loosened_blocks() {
  const uint64_t unpins = pins_->unpin_count();
  if (unpins == unpins_seen_) return {};
  unpins_seen_ = unpins;
  BlockList loosened;
  for (const auto& block : held_blocks()) {
    const BlockSummary& summary = block->summary();
    if (!summary.pinned || block->is_corrupt()) continue;
    uint32_t pinned = 0;
    for (uint32_t i = 0; i < summary.traces; ++i)
      pinned += !block->is_gone(i) && pins_->contains(block->trace_id(i)) ? 1 : 0;
    if (pinned * 2 < summary.traces - summary.gone) loosened.push_back(block);
  }
  return loosened;
}

Status TraceStore::retain() {
  const auto is_pinned = [this](const TraceId& id) { return pins_->contains(id); };
  const BlockList expired = expired_blocks();
  if (!expired.empty()) {
    if (auto status = replace_blocks(expired, is_pinned, true); !status) {
      metrics_->retention_errors.add();
      return in_context("retention", std::move(status).error());
    }
    metrics_->retention_deleted.add(expired.size());
  }
  for (const auto& block : loosened_blocks()) {
    if (auto status = replace_blocks({block}, is_pinned, true); !status) {
      metrics_->retention_errors.add();
      --unpins_seen_;  // look again
      return in_context("retention", std::move(status).error());
    }
  }
  return {};
}

}  // namespace sightline::tracestore
