#include "bench/process_usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
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

// proc(5), statm: pages in all, resident, and of these shared, which are of files.
OwnMemoryPeak::OwnMemoryPeak() {
  thread_ = std::thread([this] {
    const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    while (!stopping_) {
      std::array<char, 128> line{};
      unsigned long long resident = 0, shared = 0;
      if (::pread(file, line.data(), line.size() - 1, 0) > 0 &&
          std::sscanf(line.data(), "%*u %llu %llu", &resident, &shared) == 2)
        bytes_ = std::max<uint64_t>(bytes_, (resident - shared) * page_bytes);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ::close(file);
  });
}

OwnMemoryPeak::~OwnMemoryPeak() {
  stopping_ = true;
  thread_.join();
}

}  // namespace sightline::bench
