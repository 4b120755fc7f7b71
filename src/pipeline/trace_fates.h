#pragma once
// What samplers and exemplars must know of each other, so that no exemplar leads to a trace
// that was dropped: which traces have been handed out as exemplars lately, and which were dropped.
//   Limits    kRecentTracesMax ids of each kind; the oldest are forgotten.
//   Threads   any; sharded, one short mutex each.
#include <absl/container/flat_hash_set.h>

#include <array>
#include <deque>
#include <mutex>

#include "base/ids.h"

namespace sightline::pipeline {

inline constexpr size_t kRecentTracesMax = 1u << 18;

// The last so many distinct trace ids.
class RecentTraces {
 public:
  explicit RecentTraces(size_t count_max) : shard_max_(std::max<size_t>(1, count_max / kShards)) {}
  void add(const TraceId& id);
  bool has(const TraceId& id) const;

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_set<TraceId, TraceIdHash> ids;  // guarded by mutex
    std::deque<TraceId> order;                      // guarded by mutex
  };
  static size_t shard_of(const TraceId& id) { return (TraceIdHash()(id) >> 24) % kShards; }

  const size_t shard_max_;
  std::array<Shard, kShards> shards_;
};

class TraceFates {
 public:
  void note_exemplar(const TraceId& id) { exemplars_.add(id); }
  bool is_exemplar(const TraceId& id) const { return exemplars_.has(id); }
  void note_dropped(const TraceId& id) { dropped_.add(id); }
  bool is_dropped(const TraceId& id) const { return dropped_.has(id); }

 private:
  RecentTraces exemplars_{kRecentTracesMax};
  RecentTraces dropped_{kRecentTracesMax};
};

}  // namespace sightline::pipeline
