#pragma once
// The series that have data in memory, found by labels, by id and by matchers.
//   Threads  any. A shard's mutex guards its maps and the contents of its series; the
//            index has a mutex of its own. Order: never both at once.
//            One commit leader at a time changes series (commit_queue.h).
//   Limits   TsdbLimits::series_active_max.
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <array>
#include <atomic>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "tsdb/appender.h"
#include "tsdb/deletions.h"
#include "tsdb/postings.h"
#include "tsdb/series.h"

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
 public:
  explicit Head(const TsdbOptions& options) : options_(options) {}

  // The series of these labels, created when absent, with one user more: release() it.
  Result<SeriesPtr> find_or_create(const model::Labels& labels);
  // The same for opening: no limits, no user.
  SeriesPtr restore(const model::Labels& labels);
  // Null when the series was collected; else with one user more, and its newest sample.
  struct Acquired {
    SeriesPtr series;
    SeriesEdge edge;
    uint64_t last_commit = 0;
  };
  Acquired acquire(SeriesId id);
  void release(HeadSeries& series);
  // Every user of a transaction at once.
  template <typename Touched>
  void release_all(std::span<Touched> touched) {
    for_each_by_shard(
        touched, [](const Touched& t) -> HeadSeries& { return *t.series; },
        [](Touched& t) {
          SL_ASSERT(t.series->users > 0);
          --t.series->users;
        });
  }
  // Calls `visit` for each item under its series' mutex, shard by shard; the items of one series in order.
  template <typename Item, typename SeriesOf, typename Visit>
  void for_each_by_shard(std::span<Item> items, SeriesOf series_of, Visit visit) {
    if (items.size() < kShards) {
      for (Item& item : items) {
        const std::lock_guard lock(mutex_of(series_of(item)));
        visit(item);
      }
      return;
    }
    std::array<uint32_t, kShards + 1> ends{};
    for (Item& item : items) ++ends[series_of(item).id() % kShards + 1];
    for (size_t s = 0; s < kShards; ++s) ends[s + 1] += ends[s];
    std::vector<uint32_t> order(items.size());
    std::array<uint32_t, kShards> next{};
    std::copy_n(ends.begin(), kShards, next.begin());
    for (uint32_t i = 0; i < items.size(); ++i)
      order[next[series_of(items[i]).id() % kShards]++] = i;
    for (size_t s = 0; s < kShards; ++s) {
      if (ends[s] == ends[s + 1]) continue;
      const std::lock_guard lock(shards_[s].mutex);
      for (uint32_t at = ends[s]; at < ends[s + 1]; ++at) visit(items[order[at]]);
    }
  }

  std::mutex& mutex_of(const HeadSeries& series) { return shard(series.id()).mutex; }

  // Makes them findable: they have a committed sample now. The leader's.
  void publish(std::span<const SeriesPtr> fresh);
  void publish_with_data();  // for opening

  // What was deleted of the series: whoever collects from one leaves it out (gather_head, collect_head_exemplars).
  const HeadDeletions& deletions() const { return deletions_; }
  // Everything the series holds in [min, max] now is deleted as of `commit`. One of which nothing is left is not
  // found any more until it gets a sample. The leader's.
  void erase(HeadSeries& series, int64_t min, int64_t max, uint64_t commit);

  // Sorted by labels. Empty matchers select all.
  std::vector<SeriesPtr> select(std::span<const Matcher> matchers) const;
  std::vector<std::string> label_names(std::span<const Matcher> matchers) const;
  std::vector<std::string> label_values(std::string_view name,
                                        std::span<const Matcher> matchers) const;

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
  int64_t min_time() const { return min_time_.load(std::memory_order_relaxed); }
  void note_time(int64_t time);      // the leader's
  void note_max_time(int64_t time);  // for opening: of what blocks hold
  uint64_t series_count() const { return series_count_.load(std::memory_order_relaxed); }
  HeadSummary summary(size_t limit);

 private:
  static constexpr size_t kShards = 16;
  struct ByLabels {
    using is_transparent = void;
    size_t operator()(const SeriesPtr& s) const { return static_cast<size_t>(s->hash()); }
    size_t operator()(const model::Labels& l) const { return static_cast<size_t>(l.hash()); }
  };
  struct SameLabels {
    using is_transparent = void;
    bool operator()(const SeriesPtr& a, const SeriesPtr& b) const {
      return a->labels() == b->labels();
    }
    bool operator()(const SeriesPtr& a, const model::Labels& b) const { return a->labels() == b; }
    bool operator()(const model::Labels& a, const SeriesPtr& b) const { return a == b->labels(); }
  };
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_set<SeriesPtr, ByLabels, SameLabels> by_labels;  // guarded by mutex
    absl::flat_hash_map<uint64_t, SeriesPtr> by_id;                  // guarded by mutex
  };

  // The id's low bits name the shard, which is that of the labels' hash.
  Shard& shard(uint64_t id_or_hash) { return shards_[id_or_hash % kShards]; }
  Status check_labels(const model::Labels& labels) const;
  void forget(std::span<const SeriesPtr> gone);
  void unpublish(HeadSeries& series);
  bool is_deleted_whole(const HeadSeries& series) const;

  const TsdbOptions& options_;
  HeadDeletions deletions_;
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> next_id_{1};          // counts only
  std::atomic<uint64_t> series_count_{0};     // likewise
  std::atomic<uint64_t> published_count_{0};  // likewise
  std::atomic<int64_t> max_time_{kNoTime};    // written by the leader and truncate()
  std::atomic<int64_t> min_time_{std::numeric_limits<int64_t>::max()};  // likewise

  mutable std::shared_mutex index_mutex_;
  MutablePostings postings_;            // guarded by index_mutex_
  std::vector<SeriesPtr> by_number_;    // guarded by index_mutex_; null: free
  std::vector<uint32_t> free_numbers_;  // guarded by index_mutex_
};

}  // namespace sightline::tsdb
