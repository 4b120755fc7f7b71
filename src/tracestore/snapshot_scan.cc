#include "tracestore/snapshot_scan.h"

#include <algorithm>

#include "tracestore/row_group_pruning.h"
#include "tracestore/span_row_group.h"
#include "tracestore/stored_row_group.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kGatheredRowsPerGroup = 8192;
constexpr size_t kRowsPerStoredPart = 32;  // a guess, to close groups in time

bool overlaps(TimestampNs start, TimestampNs end, const ScanRequest& request) {
  return start <= request.max && end >= request.min;
}

}  // namespace

SnapshotScan::SnapshotScan(const BlockList& blocks, std::vector<LiveTrace> live,
                           const ScanRequest& request, InspectedBytes inspected)
    : blocks_(blocks),
      live_(std::move(live)),
      request_(request),
      inspected_(std::move(inspected)) {}

Status SnapshotScan::run(const std::function<bool(RowGroup&)>& visit) {
  find_scattered();
  const auto go_on = show_scattered(visit);
  if (!go_on) return std::unexpected(go_on.error());
  return *go_on ? show_stored(visit) : Status{};
}

void SnapshotScan::find_scattered() {
  absl::flat_hash_set<TraceId, TraceIdHash> known;
  for (const LiveTrace& trace : live_) {
    Scattered scattered{trace.id, &trace, locate(blocks_, trace.id), {UINT64_MAX}};
    for (const auto& part : trace.parts)
      scattered.about = std::min(scattered.about, part->min_start);
    if (!scattered.stored.empty()) not_in_row_groups_.insert(trace.id);
    if (!is_outside(scattered)) scattered_.push_back(std::move(scattered));
    known.insert(trace.id);
  }
  for (const auto& block : blocks_) {
    for (const TraceId& id : block->summary().continued) {
      if (!known.insert(id).second) continue;
      Scattered scattered{id, nullptr, locate(blocks_, id), {0}};
      if (scattered.stored.size() < 2) continue;  // reunited since
      not_in_row_groups_.insert(id);
      const StoredPart& newest = scattered.stored.back();
      scattered.about = newest.block->zones()[newest.block->row_group_of(newest.ordinal)].min_start;
      scattered_.push_back(std::move(scattered));
    }
  }
  std::sort(scattered_.begin(), scattered_.end(),
            [](const Scattered& a, const Scattered& b) { return a.about > b.about; });
}

bool SnapshotScan::is_outside(const Scattered& trace) const {
  if (!trace.stored.empty()) return false;
  return std::none_of(trace.live->parts.begin(), trace.live->parts.end(), [&](const auto& part) {
    return overlaps(part->min_start, part->max_end, request_);
  });
}

Result<bool> SnapshotScan::show_scattered(const Visit& visit) {
  for (size_t begin = 0; begin < scattered_.size();) {
    size_t end = begin;
    for (size_t rows = 0; end < scattered_.size() && rows < kGatheredRowsPerGroup; ++end) {
      rows += scattered_[end].stored.size() * kRowsPerStoredPart;
      if (scattered_[end].live != nullptr)
        for (const auto& part : scattered_[end].live->parts) rows += part->rows.size();
    }
    const auto go_on = show_gathered(std::span(scattered_).subspan(begin, end - begin), visit);
    if (!go_on || !*go_on) return go_on;
    begin = end;
  }
  return true;
}

Result<bool> SnapshotScan::show_gathered(std::span<const Scattered> traces, const Visit& visit) {
  std::vector<TraceSpans> gathered;
  std::vector<std::shared_ptr<const void>> owners;
  std::vector<StoredPart> parts;
  absl::flat_hash_map<TraceId, size_t, TraceIdHash> position;
  for (const Scattered& trace : traces) {
    position[trace.id] = gathered.size();
    gathered.push_back({trace.id, {}});
    parts.insert(parts.end(), trace.stored.begin(), trace.stored.end());
  }
  auto stored = read_parts(std::move(parts), inspected_);
  if (!stored) return std::unexpected(std::move(stored).error());
  for (auto& batch : *stored) {
    for (uint32_t i = 0; i < batch->spans.size(); ++i)
      gathered[position[batch->spans[i].trace_id]].spans.push_back({batch.get(), i});
    owners.push_back(std::move(batch));
  }
  uint64_t bytes = 0;
  for (const Scattered& trace : traces) {
    if (trace.live == nullptr) continue;
    for (const auto& part : trace.live->parts) {
      for (const LiveRow& row : part->rows) {
        auto batch = live_batches_.read(row.batch);
        if (!batch) return std::unexpected(std::move(batch).error());
        gathered[position[trace.id]].spans.push_back({batch->get(), row.index});
        bytes += (*batch)->spans[row.index].encoded.size();
        if (owners.empty() || owners.back() != *batch) owners.push_back(std::move(*batch));
      }
    }
  }
  inspected_->fetch_add(bytes, std::memory_order_relaxed);
  std::erase_if(gathered, [&](const TraceSpans& trace) {
    TimestampNs start{UINT64_MAX}, end{0};
    for (const SpanRef& ref : trace.spans) {
      start = std::min(start, ref.span().start);
      end = std::max({end, ref.span().start, ref.span().end});
    }
    return trace.spans.empty() || !overlaps(start, end, request_);
  });
  if (gathered.empty()) return true;
  for (TraceSpans& trace : gathered) unite_spans(trace.spans);
  SpanRowGroup group(std::move(gathered), std::move(owners));
  return visit(group);
}

Status SnapshotScan::show_stored(const Visit& visit) {
  struct Candidate {
    const Block* block;
    uint32_t number;
    TimestampNs newest;
  };
  std::vector<Candidate> candidates;
  for (const auto& block : blocks_)
    for (uint32_t i = 0; i < block->zones().size(); ++i)
      if (zone_may_match(block->zones()[i], request_))
        candidates.push_back({block.get(), i, block->zones()[i].max_end});
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.newest > b.newest; });
  for (const Candidate& candidate : candidates) {
    if (request_.wanted && !request_.wanted(candidate.newest)) return {};
    if (candidate.block->is_corrupt()) continue;
    const auto go_on = show_row_group(*candidate.block, candidate.number, visit);
    if (!go_on && !candidate.block->marked_corrupt(go_on.error()))
      return std::unexpected(go_on.error());
    if (go_on && !*go_on) return {};
  }
  return {};
}

Result<bool> SnapshotScan::show_row_group(const Block& block, uint32_t number, const Visit& visit) {
  auto decoder = block.row_group(number, inspected_);
  if (!decoder) return std::unexpected(std::move(decoder).error());
  const auto may_match = dictionaries_may_match(*decoder, request_);
  if (!may_match) return may_match;
  if (!*may_match) return true;
  auto group = StoredRowGroup::open(block, number, std::move(*decoder));
  if (!group) return std::unexpected(std::move(group).error());
  (*group)->keep_traces([&](const TraceRows& trace) {
    return overlaps(trace.start, trace.end, request_) && !not_in_row_groups_.contains(trace.id);
  });
  if ((*group)->row_count() == 0) return true;
  const bool go_on = visit(**group);
  if (auto decoded = (*group)->decoded(); !decoded) (void)block.marked_corrupt(decoded.error());
  return go_on;
}

}  // namespace sightline::tracestore
