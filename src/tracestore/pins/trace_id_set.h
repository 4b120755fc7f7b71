#pragma once
// Very many trace ids in little memory: of each a fingerprint of 64 bits, 6 to 9 bytes in all once there are many.
//   Exactness  ids of the same fingerprint are one: beside a million ids, one other in 1.8 * 10^13 is taken for one of them.
//   Cost       insert, erase and contains touch one short sorted run: of 16 ids at a million, 160 at ten millions.
//   Memory     1 MiB from the first id on, besides what they take.
//   Threads    one owner, or the caller's lock.
#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.h"

namespace sightline::tracestore {

using TraceFingerprint = uint64_t;
TraceFingerprint fingerprint_of(const TraceId& id);  // XXH3: may be written to disk

class TraceIdSet {
 public:
  bool insert(TraceFingerprint id);  // false when it was there
  bool erase(TraceFingerprint id);   // false when it was not
  bool contains(TraceFingerprint id) const;
  uint64_t count() const { return count_; }
  template <typename Visit>
  void for_each(Visit visit) const {
    for (size_t number = 0; count_ > 0 && number < kRuns; ++number)
      for (const TraceFingerprint id : run(number)) visit(id);
  }
  uint64_t memory_bytes() const;  // asked of the allocator

  // All of them in ascending order, in kRuns pieces.
  static constexpr size_t kRuns = 1u << 16;
  std::vector<TraceFingerprint> run(size_t number) const;

 private:
  // Fingerprints that share their upper 16 bits: the lower 48, in 6 bytes each, ascending.
  struct Run {
    std::unique_ptr<uint8_t[]> bytes;
    uint32_t count = 0;
    uint32_t capacity = 0;
  };
  const Run* find_run(TraceFingerprint id) const;

  std::unique_ptr<Run[]> runs_;  // kRuns; null while there is nothing
  uint64_t count_ = 0;
};

}  // namespace sightline::tracestore
