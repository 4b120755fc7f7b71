#pragma once
// How often each pair of two small numbers comes, without hashing and without sorting them all.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace sightline::tracestore {

struct NumberPair {
  uint32_t first = 0;
  uint32_t second = 0;
};

// `pairs`: each number below its bound. Calls `visit(first, second, times)` in their order.
template <typename Visit>
void count_pairs(std::span<const NumberPair> pairs, uint32_t firsts, uint32_t seconds,
                 Visit visit) {
  // The seconds of each first, one after the other.
  std::vector<uint32_t> ends(size_t{firsts} + 1, 0);
  for (const NumberPair& pair : pairs) ++ends[pair.first + 1];
  for (size_t first = 0; first < firsts; ++first) ends[first + 1] += ends[first];
  std::vector<uint32_t> grouped(pairs.size());
  for (const NumberPair& pair : pairs) grouped[ends[pair.first]++] = pair.second;
  std::vector<uint32_t> times(seconds, 0);
  std::vector<uint32_t> met;
  uint32_t at = 0;
  for (uint32_t first = 0; first < firsts; ++first) {
    met.clear();
    for (; at < ends[first]; ++at)
      if (times[grouped[at]]++ == 0) met.push_back(grouped[at]);
    std::sort(met.begin(), met.end());
    for (const uint32_t second : met) {
      visit(first, second, times[second]);
      times[second] = 0;
    }
  }
}

}  // namespace sightline::tracestore
