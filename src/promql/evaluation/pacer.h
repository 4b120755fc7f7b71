#pragma once
// Lets a long loop ask now and then whether its query is still wanted, and sorts so.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "promql/evaluation/evaluator.h"

namespace sightline::promql {

class Pacer {
 public:
  explicit Pacer(const QueryContext& context) : context_(context) {}
  // Once per element.
  Status step() { return ++count_ % kStepsPerQuestion == 0 ? context_.alive() : Status(); }

 private:
  static constexpr uint32_t kStepsPerQuestion = 1024;
  const QueryContext& context_;
  uint32_t count_ = 0;
};

// The order in which less(a, b) of indices below `count` sorts them, equal ones as they came.
template <typename Less>
Result<std::vector<uint32_t>> sorted_order(size_t count, Less less, const QueryContext& context) {
  constexpr size_t kRun = 2048;
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  const auto at = [&](size_t i) {
    return order.begin() + static_cast<ptrdiff_t>(std::min(i, count));
  };
  for (size_t begin = 0; begin < count; begin += kRun) {
    if (auto ok = context.alive(); !ok) return std::unexpected(ok.error());
    std::stable_sort(at(begin), at(begin + kRun), less);
  }
  Pacer pacer(context);
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

// The series in the order that less(a, b) of two of them sorts them.
template <typename Less>
Status sort_series(std::vector<Series>& series, Less less, const QueryContext& context) {
  const auto by_index = [&](uint32_t a, uint32_t b) { return less(series[a], series[b]); };
  const auto order = sorted_order(series.size(), by_index, context);
  if (!order) return std::unexpected(order.error());
  std::vector<Series> sorted;
  sorted.reserve(series.size());
  for (const uint32_t i : *order) sorted.push_back(std::move(series[i]));
  series = std::move(sorted);
  return {};
}

}  // namespace sightline::promql
