#pragma once
// Live batches that were read from the log for queries: what all of them together hold decoded.
//   Budget   batches read lately stay, up to `kept_bytes_max`; beyond, the oldest go. What queries hold besides, each in
//            pieces of work, is `work_bytes_max` divided among those that are at it.
//   Threads  any; a Reader belongs to one.
//   Lifetime readers must not outlive the cache; batches they got may.
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <absl/container/flat_hash_map.h>

#include "tracestore/live/live_traces.h"

namespace sightline::tracestore {

class LiveBatchCache {
 public:
  struct Limits {
    uint64_t kept_bytes_max = 24u << 20;
    uint64_t work_bytes_max = 48u << 20;
    uint64_t work_bytes_least = 2u << 20;  // of one reader, however many there are
  };
  explicit LiveBatchCache(const Limits& limits) : limits_(limits) {}

  // Who reads batches, while it exists.
  class Reader {
   public:
    explicit Reader(LiveBatchCache& cache) : cache_(cache) { ++cache_.readers_; }
    ~Reader() { --cache_.readers_; }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    Result<std::shared_ptr<const model::SpanBatch>> read(
        const std::shared_ptr<const LiveBatch>& batch) {
      return cache_.read(batch);
    }
    // What it may hold decoded at once, by LiveBatch::decoded_bytes().
    uint64_t bytes_max() const;

   private:
    LiveBatchCache& cache_;
  };

  uint64_t bytes() const;  // kept now

 private:
  struct Known {
    std::weak_ptr<const LiveBatch> live;  // another one may come to lie where it was
    std::shared_ptr<const model::SpanBatch> spans;
  };
  struct Place {
    const LiveBatch* live = nullptr;
    uint64_t bytes = 0;
  };
  Result<std::shared_ptr<const model::SpanBatch>> read(
      const std::shared_ptr<const LiveBatch>& batch);
  std::shared_ptr<const model::SpanBatch> known(
      const std::shared_ptr<const LiveBatch>& batch) const;
  void keep(const std::shared_ptr<const LiveBatch>& batch,
            std::shared_ptr<const model::SpanBatch> spans);

  const Limits limits_;
  std::atomic<uint64_t> readers_{0};  // each counts itself
  mutable std::mutex mutex_;          // guards everything below
  uint64_t bytes_ = 0;
  std::deque<Place> order_;  // oldest first
  absl::flat_hash_map<const LiveBatch*, Known> known_;
};

}  // namespace sightline::tracestore
