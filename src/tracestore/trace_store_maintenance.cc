// TraceStore's background work: from live traces to blocks, fewer blocks, and none too old.
#include <algorithm>

#include <absl/container/flat_hash_set.h>

#include "tracestore/compaction.h"
#include "tracestore/live_cut.h"
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
  note(compact());
  note(retain());
  live_.forget(publication_.oldest_version());
  metrics_->pinned_traces.set(static_cast<double>(pins_->count()));
  metrics_->live_traces.set(static_cast<double>(live_.trace_count()));
  metrics_->live_bytes.set(static_cast<double>(wal_use_.live_bytes()));
  note(trim_wal());  // after forget(): only then are cut batches gone
  return first_error;
}

Status TraceStore::flush() {
  const std::lock_guard lock(maintenance_mutex_);
  if (auto status = cut(true); !status) return status;
  live_.forget(publication_.oldest_version());
  return trim_wal();
}

Status TraceStore::cut(bool everything) {
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

Status TraceStore::write_cut(const std::vector<LiveTrace>& traces) {
  const uint64_t id = directory_.take_id();
  auto writer = BlockWriter::create(fs_, directory_.path(), id, options_.row_group_rows);
  if (!writer) return std::unexpected(std::move(writer).error());
  LiveCut cut(traces, options_.row_group_rows);
  if (auto status = cut.write(**writer); !status) return status;
  const std::vector<TraceId>& ids = cut.ids();
  BlockList list = *publication_.blocks();
  if (!ids.empty()) {
    const BlockDescription description{.newest_received = clock_.now(),
                                       .continued = continued_in(list, ids),
                                       .replaced = directory_.leftovers(id)};
    if (auto status = (*writer)->finish(description); !status) return status;
    metrics_->over_rows.add(cut.spans_left_out());
    auto block = directory_.open(id);
    if (!block) return std::unexpected(std::move(block).error());
    directory_.keep(id);
    list.push_back(std::move(*block));
    metrics_->blocks_cut.add();
  }
  // Old snapshots find the parts among the departed, new ones in the block.
  live_.depart(traces, publication_.next_version());
  publish_list(std::move(list));
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

void TraceStore::publish_list(BlockList list) {
  sort_blocks(list);
  uint64_t bytes = 0;
  for (const auto& block : list) bytes += block->summary().bytes;
  metrics_->block_count.set(static_cast<double>(list.size()));
  metrics_->block_bytes.set(static_cast<double>(bytes));
  publication_.publish(std::move(list));
}

void TraceStore::set_corrupt_aside() {
  const auto blocks = publication_.blocks();
  BlockList sound;
  for (const auto& block : *blocks) {
    if (!block->is_corrupt()) {
      sound.push_back(block);
      continue;
    }
    directory_.quarantine(block->name());
    metrics_->quarantined.add();
  }
  if (sound.size() != blocks->size()) publish_list(std::move(sound));
}

std::vector<TraceId> TraceStore::continued_in(const BlockList& others,
                                              const std::vector<TraceId>& ids) const {
  std::vector<TraceId> continued;
  for (const TraceId& id : ids)
    if (!locate(others, id).empty()) continued.push_back(id);
  return continued;
}

Status TraceStore::compact() {
  const BlockList inputs = pick_compaction(*publication_.blocks(), options_);
  if (inputs.empty()) return {};
  const auto keep_all = [](const TraceId&) { return true; };
  if (auto status = replace_blocks(inputs, keep_all, inputs.front()->summary().pinned); !status) {
    metrics_->compaction_errors.add();
    return in_context("compaction", std::move(status).error());
  }
  metrics_->compacted_blocks.add(inputs.size());
  return {};
}

Status TraceStore::replace_blocks(const BlockList& inputs,
                                  const std::function<bool(const TraceId&)>& keep, bool pinned) {
  const auto is_input = [&](const auto& block) {
    return std::find(inputs.begin(), inputs.end(), block) != inputs.end();
  };
  BlockList list = *publication_.blocks();
  std::erase_if(list, is_input);
  std::vector<TraceId> kept;
  for (const auto& input : inputs)
    for (uint32_t i = 0; i < input->summary().traces; ++i)
      if (const TraceId id = input->trace_id(i); !input->is_gone(i) && keep(id)) kept.push_back(id);
  if (!kept.empty()) {
    const uint64_t id = directory_.take_id();
    auto writer = BlockWriter::create(fs_, directory_.path(), id, options_.row_group_rows);
    if (!writer) return std::unexpected(std::move(writer).error());
    // What is kept is decided once: a pin that comes meanwhile changes nothing here.
    const absl::flat_hash_set<TraceId, TraceIdHash> wanted(kept.begin(), kept.end());
    if (auto status = merge_traces(
            inputs, [&](const TraceId& t) { return wanted.contains(t); }, **writer,
            options_.row_group_rows);
        !status)
      return status;
    BlockDescription description{.pinned = pinned,
                                 .continued = continued_in(list, kept),
                                 .replaced = directory_.leftovers(id)};
    for (const auto& input : inputs) {
      description.newest_received =
          std::max(description.newest_received, input->summary().newest_received);
      description.replaced.push_back(input->id());
    }
    if (auto status = (*writer)->finish(description); !status) return status;
    metrics_->over_rows.add((*writer)->spans_left_out());
    auto block = directory_.open(id);
    if (!block) return std::unexpected(std::move(block).error());
    directory_.keep(id);
    metrics_->compacted_bytes.add((*block)->summary().bytes);
    list.push_back(std::move(*block));
  }
  publish_list(std::move(list));
  for (const auto& input : inputs) directory_.remove(*input);
  return {};
}

BlockList TraceStore::expired_blocks() const {
  const auto blocks = publication_.blocks();
  BlockList expired;
  uint64_t bytes = 0;
  for (const auto& block : *blocks) bytes += block->summary().bytes;
  const uint64_t now = clock_.now().value;
  const auto keep_for = static_cast<uint64_t>(options_.block_retention.count());
  for (const auto& block : *blocks) {  // oldest first
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
  const auto blocks = publication_.blocks();
  for (const auto& block : *blocks) {
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
