#pragma once
// One scan over a snapshot. Traces that are live, or lie in several blocks, are gathered
// and shown first; then the row groups of blocks, newest first, without those.
//   Memory  of live traces, a few at a time are held, within what LiveBatchCache grants.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "tracestore/block/publication.h"
#include "tracestore/live/live_batch_cache.h"
#include "tracestore/live/live_sieve.h"
#include "tracestore/live/live_walk.h"
#include "tracestore/querier.h"
#include "tracestore/row_group/row_group_pruning.h"
#include "tracestore/stored_traces.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

class SnapshotScan {
 public:
  SnapshotScan(const Snapshot& snapshot, const LiveTraces& live, LiveBatchCache& live_batches,
               const ScanRequest& request, InspectedBytes inspected);
  Status run(const std::function<bool(RowGroup&)>& visit);

 private:
  struct Scattered {
    TraceId id;
    const LiveTrace* live = nullptr;
    std::vector<StoredPart> stored;
    TimestampNs newest;  // it starts by then; not of live ones
  };
  using Visit = std::function<bool(RowGroup&)>;

  // Live traces, the last received first.
  Result<bool> show_live(const Visit& visit);
  std::vector<LiveTrace> next_live(LiveWalk& walk, size_t rows_wanted,
                                   uint64_t& bytes_in_all) const;
  Result<bool> show_live(std::span<const LiveTrace> traces, const Visit& visit);
  // Of the others those that lie in several blocks, the newest first.
  std::vector<Scattered> find_divided();
  Result<bool> show_divided(const Visit& visit);
  // When the newest of blocks ends.
  TimestampNs newest_stored() const;
  // Shown whole by show_live() or show_divided(), or of no use.
  bool is_elsewhere(const TraceId& id) const;
  // Surely of no use, by time or by what its spans are; only traces that are all live are.
  bool is_of_no_use(const LiveTrace& trace) const;
  bool rest() const { return !request_.rest || request_.rest(); }
  Result<bool> show_gathered(std::span<const Scattered> traces, const Visit& visit);
  // `live`: of each of `gathered`, or null.
  Status gather_live(std::span<const LiveTrace* const> live, std::vector<TraceSpans>& gathered,
                     std::vector<std::shared_ptr<const void>>& owners);
  // A stored row group that may hold what is asked for.
  struct Candidate {
    const Block* block = nullptr;
    uint32_t number = 0;
    TimestampNs newest;
  };
  // Newest first; those whose values the listing got are left out. nullopt: the listing has enough.
  Result<std::optional<std::vector<Candidate>>> find_candidates() const;
  Result<bool> list_known(const Block& block, RowGroupSet& known) const;
  Status show_stored(const Visit& visit);
  // False: enough. A block that is damaged is marked and passed by.
  Result<bool> show_candidate(const Candidate& candidate, const Visit& visit);
  Result<bool> show_row_group(const Block& block, uint32_t number, const Visit& visit);
  bool is_wanted(TimestampNs newest);
  // What conditions say of a block's row groups; asked when the first of them is about to be read.
  Result<const RowGroupChoice*> choice_of(const Block& block);

  const BlockList& blocks_;
  const LiveTraces& live_;
  const Visible visible_;
  const ScanRequest& request_;
  const InspectedBytes inspected_;
  LiveSieve live_sieve_;
  LiveBatchCache::Reader live_batches_;
  bool live_left_out_ = false;  // the rest of the live traces was too old to be wanted
  absl::flat_hash_set<TraceId, TraceIdHash> not_in_row_groups_;
  std::mutex wanted_mutex_;  // the request's `wanted` is asked by one at a time
  std::mutex choices_mutex_;
  std::map<const Block*, RowGroupChoice> choices_;  // guarded by choices_mutex_; entries stay
};

}  // namespace sightline::tracestore
