#pragma once
// How far the metrics store has read its log, told while it opens and afterwards.
//   Threads  any.
#include <mutex>

#include "io/record_log.h"

namespace sightline::server {

class ReplayProgress {
 public:
  void note(const io::SegmentProgress& progress) {
    const std::lock_guard lock(mutex_);
    progress_ = progress;
  }
  io::SegmentProgress get() const {
    const std::lock_guard lock(mutex_);
    return progress_;
  }

 private:
  mutable std::mutex mutex_;
  io::SegmentProgress progress_;  // guarded by mutex_
};

}  // namespace sightline::server
