#include "tsdb/head/write_pace.h"

#include "tsdb/head/series.h"

namespace sightline::tsdb {

void WritePace::begin(int64_t newest) {
  const std::lock_guard lock(mutex_);
  newest_then_ = newest;
  began_ = clock_.monotonic();
  is_maintaining_.store(newest != kNoTime, std::memory_order_relaxed);
}

void WritePace::end() {
  {
    const std::lock_guard lock(mutex_);
    is_maintaining_.store(false, std::memory_order_relaxed);
  }
  ended_.notify_all();
}

void WritePace::hold_back(int64_t newest) {
  if (!is_maintaining_.load(std::memory_order_relaxed)) return;
  std::unique_lock lock(mutex_);
  if (newest <= newest_then_) return;
  const std::chrono::milliseconds came(newest - newest_then_);
  if (came - (clock_.monotonic() - began_) <= ahead_max_) return;
  ended_.wait_for(lock, kHoldMax, [&] { return !is_maintaining_.load(std::memory_order_relaxed); });
}

}  // namespace sightline::tsdb
