#pragma once
// Chance, handed in so that a failure replays from its seed.
#include <cstdint>
#include <random>
#include <string>

namespace sightline {

// xoshiro-class generator state behind a small interface. Not for secrets.
//   Threads  owned by one thread.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  static uint64_t entropy_seed();  // from the operating system
  uint64_t next() { return engine_(); }
  // Uniform in [0, bound); bound > 0.
  uint64_t below(uint64_t bound) {
    return std::uniform_int_distribution<uint64_t>(0, bound - 1)(engine_);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  std::string uuid();                                                      // RFC 9562 version 4

 private:
  std::mt19937_64 engine_;
};

}  // namespace sightline
