#include "base/heap.h"

#include <malloc.h>

#include <algorithm>
#include <thread>

namespace sightline {

void share_heaps() {
  constexpr unsigned kFewest = 2;
  constexpr int kKeptBytesMax = 8 << 20, kMappedBytesMin = 1 << 20;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(kFewest, std::thread::hardware_concurrency())));
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
}

}  // namespace sightline
