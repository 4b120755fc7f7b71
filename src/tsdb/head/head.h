#pragma once
// The series that have data in memory, found by labels, by id and by matchers.
//   Threads  any. A shard's mutex guards its maps and the contents of its series; the
//            index has a mutex of its own. Order: never both at once.
//            One commit leader at a time changes series (commit_queue.h). Who changes many
//            at once locks all shards, in order, for kItemsLocked of them.
//   Limits   TsdbLimits::series_active_max.
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "tsdb/appender.h"
#include "tsdb/block/deletions.h"
#include "tsdb/head/series.h"
#include "tsdb/postings.h"

namespace sightline::tsdb {

using SeriesPtr = std::shared_ptr<HeadSeries>;

struct NameCount {
  std::string name;
  uint64_t value = 0;
};

struct HeadSummary {
  uint64_t series = 0;  // visible ones
  uint64_t label_pairs = 0;
  uint64_t chunks = 0;
  uint64_t exemplars = 0;
  std::vector<NameCount> series_by_metric;  // largest first
  std::vector<NameCount> values_by_label;
  std::vector<NameCount> bytes_by_label;
  std::vector<NameCount> series_by_pair;  // "job=a"
};

class Head {
  static constexpr size_t kShards = 16;
  static constexpr size_t kItemsLocked = 1'024;
  using ShardLocks = std::array<std::unique_lock<std::mutex>, kShards>;

 public:
  explicit Head(const TsdbOptions& options) : options_(options) {}

  // The series of these labels, created when absent, with one user more: release() it.
  Result<HeadSeries*> find_or_create(const model::Labels& labels);
  // The same for opening: no limits, no user.
  SeriesPtr restore(const model::Labels& labels) { return insert(labels, 0); }
  // Null when the series was collected; else with one user more, which keeps it, and its newest sample.
  struct Acquired {
    HeadSeries* series = nullptr;
    SeriesEdge edge;
    uint64_t last_commit = 0;
  };
  Acquired acquire(SeriesId id);
  // Those of `ids` that are there, in order; `visit` has their mutex.
  template <typename Visit>
  void acquire_all(std::span<const SeriesId> ids, Visit visit) {
    constexpr size_t kPrefetch = 8;
    const ShardLocks locks = lock_all();
    for (size_t i = 0; i < ids.size(); ++i) {
      if (i + kPrefetch < ids.size())
        if (const HeadSeries* later = find(ids[i + kPrefetch])) prefetch(*later);
      HeadSeries* series = find(ids[i]);
      if (series == nullptr || series->id() != ids[i].value) continue;
      ++series->users;
      visit({series, series->edge(), series->last_commit()});
    }
  }
  Acquired acquired(HeadSeries& series);  // of one that has a user already
  void release(HeadSeries& series);
  // Calls `visit` for each item in order, its series' mutex held.
  template <typename Item, typename SeriesOf, typename Visit>
  void for_each_locked(std::span<Item> items, SeriesOf series_of, Visit visit) {
    constexpr size_t kPrefetch = 8;
    while (!items.empty()) {
      const auto slice = items.first(std::min(items.size(), kItemsLocked));
      items = items.subspan(slice.size());
      if (slice.size() < kShards) {
        for (Item& item : slice) {
          const std::lock_guard lock(mutex_of(series_of(item)));
          visit(item);
        }
        return;
      }
      const ShardLocks locks = lock_all();
      for (size_t i = 0; i < slice.size(); ++i) {
        if (i + kPrefetch < slice.size()) prefetch(series_of(slice[i + kPrefetch]));
        visit(slice[i]);
      }
    }
  }

  // Of what appending to it touches.
  static void prefetch(const HeadSeries& series) {
    constexpr size_t kLine = 64;
    for (size_t at = 0; at < 4 * kLine; at += kLine)
      __builtin_prefetch(reinterpret_cast<const char*>(&series) + at, 1);
  }

  std::mutex& mutex_of(const HeadSeries& series) { return shard(series.id()).mutex; }

  // Makes them findable: they have a committed sample now. The leader's.
  void publish(std::span<HeadSeries* const> fresh);
  void publish_with_data();  // for opening

  // What was deleted of the series: whoever collects from one leaves it out (gather_head, collect_head_exemplars).
  const HeadDeletions& deletions() const { return deletions_; }
  // Everything the series holds in [min, max] now is deleted as of `commit`. One of which nothing is left is not
  // found any more until it gets a sample. The leader's.
  void erase(HeadSeries& series, int64_t min, int64_t max, uint64_t commit);

  // Sorted by labels. Empty matchers select all. The only error of these is that of `wanted`.
  Result<std::vector<SeriesPtr>> select(std::span<const Matcher> matchers,
                                        const StillWanted& wanted = {}) const;
  std::vector<SeriesPtr> all() const { return *select({}); }
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                               const StillWanted& wanted = {}) const;
  Result<std::vector<std::string>> label_values(std::string_view name,
                                                std::span<const Matcher> matchers,
                                                const StillWanted& wanted = {}) const;

  // Calls back for every series, visible or not, under its shard's mutex, a shard at a time.
  void each_series(const std::function<void(HeadSeries&)>& visit);
  // Removes what below `time` was there at `commit`, then series left empty and unused, unless their newest
  // sample is still needed to tell what is out of order; with kNoTime only the latter.
  void truncate(int64_t time, uint64_t commit);
  // Series that nothing was ever written to, or that are only known for their newest sample.
  bool has_idle_series() const {
    return series_count() > published_count_.load(std::memory_order_relaxed);
  }
  // Samples older than this are refused, so that what is older need not be known.
  int64_t known_from() const;

  // Starts of the windows that hold anything below `time`, ascending.
  std::vector<int64_t> windows_below(int64_t time, int64_t window_ms);

  // Bounds of the committed samples; kNoTime and INT64_MAX when there are none.
  int64_t max_time() const { return max_time_.load(std::memory_order_relaxed); }
  // When the clock said what as samples came last; kNoTime: none did since the start.
  int64_t last_arrival() const { return last_arrival_.load(std::memory_order_relaxed); }
  void note_arrival(int64_t now) { last_arrival_.store(now, std::memory_order_relaxed); }
  int64_t min_time() const { return min_time_.load(std::memory_order_relaxed); }
  void note_time(int64_t time);      // the leader's
  void note_max_time(int64_t time);  // for opening: of what blocks hold
  uint64_t series_count() const { return series_count_.load(std::memory_order_relaxed); }
  HeadSummary summary(size_t limit);

 private:
  // An id is, from the low bits: shard, place in the shard, and a count that grows with each series, so that ids ascend
  // in the order in which series came.
  static constexpr unsigned kShardBits = 4;
  static constexpr unsigned kPlaceBits = 24;
  static_assert(kShards == 1u << kShardBits);

  // The table of a shard holds places and is asked for labels.
  struct ByLabels {
    using is_transparent = void;
    const std::vector<SeriesPtr>* places;
    size_t operator()(uint32_t place) const {
      return static_cast<size_t>((*places)[place]->hash());
    }
    size_t operator()(const model::Labels& l) const { return static_cast<size_t>(l.hash()); }
  };
  struct SameLabels {
    using is_transparent = void;
    const std::vector<SeriesPtr>* places;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const model::Labels& b) const {
      return (*places)[a]->interned() == b;
    }
    bool operator()(const model::Labels& a, uint32_t b) const { return operator()(b, a); }
  };
  struct Shard {
    std::mutex mutex;
    std::vector<SeriesPtr> places;  // guarded by mutex; null: free
    absl::flat_hash_set<uint32_t, ByLabels, SameLabels> by_labels{
        0, ByLabels{&places}, SameLabels{&places}};  // guarded by mutex
    std::vector<uint32_t> free_places;               // guarded by mutex
  };

  // The id's low bits name the shard, which is that of the labels' hash.
  Shard& shard(uint64_t id_or_hash) { return shards_[id_or_hash % kShards]; }
  static size_t place_of(uint64_t id) {
    return (id >> kShardBits) & ((uint64_t{1} << kPlaceBits) - 1);
  }
  // What its place holds; under its shard's mutex. Another one when that of the id was collected.
  HeadSeries* find(SeriesId id) {
    const Shard& home = shard(id.value);
    const size_t place = place_of(id.value);
    return place < home.places.size() ? home.places[place].get() : nullptr;
  }
  ShardLocks lock_all();
  // As restore(), with as many users more.
  SeriesPtr insert(const model::Labels& labels, uint32_t users);
  Status check_labels(const model::Labels& labels) const;
  void forget(std::span<const SeriesPtr> gone);
  void unpublish(HeadSeries& series);
  static constexpr uint32_t kUnranked = UINT32_MAX;
  // What select() finds, under index_mutex_: in order of labels, and those without a rank.
  struct Found {
    std::vector<SeriesPtr> ranked;
    std::vector<SeriesPtr> others;
    bool many_unranked = false;
  };
  Result<Found> find_series(std::span<const Matcher> matchers, const StillWanted& wanted) const;
  Status rank_all(const StillWanted& wanted) const;
  bool is_deleted_whole(const HeadSeries& series) const;

  const TsdbOptions& options_;
  HeadDeletions deletions_;
  LabelPairs pairs_;
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> next_count_{1};       // counts only
  std::atomic<uint64_t> series_count_{0};     // likewise
  std::atomic<uint64_t> published_count_{0};  // likewise
  std::atomic<int64_t> last_arrival_{kNoTime};
  std::atomic<int64_t> max_time_{kNoTime};  // written by the leader and truncate()
  std::atomic<int64_t> min_time_{std::numeric_limits<int64_t>::max()};  // likewise

  mutable std::shared_mutex index_mutex_;
  MutablePostings postings_;            // guarded by index_mutex_
  std::vector<SeriesPtr> by_number_;    // guarded by index_mutex_; null: free
  std::vector<uint32_t> free_numbers_;  // guarded by index_mutex_
  // By number: where the series comes in the order of labels, among those that have a rank; kUnranked for newer ones.
  mutable std::vector<uint32_t> ranks_;  // guarded by index_mutex_
  mutable std::vector<uint32_t>
      by_rank_;  // guarded by index_mutex_; numbers, when they were ranked
};

}  // namespace sightline::tsdb
