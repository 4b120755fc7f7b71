#pragma once
// What the kernel says a process has used: processor time from /proc/<pid>/stat (in ticks of 10 ms), memory from
// /proc/<pid>/status. Linux only.
#include <sys/types.h>

#include <cstdint>

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

}  // namespace sightline::bench
