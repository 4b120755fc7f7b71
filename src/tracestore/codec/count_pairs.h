#pragma once
// How often each pair of two small numbers comes, without hashing.
#include <algorithm>
#include <cstdint>
#include <vector>

namespace sightline::tracestore {

// Tables of up to this many pairs are counted in place; others by sorting.
inline constexpr uint64_t kPairsCounted = 1u << 18;

// `pairs`: first << 32 | second, each below its bound; left in any order. Calls `visit(first, second, times)` in
// their order.
template <typename Visit>
void count_pairs(std::vector<uint64_t>& pairs, uint32_t firsts, uint32_t seconds, Visit visit) {
  if (uint64_t{firsts} * seconds <= std::min<uint64_t>(kPairsCounted, pairs.size() * 8)) {
    std::vector<uint32_t> times(size_t{firsts} * seconds, 0);
    for (const uint64_t pair : pairs) ++times[(pair >> 32) * seconds + static_cast<uint32_t>(pair)];
    size_t at = 0;
    for (uint32_t first = 0; first < firsts; ++first)
      for (uint32_t second = 0; second < seconds; ++second, ++at)
        if (times[at] != 0) visit(first, second, times[at]);
    return;
  }
  std::sort(pairs.begin(), pairs.end());
  for (size_t at = 0; at < pairs.size();) {
    size_t end = at;
    while (end < pairs.size() && pairs[end] == pairs[at]) ++end;
    visit(static_cast<uint32_t>(pairs[at] >> 32), static_cast<uint32_t>(pairs[at]),
          static_cast<uint32_t>(end - at));
    at = end;
  }
}

}  // namespace sightline::tracestore
