#pragma once
// The counters of some services: every series with the same job and instance lies
// in the same shard, so label sets are unique within one shard.
//   Threads   any; one mutex. Key bytes and bucket numbers are computed by the caller before it.
//   Ordering  series are linked by the epoch of their last change, newest first, so that a reader
//             of changes walks only what changed. The epoch is read under the mutex:
//             a reader raises it before it visits, so a change that it misses has a later one.
#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "connectors/spanmetrics/options.h"
#include "connectors/spanmetrics/resource_cache.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "model/exponential_histogram.h"

namespace sightline::connectors::spanmetrics {

// One span, reduced to what counting needs.
struct Observation {
  uint64_t key_hash = 0;
  std::string_view key;  // raw dimension bytes; see build_key in span_metrics.cc
  double duration = 0;   // in the histogram's unit
  uint32_t bucket = 0;   // of an exponential histogram: the magnitude, see magnitude_of()
  uint32_t span = 0;     // index into the batch
  uint32_t event = 0;    // kEvents: index into the batch's events
  uint32_t times = 1;    // spans it stands for
  SeriesKind kind = SeriesKind::kCallsAndDuration;
  TimestampNs exemplar_time;
};

// Exponential histograms keep an exemplar of each of so many magnitudes (powers of two, from 1/16 of a unit).
inline constexpr uint32_t kMagnitudes = 20;

// The newest measurement of a bucket or counter; epoch 0: none yet.
struct ExemplarSlot {
  TraceId trace_id;
  SpanId span_id;
  double value = 0;
  TimestampNs time;
  uint64_t epoch = 0;
};

struct Target;

struct Series {
  std::shared_ptr<const SeriesIdentity> identity;
  SeriesKind kind = SeriesKind::kCallsAndDuration;
  uint64_t calls = 0;  // or events
  double duration_sum = 0;
  std::vector<uint64_t> buckets;  // not cumulative; empty without explicit histogram
  std::unique_ptr<model::ExponentialHistogram> exponential;
  std::vector<ExemplarSlot> slots;  // of the counter, then of each bucket; empty without exemplars
  // With flushes_as_peer in place of those: the first of the epoch, at most exemplars_per_point_max.
  std::vector<ExemplarSlot> first_of_calls, first_of_durations;
  bool has_calls() const { return kind != SeriesKind::kDuration; }
  uint64_t changed = 0;  // epoch
  TimestampMs last_seen;
  mutable bool was_told = false;  // by export_points(), with flushes_as_peer
  Target* target = nullptr;       // null: the overflow series of the whole connector
  Series* newer = nullptr;
  Series* older = nullptr;
};

// A service instance.
struct Target {
  model::Labels info;                                      // labels of target_info; may be empty
  std::shared_ptr<const model::OwnedAttributes> resource;  // with keep_attributes
  std::string job;
  std::string instance;
  uint64_t resource_id = 0;  // of the resource that `info` is from; the latest one counts
  TimestampMs last_seen;
  std::array<uint32_t, kSeriesKinds> series{};  // by kind, without overflow
  std::array<Series*, kSeriesKinds> overflow{};
  bool is_empty() const {
    return std::ranges::all_of(series, [](uint32_t n) { return n == 0; }) &&
           std::ranges::all_of(overflow, [](Series* s) { return s == nullptr; });
  }
};

// Shared by the shards of one SpanMetrics.
struct SharedCounts {
  mutable std::atomic<uint64_t> epoch{1};
  std::atomic<uint64_t> next_series_id{1};
  std::atomic<uint64_t> series{0};
  std::atomic<uint64_t> expired{0};  // series that ended
  std::atomic<uint64_t> overflowed_spans{0};
  std::atomic<uint64_t> uncounted_spans{0};
};

// What a series that is met for the first time is called.
struct SeriesNames {
  model::Labels labels;
  model::OwnedAttributes attributes;  // with keep_attributes
};
using NameMaker = std::function<SeriesNames(const Observation&)>;

class SeriesShard {
 public:
  SeriesShard(const SpanMetricsOptions& options, SharedCounts& counts)
      : options_(options), counts_(counts) {}

  // Counts spans of one resource. Those that no series has room for are appended
  // to `overflow` for the connector's overflow series.
  void apply(std::span<const Observation> observations, const model::SpanBatch& batch,
             const Resource& resource, const NameMaker& names_of, TimestampMs now,
             std::vector<Observation>& overflow);
  // Counts in the connector's overflow series; called on one shard only.
  void apply_overflow(std::span<const Observation> observations, const model::SpanBatch& batch,
                      TimestampMs now);

  // Visits under the lock, latest change first, every series whose change is later than `epoch`.
  template <typename Visit>
  void visit_changed(uint64_t epoch, Visit visit) const {
    const std::scoped_lock lock(mutex_);
    for (const Series* s = newest_; s != nullptr && s->changed > epoch; s = s->older) visit(*s);
  }
  // The same, and then, still under the lock, what `finish` answers.
  template <typename Visit, typename Finish>
  auto visit_changed_and(uint64_t epoch, Visit visit, Finish finish) const {
    const std::scoped_lock lock(mutex_);
    for (const Series* s = newest_; s != nullptr && s->changed > epoch; s = s->older) visit(*s);
    return finish();
  }
  template <typename Visit>
  void visit_targets(Visit visit) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, target] : targets_) visit(*target);
  }
  // Removes series without a span since `series_before`, and those of instances without one since `target_before`.
  void expire(TimestampMs series_before, TimestampMs target_before,
              std::vector<std::shared_ptr<const SeriesIdentity>>& expired);

 private:
  struct StoredKey {
    uint64_t hash;
    std::string bytes;
  };
  struct KeyView {
    uint64_t hash;
    std::string_view bytes;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const StoredKey& k) const { return k.hash; }
    size_t operator()(const KeyView& k) const { return k.hash; }
  };
  struct KeyEqual {
    using is_transparent = void;
    static std::string_view bytes(const StoredKey& k) { return k.bytes; }
    static std::string_view bytes(const KeyView& k) { return k.bytes; }
    bool operator()(const auto& a, const auto& b) const {
      return a.hash == b.hash && bytes(a) == bytes(b);
    }
  };

  void count(Series& series, const Observation& o, const model::SpanView& span, TimestampMs now,
             uint64_t epoch);
  void keep_exemplar(Series& series, const ExemplarSlot& fresh, uint32_t bucket);
  Series* find_or_make(const Observation& o, const Resource& resource, const NameMaker& names_of,
                       TimestampMs now);
  Series* overflow_of(Target& target, SeriesKind kind, TimestampMs now);
  Series* make_series(SeriesNames names, SeriesKind kind, Target* target, TimestampMs now);
  Target* find_target(const Resource& resource);
  void touch(Series& series, uint64_t epoch);
  void unlink(Series& series);

  const SpanMetricsOptions& options_;
  SharedCounts& counts_;
  mutable std::mutex mutex_;
  // Everything below is guarded by mutex_.
  absl::flat_hash_map<StoredKey, Series*, KeyHash, KeyEqual>
      by_key_;  // a cache in front of by_labels_
  std::array<absl::flat_hash_map<model::Labels, std::unique_ptr<Series>, model::LabelsHash>,
             kSeriesKinds>
      by_labels_;
  absl::flat_hash_map<std::string, std::unique_ptr<Target>> targets_;  // by Resource::target_key
  Series* newest_ = nullptr;
  std::array<Series*, kSeriesKinds> overflow_{};
};

}  // namespace sightline::connectors::spanmetrics
