#pragma once
// Spans received and not yet in a block: per trace a list of rows that refer to
// the received batches, readable at once.
//   Snapshots  a reader names the last batch (sequence) and the block list (version) it
//              knows. A part that was cut into a block stays readable for readers whose
//              version lies before the cut, until forget() says none is left.
//   Threads    any; sharded by trace id, one mutex a shard, held for map work only. There are many shards, so that a
//              reader of everything holds none of them for longer than a fraction of a millisecond.
//   Sharing    readers get the parts themselves. One that was shown is not changed any more: the next spans of its
//              trace go into a copy.
//   Order      a batch names the traces that begin in it, so that a reader of everything goes from batch to batch and
//              holds no list of traces (live_walk.h).
//   Lifetime   a row keeps its whole batch alive; cutting by idle time, size and duration
//              (TraceStoreOptions) bounds for how long.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "io/record_log.h"
#include "model/span_batch.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

// Which WAL segments still hold spans that are nowhere else, and what live batches weigh.
//   Threads  any.
class WalUse {
 public:
  // Between announcing an append and the LiveBatch made from it, the segment counts as used.
  class Pending {
   public:
    explicit Pending(WalUse& use);
    ~Pending();
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

   private:
    WalUse& use_;
    uint64_t segment_;
  };
  // How a batch that is no longer in memory is read from the log again, its bytes and what they say. Set once, before
  // there are batches. Of its spans those of `wanted`, ascending, are needed; all when it is empty.
  using Read = std::function<Result<std::string>(io::RecordPosition)>;
  using Load = std::function<Result<std::shared_ptr<const model::SpanBatch>>(
      io::RecordPosition, std::span<const uint32_t> wanted)>;
  void set_load(Read read, Load load) {
    read_ = std::move(read);
    load_ = std::move(load);
  }
  Result<std::string> read(io::RecordPosition position) const { return read_(position); }
  Result<std::shared_ptr<const model::SpanBatch>> load(io::RecordPosition position,
                                                       std::span<const uint32_t> wanted) const {
    return load_(position, wanted);
  }

  void acquire(uint64_t segment, uint64_t bytes);
  void release(uint64_t segment, uint64_t bytes);
  void lighten(uint64_t bytes) { live_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }
  // The lowest segment in use; UINT64_MAX when none is.
  uint64_t lowest_used() const;
  uint64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  uint64_t newest_segment_ = 0;           // guarded by mutex_; no append can get a lower one
  std::map<uint64_t, uint64_t> batches_;  // guarded by mutex_: segment -> live batches
  std::multiset<uint64_t> pending_;       // guarded by mutex_: lower bounds
  std::atomic<uint64_t> live_bytes_{0};
  Read read_;
  Load load_;
};

// One received batch. `sequence` is 0 until all its rows are in place; then readers may see it.
// It is in memory at first; cool() leaves only the place in the log, from where it is read when somebody asks.
class LiveBatch {
 public:
  LiveBatch(std::shared_ptr<const model::SpanBatch> batch, WalUse& use,
            io::RecordPosition position);
  ~LiveBatch() { use_.release(position_.segment, bytes_.load(std::memory_order_relaxed)); }
  LiveBatch(const LiveBatch&) = delete;
  LiveBatch& operator=(const LiveBatch&) = delete;

  // Any thread. The caller keeps it for as long as it looks at it.
  Result<std::shared_ptr<const model::SpanBatch>> spans() const { return spans({}); }
  // Of its spans those of `wanted`, ascending, are needed (all when it is empty); the others may be empty.
  Result<std::shared_ptr<const model::SpanBatch>> spans(std::span<const uint32_t> wanted) const;
  // Shows the bytes as received; false when there are none.
  Result<bool> look_into(const std::function<void(std::string_view bytes)>& look) const;
  void cool();
  // The spans when they are in memory, else null.
  std::shared_ptr<const model::SpanBatch> hot() const;
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // memory, about
  uint64_t decoded_bytes() const { return decoded_bytes_; }                  // when it is decoded

  // Traces of which it has the first spans, of those that go into a block together, and a time by which each of them
  // starts. Set once, before `sequence`.
  void set_begun(std::vector<TraceId> begun, TimestampNs newest) {
    begun_ = std::move(begun);
    newest_begun_ = newest;
  }
  std::span<const TraceId> begun() const { return begun_; }
  TimestampNs newest_begun() const { return newest_begun_; }

  std::atomic<uint64_t> sequence{0};

 private:
  WalUse& use_;
  const io::RecordPosition position_;
  const uint32_t span_count_;
  const bool as_received_;  // else the log has it encoded anew, perhaps in another order
  const uint64_t decoded_bytes_;
  std::vector<TraceId> begun_;
  TimestampNs newest_begun_{0};
  std::atomic<uint64_t> bytes_;
  mutable std::mutex mutex_;
  std::shared_ptr<const model::SpanBatch> hot_;  // guarded by mutex_
};

// Lets the oldest batches cool when those in memory weigh more than they may.
//   Threads  any.
class LiveMemory {
 public:
  explicit LiveMemory(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  void add(const std::shared_ptr<LiveBatch>& batch);

 private:
  const uint64_t bytes_max_;
  std::mutex mutex_;
  std::deque<std::pair<std::weak_ptr<LiveBatch>, uint64_t>>
      hot_;             // guarded by mutex_, oldest first, with its weight
  uint64_t bytes_ = 0;  // guarded by mutex_
};

// A span of a batch; the reference lives as long as the rows it came from.
struct LiveRow {
  const std::shared_ptr<const LiveBatch>& batch;
  uint32_t index = 0;
};

// Spans of one trace in the order they came, by batch and index in it.
class LiveRows {
 public:
  struct Run {
    std::shared_ptr<const LiveBatch> batch;
    uint32_t begin = 0;  // in the indices of all runs; up to where the next one begins
  };
  class Iterator {
   public:
    Iterator(const LiveRows& rows, uint32_t at) : rows_(&rows), at_(at) {}
    LiveRow operator*() const { return {rows_->runs_[run_].batch, rows_->indices_[at_]}; }
    Iterator& operator++() {
      ++at_;
      if (run_ + 1 < rows_->runs_.size() && rows_->runs_[run_ + 1].begin == at_) ++run_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const LiveRows* rows_;
    size_t run_ = 0;
    uint32_t at_;
  };

  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, static_cast<uint32_t>(indices_.size())}; }
  size_t size() const { return indices_.size(); }
  bool empty() const { return indices_.empty(); }
  std::span<const Run> runs() const { return runs_; }
  void add(const std::shared_ptr<const LiveBatch>& batch, uint32_t index) {
    if (runs_.empty() || runs_.back().batch != batch)
      runs_.push_back({batch, static_cast<uint32_t>(indices_.size())});
    indices_.push_back(index);
  }
  void reserve_more(size_t count) {
    const size_t wanted = indices_.size() + count;
    if (wanted > indices_.capacity())
      indices_.reserve(indices_.empty() ? wanted : std::max(wanted, 2 * indices_.capacity()));
  }

 private:
  std::vector<Run> runs_;
  std::vector<uint32_t> indices_;
};

// What some spans have, as the zone of a row group says it: enough to pass by those that cannot match.
struct LiveZone {
  uint32_t kinds = 0;     // bit min(kind, 31)
  uint32_t statuses = 0;  // bit min(status, 31)
  uint64_t min_duration = UINT64_MAX;
  uint64_t max_duration = 0;
  void add(const model::SpanView& span) {
    kinds |= uint32_t{1} << std::min<uint32_t>(static_cast<uint32_t>(span.kind), 31);
    statuses |= uint32_t{1} << std::min<uint32_t>(static_cast<uint32_t>(span.status), 31);
    min_duration = std::min(min_duration, span.duration_ns());
    max_duration = std::max(max_duration, span.duration_ns());
  }
  void add(const LiveZone& other) {
    kinds |= other.kinds;
    statuses |= other.statuses;
    min_duration = std::min(min_duration, other.min_duration);
    max_duration = std::max(max_duration, other.max_duration);
  }
};

// The rows of one trace that will go into a block together.
struct LivePart {
  LiveRows rows;
  uint64_t bytes = 0;  // received bytes, about
  LiveZone zone;       // of all rows; those a reader does not see count, too
  TimestampNs min_start{UINT64_MAX};
  TimestampNs max_end{0};
  std::chrono::nanoseconds created{0};    // monotonic
  std::chrono::nanoseconds last_span{0};  // monotonic
  bool frozen = false;                    // no row is added any more
  bool shown = false;                     // a reader has it: likewise
  bool is_whole = true;                   // else times and zone are also those of rows left out
};

struct LiveTrace {
  TraceId id;
  absl::InlinedVector<std::shared_ptr<const LivePart>, 1> parts;  // only visible rows
};

struct Visible {
  uint64_t sequence = 0;
  uint64_t version = 0;
};

struct InsertLimits {
  uint64_t live_traces_max = 0;  // 0: none
  uint64_t bytes_per_trace_max = 0;
};
struct Inserted {
  uint64_t spans = 0;
  uint64_t new_traces = 0;
  uint64_t over_live_traces = 0;  // spans dropped
  uint64_t over_trace_bytes = 0;
  std::optional<TraceId>
      too_large;  // one of those traces, and what did not fit, for the error text
  uint64_t too_large_bytes = 0;
};

struct CutRule {
  std::chrono::nanoseconds now{0};  // monotonic
  std::chrono::nanoseconds idle_period{0};
  std::chrono::nanoseconds duration_max{0};
  bool everything = false;
};
struct DueTraces {
  uint64_t traces = 0;
  uint64_t bytes = 0;
  bool any_at_duration = false;  // one has been live for duration_max
};

class LiveTraces {
 public:
  // `spans` are those of `batch`.
  Inserted insert(const std::shared_ptr<LiveBatch>& batch, const model::SpanBatch& spans,
                  std::chrono::nanoseconds now, const InsertLimits& limits);
  // Whether some trace of the batch is live already.
  bool knows_any(const model::SpanBatch& batch) const;

  LiveTrace find(const TraceId& id, Visible visible) const;
  // Whether the reader finds anything of it.
  bool knows(const TraceId& id, Visible visible) const;
  // Those that a reader who began at `sequence` sees, about in the order they came.
  std::vector<std::shared_ptr<const LiveBatch>> batches(uint64_t sequence) const;

  DueTraces due(const CutRule& rule) const;
  // Closes due parts and returns them and those closed earlier; they stay readable.
  std::vector<LiveTrace> freeze(const CutRule& rule);
  // The closed parts are in the block list from `version` on.
  void depart(const std::vector<LiveTrace>& cut, uint64_t version);
  // Who still reads a list of blocks that is not the last one.
  struct OldReaders {
    uint64_t oldest_version = 0;
    uint64_t newest_sequence = 0;  // 0: there are none
  };
  // Gives up what departed and none of them sees: those who come later find it in blocks.
  void forget(const OldReaders& readers);

  // Earliest start and latest end; nullopt when nothing is live.
  std::optional<std::pair<TimestampNs, TimestampNs>> time_range() const;
  uint64_t trace_count() const { return trace_count_.load(std::memory_order_relaxed); }
  uint64_t span_count() const { return span_count_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kShardCount = 256;
  using Parts = std::vector<std::shared_ptr<LivePart>>;
  struct Departed {
    uint64_t version = 0;
    bool is_sieved = false;  // what nobody saw is gone
    absl::flat_hash_map<TraceId, Parts, TraceIdHash> traces;
  };
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_map<TraceId, Parts, TraceIdHash>
        traces;                      // guarded by mutex; the last part may grow
    std::vector<Departed> departed;  // guarded by mutex; versions ascend
    // Guarded by mutex: of `traces`, and wider while something has departed since time_range() looked at all.
    mutable TimestampNs min_start{UINT64_MAX};
    mutable TimestampNs max_end{0};
    mutable bool has_shrunk = false;
  };
  static size_t shard_of(const TraceId& id) { return (TraceIdHash{}(id) >> 7) % kShardCount; }
  // The earliest start of the run's spans when no reader sees an earlier part of what goes into a block with them.
  std::optional<TimestampNs> insert_run(Shard& shard, const std::shared_ptr<LiveBatch>& batch,
                                        const model::SpanBatch& spans,
                                        std::span<const uint32_t> run, std::chrono::nanoseconds now,
                                        const InsertLimits& limits, Inserted& result);
  void list(const std::shared_ptr<LiveBatch>& batch);

  std::array<Shard, kShardCount> shards_;
  mutable std::mutex batches_mutex_;
  // Guarded by batches_mutex_, in the order they came; those that are gone are swept out now and then.
  std::vector<std::weak_ptr<const LiveBatch>> batches_;
  size_t sweep_at_ = 0;  // likewise: when there are so many
  std::atomic<uint64_t> trace_count_{0};
  std::atomic<uint64_t> span_count_{0};
};

// What a decoded batch occupies, about.
uint64_t memory_of(const model::SpanBatch& batch);

}  // namespace sightline::tracestore
