#pragma once
// What the kernel says a process has used: processor time from /proc/<pid>/stat (in ticks of 10 ms), memory from
// /proc/<pid>/status. Linux only.
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/result.h"

namespace sightline::bench {

struct ProcessUsage {
  double user_seconds = 0;
  double system_seconds = 0;
  uint64_t rss_bytes = 0;       // VmRSS: now
  uint64_t rss_peak_bytes = 0;  // VmHWM: since the process started
  uint64_t threads = 0;
  double cpu_seconds() const { return user_seconds + system_seconds; }
};

// kNotFound when there is no such process.
Result<ProcessUsage> usage_of(pid_t pid);

// The most memory of its own that this process has had since: without pages of files, which the kernel takes back when it
// needs them. A thread looks every few milliseconds.
class OwnMemoryPeak {
 public:
  OwnMemoryPeak();
  ~OwnMemoryPeak();
  uint64_t bytes() const { return bytes_; }

 private:
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sightline::bench
