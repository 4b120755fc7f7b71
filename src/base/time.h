#pragma once
// Points in time and the clock that tells them. Durations are std::chrono.
#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace sightline {

// Milliseconds since the Unix epoch: the time of every sample and exemplar.
struct TimestampMs {
  int64_t value = 0;
  friend constexpr auto operator<=>(TimestampMs, TimestampMs) = default;
  static constexpr TimestampMs min() { return {std::numeric_limits<int64_t>::min()}; }
  static constexpr TimestampMs max() { return {std::numeric_limits<int64_t>::max()}; }
};

// Nanoseconds since the Unix epoch: the time of every span and event.
struct TimestampNs {
  uint64_t value = 0;
  friend constexpr auto operator<=>(TimestampNs, TimestampNs) = default;
};

constexpr TimestampMs to_ms(TimestampNs t) {  // rounds down
  return {static_cast<int64_t>(t.value / 1'000'000)};
}

// Wall time and monotonic time, handed in so that tests own them.
// Threads: implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimestampNs now() const = 0;                     // wall clock
  virtual std::chrono::nanoseconds monotonic() const = 0;  // never goes back
  TimestampMs now_ms() const { return to_ms(now()); }
};

class SystemClock final : public Clock {
 public:
  TimestampNs now() const override;
  std::chrono::nanoseconds monotonic() const override;
};

// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimestampNs start) : now_(start) {}
  TimestampNs now() const override { return now_; }
  std::chrono::nanoseconds monotonic() const override { return monotonic_; }
  void advance(std::chrono::nanoseconds by) {
    now_.value += static_cast<uint64_t>(by.count());
    monotonic_ += by;
  }
  void set_wall(TimestampNs now) { now_ = now; }

 private:
  TimestampNs now_;
  std::chrono::nanoseconds monotonic_{0};
};

}  // namespace sightline
