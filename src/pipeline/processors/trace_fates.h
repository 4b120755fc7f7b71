#pragma once
// What samplers and exemplars must know of each other, so that no exemplar leads to a trace
// that was dropped: which traces have been handed out as exemplars lately, and which were dropped.
//   Budget    what samplers have to keep for exemplars is limited where exemplars are born: so many new traces a second
//             may become one. Samplers keep every trace that did.
//   Limits    kRecentTracesMax ids of each kind, of exemplars as many as limit_exemplars() asks for; the oldest are
//             forgotten.
//   Threads   any; sharded, one short mutex each.
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <deque>
#include <mutex>

#include "base/ids.h"
#include "base/telemetry.h"
#include "base/time.h"

namespace sightline::pipeline {

inline constexpr size_t kRecentTracesMax = 1u << 18;

// The last so many distinct trace ids.
class RecentTraces {
 public:
  explicit RecentTraces(size_t count_max) : shard_max_(std::max<size_t>(1, count_max / kShards)) {}
  void add(const TraceId& id);
  bool has(const TraceId& id) const;
  void remember_at_least(size_t count) {  // before there are any
    shard_max_ = std::max(shard_max_, count / kShards);
  }

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_set<TraceId, TraceIdHash> ids;  // guarded by mutex
    std::deque<TraceId> order;                      // guarded by mutex
  };
  static size_t shard_of(const TraceId& id) { return (TraceIdHash()(id) >> 24) % kShards; }

  size_t shard_max_;
  std::array<Shard, kShards> shards_;
};

// So many traces a second may become exemplars, and each is remembered for `remembered` seconds.
struct ExemplarBudget {
  uint32_t traces_per_second = 0;
  uint32_t remembered_seconds = 0;
};

class TraceFates {
 public:
  // Before there are spans. The smaller budget counts when there are several; clock and telemetry outlive this.
  void limit_exemplars(const ExemplarBudget& budget, const Clock& clock, Telemetry& telemetry);
  // Before there are spans. Counts traces that are dropped though an exemplar leads to them; telemetry outlives this.
  void count_dropped_exemplars(Telemetry& telemetry);
  // Asked before an exemplar is chosen: false when its trace was dropped, or the budget of this second is used up.
  bool may_be_exemplar(const TraceId& id);
  void note_exemplar(const TraceId& id);
  bool is_exemplar(const TraceId& id) const { return exemplars_.has(id); }
  void note_dropped(const TraceId& id);
  bool is_dropped(const TraceId& id) const { return dropped_.has(id); }

 private:
  bool has_budget() const;
  int64_t second() const;

  RecentTraces exemplars_{kRecentTracesMax};
  RecentTraces dropped_{kRecentTracesMax};
  uint32_t traces_per_second_ = 0;  // set before there are spans; with clock_ null: no limit
  const Clock* clock_ = nullptr;
  // New traces of the second in the upper half; threads may together pass the budget by one each.
  std::atomic<uint64_t> taken_{0};
  Counter* over_budget_ = nullptr;
  Counter* dropped_exemplars_ = nullptr;
};

}  // namespace sightline::pipeline
