#pragma once
// How many spans a second came in lately, from a counter looked at now and then.
//   Threads   note() from one thread, per_second() from any.
#include <atomic>
#include <chrono>
#include <cstdint>

namespace sightline::server {

class SpansRate {
 public:
  // `total` only grows. Called about once a second.
  void note(std::chrono::nanoseconds now, uint64_t total) {
    if (last_.count() != 0 && now > last_) {
      const double seconds = std::chrono::duration<double>(now - last_).count();
      const double rate = static_cast<double>(total - total_) / seconds;
      // Half of it new: steady enough to read, gone within seconds when the traffic stops.
      const double smoothed = (per_second_.load(std::memory_order_relaxed) + rate) / 2;
      per_second_.store(smoothed < 0.05 ? 0 : smoothed, std::memory_order_relaxed);
    }
    last_ = now;
    total_ = total;
  }
  double per_second() const { return per_second_.load(std::memory_order_relaxed); }

 private:
  std::chrono::nanoseconds last_{0};
  uint64_t total_ = 0;
  std::atomic<double> per_second_{0};
};

}  // namespace sightline::server
