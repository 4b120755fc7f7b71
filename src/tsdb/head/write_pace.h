#pragma once
// Holds writers back that send the past faster than blocks can be made of it, so that the head stays small whatever
// their pace. Samples that are as old as they are late never wait.
//   Threads  hold_back() any; a Maintenance by whoever maintains the store.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/time.h"

namespace sightline::tsdb {

class WritePace {
 public:
  // How far samples may get ahead of real time while one maintenance runs.
  WritePace(const Clock& clock, std::chrono::milliseconds ahead_max)
      : clock_(clock), ahead_max_(ahead_max) {}

  // For as long as one exists, blocks are being made. `newest`: the head's newest sample now.
  class Maintenance {
   public:
    Maintenance(WritePace& pace, int64_t newest) : pace_(pace) { pace_.begin(newest); }
    ~Maintenance() { pace_.end(); }
    Maintenance(const Maintenance&) = delete;
    Maintenance& operator=(const Maintenance&) = delete;

   private:
    WritePace& pace_;
  };

  // After a commit, when the head's newest sample is of `newest`. Returns at once, or when the maintenance ended, or
  // after kHoldMax.
  void hold_back(int64_t newest);

  static constexpr std::chrono::milliseconds kHoldMax{100};

 private:
  void begin(int64_t newest);
  void end();

  const Clock& clock_;
  const std::chrono::milliseconds ahead_max_;
  std::atomic<bool> is_maintaining_{false};
  std::mutex mutex_;
  std::condition_variable ended_;
  int64_t newest_then_ = 0;            // when maintenance began; guarded by mutex_
  std::chrono::nanoseconds began_{0};  // guarded by mutex_
};

}  // namespace sightline::tsdb
