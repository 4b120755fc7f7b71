#pragma once
// One scan over a snapshot. Traces that are live, or lie in several blocks, are gathered
// and shown first; then the row groups of blocks, newest first, without those.
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "tracestore/live/live_sieve.h"
#include "tracestore/live/live_traces.h"
#include "tracestore/querier.h"
#include "tracestore/row_group/row_group_pruning.h"
#include "tracestore/stored_traces.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

class SnapshotScan {
 public:
  SnapshotScan(const BlockList& blocks, std::vector<LiveTrace> live, const ScanRequest& request,
               InspectedBytes inspected);
  Status run(const std::function<bool(RowGroup&)>& visit);

 private:
  struct Scattered {
    TraceId id;
    const LiveTrace* live = nullptr;
    std::vector<StoredPart> stored;
    TimestampNs newest;    // it starts by then
    uint64_t arrived = 0;  // sequence of its first live batch; 0 without one
  };
  using Visit = std::function<bool(RowGroup&)>;

  void find_scattered();
  // Surely of no use, by time or by what its spans are; only traces that are all live are.
  bool is_of_no_use(const LiveTrace& trace) const;
  bool rest() const { return !request_.rest || request_.rest(); }
  Result<bool> show_scattered(const Visit& visit);
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
  const std::vector<LiveTrace> live_;
  const ScanRequest& request_;
  const InspectedBytes inspected_;
  LiveSieve live_sieve_;
  LiveBatchReader live_batches_;
  std::vector<Scattered> scattered_;
  absl::flat_hash_set<TraceId, TraceIdHash> not_in_row_groups_;
  std::mutex wanted_mutex_;  // the request's `wanted` is asked by one at a time
  std::mutex choices_mutex_;
  std::map<const Block*, RowGroupChoice> choices_;  // guarded by choices_mutex_; entries stay
};

}  // namespace sightline::tracestore
