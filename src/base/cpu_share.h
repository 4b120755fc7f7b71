#pragma once
// Lets work that can wait leave the processors to work that cannot. Threads of the first kind call rest() every few
// milliseconds, outside all locks, and are held there while their kind has had its share. A lower priority would not do:
// a thread that loses its processor inside the allocator or a map holds up those that wait for its lock.
//   Share    all processors, while the rest of the process does little; else what the machine leaves idle, less a
//            reserve, and less and less while the rest of the process waits for a processor: who is served late is asked
//            less often, and what idles then is not there to be had. At least a small part of what the rest of the process
//            gets, so that everything ends some day.
//   Brief    what a work takes at first is given at once, out of a small part of the machine kept for this, so that
//            who asks little is not held up by those who ask much.
//   Threads  any.
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/time.h"

namespace sightline {

// In processors.
struct CpuWindow {
  double own = 0;                     // what those that rest took
  double others = 0;                  // the other threads of the process
  double idle = 0;                    // of the machine
  std::optional<double> waited = {};  // the other threads, for a processor; none: nobody knows
};

struct CpuShareOptions {
  double processors = 1;
  double least = 0.06;  // of what the others get
  // Parts of all processors.
  double quiet = 0.1;    // others that take less need nothing left to them
  double reserve = 0.1;  // stays idle, for what comes suddenly
  double brief = 0.05;   // for the beginnings of works
  // Of what the others get: waits that nobody minds.
  double waiting = 0.1;
  std::chrono::nanoseconds window = std::chrono::milliseconds(100);
  std::chrono::nanoseconds beginning = std::chrono::milliseconds(50);  // of a work
};

// What those that rest may take from now on, in processors, after a window such as this.
double next_cpu_share(const CpuShareOptions& options, const CpuWindow& window);

class CpuShare {
 public:
  // So far; from some moment on.
  struct Usage {
    std::chrono::nanoseconds process{0};  // processor time of all its threads
    std::chrono::nanoseconds idle{0};     // of all processors together
    std::chrono::nanoseconds waited{0};   // for a processor, by its threads
  };
  enum class Detail { kProcess, kAll };  // only `process`, which costs a hundredth
  // Without what threads with these ids do and did.
  using ReadUsage = std::function<Usage(const std::vector<pid_t>& left_out, Detail)>;
  static Usage usage_now(const std::vector<pid_t>& left_out, Detail detail);

  CpuShare(const Clock& clock, CpuShareOptions options, ReadUsage usage = &CpuShare::usage_now);

  // The calling thread does what can wait as well: nothing is left to it, and nobody asks how long it waits.
  void leave_out_this_thread();
  // Several threads may be at one work. Belongs to the share that began it.
  class Work {
    friend class CpuShare;
    double taken_ns_ = 0;  // guarded by the share's mutex_
  };
  // Called by a thread that will be at it: what the thread took before is not the work's.
  Work begin();
  // What the calling thread took since its last call, is counted; then it waits until there is something to take. Ends
  // early when `cancelled`, which may be empty, says so.
  void rest(Work& work, const std::function<bool()>& cancelled);
  double share() const;

 private:
  // All need mutex_.
  Usage used() const;  // by the calling thread; what it waited only where that is compared
  void take(const Usage& by_thread, double& budget_ns);
  void refill();
  void end_window(std::chrono::nanoseconds passed);

  const Clock& clock_;
  const CpuShareOptions options_;
  const ReadUsage usage_;
  mutable std::mutex mutex_;  // guards everything below
  double share_;
  double budget_ns_ = 0;
  double brief_budget_ns_ = 0;
  double own_ns_ = 0, own_waited_ns_ = 0;  // within the window
  std::chrono::nanoseconds refilled_at_;
  std::chrono::nanoseconds window_from_;
  Usage at_window_;
  bool knows_all_ = false;  // at_window_ does
  std::vector<pid_t> left_out_;
};

}  // namespace sightline
