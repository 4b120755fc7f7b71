#include "net/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

namespace sightline::net {
namespace {

// A quarter stays for files, other listeners and outgoing connections.
constexpr uint64_t usable(uint64_t limit) { return limit - limit / 4; }

}  // namespace

uint64_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return descriptor_limit();
}

size_t connections_allowed(size_t wanted) {
  return static_cast<size_t>(std::min<uint64_t>(wanted, usable(descriptor_limit())));
}

std::string descriptor_advice(size_t wanted) {
  if (connections_allowed(wanted) >= wanted) return {};
  const uint64_t limit = descriptor_limit();
  const uint64_t needed = wanted + wanted / 3 + 1;
  return "this process may open " + std::to_string(limit) +
         " files and connections, so a listener takes " + std::to_string(usable(limit)) +
         " clients at most; for " + std::to_string(wanted) + " allow it " + std::to_string(needed) +
         ": ulimit -n " + std::to_string(needed) + ", or LimitNOFILE= of its systemd unit";
}

}  // namespace sightline::net
