#include "bench/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace sightline::bench {

Result<ProcessUsage> usage_of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string line;
  if (!std::getline(stat, line)) return fail(Errc::kNotFound, "no process ", pid);
  // The name, in parentheses, may hold anything; what follows starts with field 3. proc(5): utime is 14, stime 15.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user_ticks = 0;
  double system_ticks = 0;
  if (!(fields >> user_ticks >> system_ticks))
    return fail(Errc::kInternal, folder, "/stat is not as proc(5) says");
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessUsage usage{.user_seconds = user_ticks / ticks_per_second,
                     .system_seconds = system_ticks / ticks_per_second};

  std::ifstream status(folder + "/status");
  while (std::getline(status, line)) {
    std::istringstream words(line);
    std::string name;
    uint64_t value = 0;
    words >> name >> value;
    if (name == "VmRSS:") usage.rss_bytes = value << 10;
    if (name == "VmHWM:") usage.rss_peak_bytes = value << 10;
    if (name == "Threads:") usage.threads = value;
  }
  return usage;
}

}  // namespace sightline::bench
