#include "base/time.h"

namespace sightline {

TimestampNs SystemClock::now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {static_cast<uint64_t>(std::chrono::nanoseconds(since_epoch).count())};
}

std::chrono::nanoseconds SystemClock::monotonic() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace sightline
