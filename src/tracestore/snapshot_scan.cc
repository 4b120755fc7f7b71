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
constexpr size_t kRowsPerStoredPart = 32;     // a guess, to close groups in time
constexpr size_t kTracesBetweenRests = 4096;  // looked at, if only to pass them by

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

}  // namespace

SnapshotScan::SnapshotScan(const Snapshot& snapshot, const LiveTraces& live,
                           LiveBatchCache& live_batches, const ScanRequest& request,
                           InspectedBytes inspected)
    : blocks_(snapshot.blocks()),
      live_(live),
      visible_(snapshot.visible()),
      request_(request),
      inspected_(std::move(inspected)),
      live_sieve_(request),
      live_batches_(live_batches) {}

Status SnapshotScan::run(const std::function<bool(RowGroup&)>& visit) {
  auto go_on = show_live(visit);
  if (go_on && *go_on && !is_wanted(newest_stored())) return {};
  if (go_on && *go_on) go_on = show_divided(visit);
  if (!go_on) return std::unexpected(go_on.error());
  return *go_on ? show_stored(visit) : Status{};
}

Result<bool> SnapshotScan::show_live(const Visit& visit) {
  LiveWalk walk(live_, visible_);
  const bool lists = request_.listing && request_.conditions.empty();
  // Where few traces may do, few are read at first.
  size_t rows_wanted = request_.wanted || lists ? kGatheredRowsAtFirst : kGatheredRowsPerGroup;
  const uint64_t bytes_max = lists ? request_.listing->live_bytes_max : UINT64_MAX;
  for (uint64_t bytes = 0; !walk.at_end() && bytes < bytes_max;) {
    if (!rest()) return false;
    if (!is_wanted(walk.newest())) {
      live_left_out_ = true;
      break;
    }
    const auto traces = next_live(walk, rows_wanted, bytes);
    const auto go_on = show_live(traces, visit);
    if (!go_on || !*go_on) return go_on;
    rows_wanted = std::min(2 * rows_wanted, kGatheredRowsPerGroup);
  }
  return true;
}

// Enough of them for one group, by rows and by what their batches weigh when they are decoded.
std::vector<LiveTrace> SnapshotScan::next_live(LiveWalk& walk, size_t rows_wanted,
                                               uint64_t& bytes_in_all) const {
  std::vector<LiveTrace> traces;
  absl::flat_hash_set<const LiveBatch*> batches;
  size_t rows = 0;
  uint64_t bytes = 0;
  for (size_t weighed = 0; !walk.at_end() && rows < rows_wanted &&
                           bytes < live_batches_.bytes_max() &&
                           traces.size() < kTracesBetweenRests;) {
    walk.next(traces);
    for (; weighed < traces.size(); ++weighed) {
      for (const auto& part : traces[weighed].parts) {
        rows += part->rows.size();
        for (const LiveRows::Run& run : part->rows.runs())
          if (batches.insert(run.batch.get()).second) bytes += run.batch->decoded_bytes();
      }
    }
  }
  bytes_in_all += bytes;
  return traces;
}

Result<bool> SnapshotScan::show_live(std::span<const LiveTrace> traces, const Visit& visit) {
  std::vector<TraceId> ids;
  ids.reserve(traces.size());
  for (const LiveTrace& trace : traces) ids.push_back(trace.id);
  bool rested = true;
  auto stored = locate_all(blocks_, ids, [&] { return rested = rested && rest(); });
  if (!rested) return false;
  std::vector<Scattered> scattered;
  for (size_t i = 0; i < traces.size(); ++i) {
    if (!stored[i].empty()) not_in_row_groups_.insert(ids[i]);
    if (!stored[i].empty() || !is_of_no_use(traces[i]))
      scattered.push_back({ids[i], &traces[i], std::move(stored[i]), {}});
  }
  return show_gathered(scattered, visit);
}

std::vector<SnapshotScan::Scattered> SnapshotScan::find_divided() {
  std::vector<Scattered> divided;
  absl::flat_hash_set<TraceId, TraceIdHash> known;
  for (const auto& block : blocks_) {
    for (const TraceId& id : block->summary().continued) {
      if (!known.insert(id).second || live_.knows(id, visible_)) continue;
      Scattered trace{id, nullptr, locate(blocks_, id), {0}};
      if (trace.stored.size() < 2) continue;  // reunited since
      not_in_row_groups_.insert(id);
      const StoredPart& newest = trace.stored.back();
      trace.newest = newest.block->zones()[newest.block->row_group_of(newest.ordinal)].max_end;
      divided.push_back(std::move(trace));
    }
  }
  std::ranges::sort(divided, std::greater<>(), &Scattered::newest);
  return divided;
}

Result<bool> SnapshotScan::show_divided(const Visit& visit) {
  const std::vector<Scattered> divided = find_divided();
  for (size_t begin = 0; begin < divided.size();) {
    if (!rest()) return false;
    if (!is_wanted(divided[begin].newest)) break;
    size_t end = begin;
    for (size_t rows = 0; end < divided.size() && rows < kGatheredRowsAtFirst; ++end)
      rows += divided[end].stored.size() * kRowsPerStoredPart;
    const auto go_on = show_gathered(std::span(divided).subspan(begin, end - begin), visit);
    if (!go_on || !*go_on) return go_on;
    begin = end;
  }
  return true;
}

TimestampNs SnapshotScan::newest_stored() const {
  TimestampNs newest{0};
  for (const auto& block : blocks_)
    for (const RowGroupZone& zone : block->zones()) newest = std::max(newest, zone.max_end);
  return newest;
}

bool SnapshotScan::is_elsewhere(const TraceId& id) const {
  return not_in_row_groups_.contains(id) || (live_left_out_ && live_.knows(id, visible_));
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

Status SnapshotScan::gather_live(std::span<const LiveTrace* const> live,
                                 std::vector<TraceSpans>& gathered,
                                 std::vector<std::shared_ptr<const void>>& owners) {
  uint64_t bytes = 0;
  absl::flat_hash_map<const LiveBatch*, const model::SpanBatch*> known;
  for (size_t i = 0; i < live.size(); ++i) {
    if (live[i] == nullptr) continue;
    for (const auto& part : live[i]->parts) {
      const model::SpanBatch* batch = nullptr;
      const LiveBatch* of = nullptr;
      for (const LiveRow& row : part->rows) {
        if (row.batch.get() != of) {
          of = row.batch.get();
          const auto [place, is_new] = known.try_emplace(of);
          if (is_new) {
            auto read = live_batches_.read(row.batch);
            if (!read) return std::unexpected(std::move(read).error());
            place->second = read->get();
            owners.push_back(std::move(*read));
          }
          batch = place->second;
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
               !is_elsewhere(trace.id);
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
