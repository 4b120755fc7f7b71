#pragma once
// A range of time in pieces, the newest first, so that a stream can answer from each before the next is read.
//   Sizes    the first is as long as asked; each further one is as much longer as the one before it was quick, so
//            that a piece takes some tenths of a second and a quick query few pieces.
//   Threads  one owner.
#include <chrono>
#include <cstdint>
#include <optional>

namespace sightline::api::tempo {

class TimeWindows {
 public:
  // Of [start, end] in any unit of time. `first` is in the same unit, more than 0.
  TimeWindows(uint64_t start, uint64_t end, uint64_t first)
      : start_(start), end_(end), length_(first) {}

  struct Window {
    uint64_t start = 0;  // inclusive, like the end; the next window ends where this one starts
    uint64_t end = 0;
    bool is_last = false;
  };
  // Nothing after the last. `took`: how long the one before was.
  std::optional<Window> next(std::chrono::nanoseconds took);

 private:
  const uint64_t start_;
  uint64_t end_;
  uint64_t length_;
  uint32_t count_ = 0;
  bool done_ = false;
};

}  // namespace sightline::api::tempo
