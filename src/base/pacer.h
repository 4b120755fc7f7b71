#pragma once
// Lets long work ask now and then whether it is still wanted, and sorts so.
//   Threads  a Pacer is of one thread.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "base/result.h"

namespace sightline {

// Not fine: why the work should end. An empty one never says so.
using StillWanted = std::function<Status()>;

class Pacer {
 public:
  // `wanted` outlives the Pacer.
  explicit Pacer(const StillWanted& wanted) : wanted_(wanted) {}
  // Once per element.
  Status step() { return ++count_ % kStepsPerQuestion == 0 ? ask() : Status(); }
  Status ask() const { return wanted_ ? wanted_() : Status(); }

 private:
  static constexpr uint32_t kStepsPerQuestion = 1024;
  const StillWanted& wanted_;
  uint32_t count_ = 0;
};

// The order in which less(a, b) of indices below `count` sorts them, equal ones as they came.
template <typename Less>
Result<std::vector<uint32_t>> sorted_order(size_t count, Less less, const StillWanted& wanted) {
  constexpr size_t kRun = 2048;
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  const auto at = [&](size_t i) {
    return order.begin() + static_cast<ptrdiff_t>(std::min(i, count));
  };
  Pacer pacer(wanted);
  for (size_t begin = 0; begin < count; begin += kRun) {
    if (auto ok = pacer.ask(); !ok) return std::unexpected(ok.error());
    std::stable_sort(at(begin), at(begin + kRun), less);
  }
  std::vector<uint32_t> merged(kRun < count ? count : 0);
  for (size_t run = kRun; run < count; run *= 2) {
    auto to = merged.begin();
    for (size_t begin = 0; begin < count; begin += 2 * run) {
      auto a = at(begin);
      auto b = at(begin + run);
      const auto a_end = b;
      const auto b_end = at(begin + 2 * run);
      while (a != a_end && b != b_end) {
        if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
        *to++ = less(*b, *a) ? *b++ : *a++;
      }
      to = std::copy(a, a_end, to);
      to = std::copy(b, b_end, to);
    }
    order.swap(merged);
  }
  return order;
}

}  // namespace sightline
