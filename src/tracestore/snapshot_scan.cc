#include "tracestore/snapshot_scan.h"

#include <algorithm>
#include <functional>
#include <thread>

#include "base/work_pool.h"
#include "tracestore/row_group/row_group_pruning.h"
#include "tracestore/row_group/span_row_group.h"
#include "tracestore/row_group/stored_row_group.h"

namespace sightline::tracestore {
namespace {

constexpr size_t kGatheredRowsPerGroup = 8192;
constexpr size_t kGatheredRowsAtFirst = 512;
constexpr size_t kRowsPerStoredPart = 32;  // a guess, to close groups in time

constexpr uint32_t kPagesShown = 16;  // of a row group at once

// Of the traces of some pages.
TimestampNs newest_start(const RowGroupTables& tables, uint32_t begin, uint32_t end) {
  const RowPage& last = tables.pages[end - 1];
  const auto starts =
      std::span(tables.trace_starts)
          .subspan(tables.pages[begin].first_trace,
                   last.first_trace + last.traces - tables.pages[begin].first_trace);
  return std::ranges::max(starts);
}

bool overlaps(TimestampNs start, TimestampNs end, const ScanRequest& request) {
  return start <= request.max && end >= request.min;
}

// When the trace starts at the latest: what an older one of its parts may have, starts before.
TimestampNs latest_start(const LiveTrace& trace) {
  TimestampNs latest{UINT64_MAX};
  for (const auto& part : trace.parts)
    latest = std::min(latest, part->is_whole ? part->min_start : part->max_end);
  return latest;
}

uint64_t arrival_of(const LiveTrace& trace) {
  return trace.parts.front()->rows.runs().front().batch->sequence.load(std::memory_order_relaxed);
}

}  // namespace

SnapshotScan::SnapshotScan(const BlockList& blocks, std::vector<LiveTrace> live,
                           const ScanRequest& request, InspectedBytes inspected)
    : blocks_(blocks),
      live_(std::move(live)),
      request_(request),
      inspected_(std::move(inspected)),
      live_sieve_(request) {}

Status SnapshotScan::run(const std::function<bool(RowGroup&)>& visit) {
  find_scattered();
  const auto go_on = show_scattered(visit);
  if (!go_on) return std::unexpected(go_on.error());
  return *go_on ? show_stored(visit) : Status{};
}

void SnapshotScan::find_scattered() {
  absl::flat_hash_set<TraceId, TraceIdHash> known;
  std::vector<TraceId> ids;
  ids.reserve(live_.size());
  for (const LiveTrace& trace : live_) ids.push_back(trace.id);
  auto stored = locate_all(blocks_, ids, request_.rest);
  for (size_t i = 0; i < live_.size(); ++i) {
    if (!stored[i].empty()) not_in_row_groups_.insert(ids[i]);
    if (!stored[i].empty() || !is_of_no_use(live_[i]))
      scattered_.push_back(
          {ids[i], &live_[i], std::move(stored[i]), latest_start(live_[i]), arrival_of(live_[i])});
  }
  for (const auto& block : blocks_) {
    for (const TraceId& id : block->summary().continued) {
      if (known.empty()) known.insert(ids.begin(), ids.end());
      if (!known.insert(id).second) continue;
      Scattered scattered{id, nullptr, locate(blocks_, id), {0}};
      if (scattered.stored.size() < 2) continue;  // reunited since
      not_in_row_groups_.insert(id);
      const StoredPart& newest = scattered.stored.back();
      scattered.newest = newest.block->zones()[newest.block->row_group_of(newest.ordinal)].max_end;
      scattered_.push_back(std::move(scattered));
    }
  }
  // Late arrivals first, which mostly are the newest. Neighbours share their batches, so that each is read about once;
  // in the order of starts, which may be anything, it would be read for every few traces.
  std::ranges::sort(scattered_, [](const Scattered& a, const Scattered& b) {
    return std::pair(a.arrived, a.newest) > std::pair(b.arrived, b.newest);
  });
  // `newest` of each becomes that of it and all behind it.
  TimestampNs newest{0};
  for (auto trace = scattered_.rbegin(); trace != scattered_.rend(); ++trace)
    trace->newest = newest = std::max(newest, trace->newest);
}

bool SnapshotScan::is_of_no_use(const LiveTrace& trace) const {
  RowGroupZone zone;
  uint64_t rows = 0;
  for (const auto& part : trace.parts) {
    rows += part->rows.size();
    zone.min_start = std::min(zone.min_start, part->min_start);
    zone.max_end = std::max(zone.max_end, part->max_end);
    zone.kinds |= part->zone.kinds;
    zone.statuses |= part->zone.statuses;
    zone.min_duration = std::min(zone.min_duration, part->zone.min_duration);
    zone.max_duration = std::max(zone.max_duration, part->zone.max_duration);
  }
  return rows < request_.rows_min || !overlaps(zone.min_start, zone.max_end, request_) ||
         !zone_may_match(zone, request_);
}

Result<bool> SnapshotScan::show_scattered(const Visit& visit) {
  // Where few traces may do, few are read at first.
  size_t rows_wanted = request_.wanted ? kGatheredRowsAtFirst : kGatheredRowsPerGroup;
  for (size_t begin = 0; begin < scattered_.size();) {
    if (!rest()) return false;
    if (!is_wanted(scattered_[begin].newest)) break;
    size_t end = begin;
    for (size_t rows = 0; end < scattered_.size() && rows < rows_wanted; ++end) {
      rows += scattered_[end].stored.size() * kRowsPerStoredPart;
      if (scattered_[end].live != nullptr)
        for (const auto& part : scattered_[end].live->parts) rows += part->rows.size();
    }
    const auto go_on = show_gathered(std::span(scattered_).subspan(begin, end - begin), visit);
    if (!go_on || !*go_on) return go_on;
    begin = end;
    rows_wanted = std::min(2 * rows_wanted, kGatheredRowsPerGroup);
  }
  return true;
}

Status SnapshotScan::gather_live(std::span<const LiveTrace* const> live,
                                 std::vector<TraceSpans>& gathered,
                                 std::vector<std::shared_ptr<const void>>& owners) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < live.size(); ++i) {
    if (live[i] == nullptr) continue;
    for (const auto& part : live[i]->parts) {
      const model::SpanBatch* batch = nullptr;
      const LiveBatch* of = nullptr;
      for (const LiveRow& row : part->rows) {
        if (row.batch.get() != of) {
          auto read = live_batches_.read(row.batch);
          if (!read) return std::unexpected(std::move(read).error());
          of = row.batch.get();
          batch = read->get();
          if (owners.empty() || owners.back() != *read) owners.push_back(std::move(*read));
        }
        gathered[i].spans.push_back({batch, row.index});
        bytes += batch->spans[row.index].encoded.size();
      }
    }
  }
  inspected_->fetch_add(bytes, std::memory_order_relaxed);
  return {};
}

Result<bool> SnapshotScan::show_gathered(std::span<const Scattered> traces, const Visit& visit) {
  std::vector<TraceSpans> gathered;
  std::vector<const LiveTrace*> live;  // of each
  std::vector<StoredPart> parts;
  absl::flat_hash_map<TraceId, size_t, TraceIdHash> with_stored;
  for (const Scattered& trace : traces) {
    if (trace.stored.empty()) {
      const auto may_match = live_sieve_.may_match(*trace.live);
      if (!may_match) return may_match;
      if (!*may_match) continue;
    } else {
      with_stored[trace.id] = gathered.size();
      parts.insert(parts.end(), trace.stored.begin(), trace.stored.end());
    }
    gathered.push_back({trace.id, {}});
    live.push_back(trace.live);
  }
  auto stored = read_parts(std::move(parts), inspected_);
  if (!stored) return std::unexpected(std::move(stored).error());
  std::vector<std::shared_ptr<const void>> owners;
  for (auto& batch : *stored) {
    for (uint32_t i = 0; i < batch->spans.size(); ++i)
      gathered[with_stored[batch->spans[i].trace_id]].spans.push_back({batch.get(), i});
    owners.push_back(std::move(batch));
  }
  if (auto read = gather_live(live, gathered, owners); !read)
    return std::unexpected(std::move(read).error());
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

Result<std::optional<std::vector<SnapshotScan::Candidate>>> SnapshotScan::find_candidates() const {
  std::vector<Candidate> candidates;
  for (const auto& block : blocks_) {
    if (block->is_corrupt()) continue;
    RowGroupSet known;
    if (request_.listing && request_.conditions.empty()) {
      const auto more = list_known(*block, known);
      if (!more) {
        if (!block->marked_corrupt(more.error())) return std::unexpected(more.error());
        continue;
      }
      if (!*more) return std::nullopt;
    }
    for (uint32_t i = 0; i < block->zones().size(); ++i) {
      const RowGroupZone& zone = block->zones()[i];
      if (zone.min_start <= request_.max && zone.max_end >= request_.min && !known.has(i))
        candidates.push_back({block.get(), i, zone.max_end});
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.newest > b.newest; });
  return candidates;
}

Result<bool> SnapshotScan::list_known(const Block& block, RowGroupSet& known) const {
  auto values = known_values(block, request_);
  if (!values) return std::unexpected(std::move(values).error());
  known = std::move(values->row_groups);
  for (const model::ValueView& value : values->enumeration)
    if (!request_.listing->value(value)) return false;
  for (const ValueIndex::Column& column : values->columns)
    for (const auto& [value, in] : column.values)
      if (in.meets(known) && !request_.listing->value(value)) return false;
  return true;
}

// The first one is read by the calling thread alone: often it has all that is wanted.
Status SnapshotScan::show_stored(const Visit& visit) {
  const auto found = find_candidates();
  if (!found) return std::unexpected(found.error());
  if (!*found) return {};
  const std::vector<Candidate>& candidates = **found;
  std::mutex mutex;
  size_t next = 0;    // guarded by mutex
  bool done = false;  // likewise
  Status status;      // likewise
  const auto take = [&]() -> const Candidate* {
    const std::lock_guard lock(mutex);
    if (done || next == candidates.size()) return nullptr;
    done = !is_wanted(candidates[next].newest);
    return done ? nullptr : &candidates[next++];
  };
  const auto show = [&](const Candidate* candidate) {
    const auto go_on = show_candidate(*candidate, visit);
    if (go_on && *go_on) return;
    const std::lock_guard lock(mutex);
    done = true;
    if (!go_on && status) status = std::unexpected(go_on.error());
  };
  if (request_.pool == nullptr || candidates.size() < 2) {
    while (const Candidate* candidate = take()) show(candidate);
    return status;
  }
  if (request_.wanted) {
    const Candidate* candidate = take();
    if (candidate == nullptr) return {};
    show(candidate);
  }
  // A row group at work takes some megabytes: no more of them than there are cores.
  const size_t threads = std::min<size_t>({candidates.size(), request_.pool->thread_count(),
                                           std::max(1u, std::thread::hardware_concurrency())});
  request_.pool->parallel_for(threads, [&](size_t) {
    while (const Candidate* candidate = take()) show(candidate);
  });
  return status;
}

bool SnapshotScan::is_wanted(TimestampNs newest) {
  if (!request_.wanted) return true;
  const std::lock_guard lock(wanted_mutex_);
  return request_.wanted(newest);
}

Result<bool> SnapshotScan::show_candidate(const Candidate& candidate, const Visit& visit) {
  if (candidate.block->is_corrupt()) return true;
  auto go_on = show_row_group(*candidate.block, candidate.number, visit);
  if (!go_on && candidate.block->marked_corrupt(go_on.error())) return true;
  return go_on;
}

Result<const RowGroupChoice*> SnapshotScan::choice_of(const Block& block) {
  const std::lock_guard lock(choices_mutex_);
  auto known = choices_.find(&block);
  if (known == choices_.end()) {
    auto choice = choose_row_groups(block, request_);
    if (!choice) return std::unexpected(std::move(choice).error());
    known = choices_.emplace(&block, std::move(*choice)).first;
  }
  return &known->second;
}

Result<bool> SnapshotScan::show_row_group(const Block& block, uint32_t number, const Visit& visit) {
  const auto choice = choice_of(block);
  if (!choice) return std::unexpected(choice.error());
  if (!(*choice)->may.has(number)) return true;
  auto decoder = block.row_group(number, inspected_);
  if (!decoder) return std::unexpected(std::move(decoder).error());
  if ((*choice)->ask.has(number)) {
    const auto may_match = dictionaries_may_match(*decoder, request_);
    if (!may_match) return may_match;
    if (!*may_match) return true;
  }
  const auto shared = std::make_shared<RowGroupDecoder>(std::move(*decoder));
  const auto tables = shared->tables();
  if (!tables) return in_context(block.name(), tables.error());
  block.share_tables(number, *shared);
  // Some pages at a time, the newest first: their columns stay in the processor's caches.
  for (auto end = static_cast<uint32_t>((*tables)->pages.size()); end > 0;) {
    const uint32_t begin = end > kPagesShown ? end - kPagesShown : 0;
    if (!rest()) return false;
    if (is_wanted(newest_start(**tables, begin, end))) {
      auto group = StoredRowGroup::open(block, number, shared, begin, end);
      if (!group) return std::unexpected(std::move(group).error());
      (*group)->keep_traces([&](const TraceRows& trace) {
        return trace.count >= request_.rows_min && overlaps(trace.start, trace.end, request_) &&
               !not_in_row_groups_.contains(trace.id);
      });
      const bool go_on = (*group)->row_count() == 0 || visit(**group);
      if (auto decoded = (*group)->decoded(); !decoded) return std::unexpected(decoded.error());
      if (!go_on) return false;
    }
    end = begin;
  }
  return true;
}

}  // namespace sightline::tracestore
