#pragma once
// Lets work that can wait leave the processors to work that cannot. Threads of the first kind call rest() every few
// milliseconds, outside all locks, and are held there while their kind has had its share. A lower priority would not do:
// a thread that loses its processor inside the allocator or a map holds up those that wait for its lock.
//   Share    all processors, while the rest of the process does little; else what the machine leaves idle, less a
//            reserve; at least a small part of what the rest of the process gets, so that everything ends some day.
//   Threads  any.
#include <chrono>
#include <functional>
#include <mutex>

#include "base/time.h"

namespace sightline {

// In processors.
struct CpuWindow {
  double own = 0;     // what those that rest took
  double others = 0;  // the other threads of the process
  double idle = 0;    // of the machine
};

struct CpuShareOptions {
  double processors = 1;
  double least = 0.06;  // of what the others get
  // Parts of all processors.
  double quiet = 0.1;    // others that take less need nothing left to them
  double reserve = 0.1;  // stays idle, for what comes suddenly
  std::chrono::nanoseconds window = std::chrono::milliseconds(100);
};

// What those that rest may take from now on, in processors, after a window such as this.
double next_cpu_share(const CpuShareOptions& options, const CpuWindow& window);

class CpuShare {
 public:
  // So far; from some moment on.
  struct Usage {
    std::chrono::nanoseconds process{0};  // processor time of all its threads
    std::chrono::nanoseconds idle{0};     // of all processors together
  };
  static Usage usage_now();

  CpuShare(const Clock& clock, CpuShareOptions options,
           std::function<Usage()> usage = &CpuShare::usage_now);

  // What the calling thread took since its last call, is counted; then it waits until there is something to take. Ends
  // early when `cancelled`, which may be empty, says so.
  void rest(const std::function<bool()>& cancelled);
  double share() const;

 private:
  void refill();  // needs mutex_

  const Clock& clock_;
  const CpuShareOptions options_;
  const std::function<Usage()> usage_;
  mutable std::mutex mutex_;  // guards everything below
  double share_;
  double budget_ns_ = 0;
  double own_ns_ = 0;  // within the window
  std::chrono::nanoseconds refilled_at_;
  std::chrono::nanoseconds window_from_;
  Usage at_window_;
};

}  // namespace sightline
