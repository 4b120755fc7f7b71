#pragma once
// What deletes took from a series: ranges of time, as a block's tombstones and as the head keeps them
// until its samples leave it for a block.
//   Threads  DeletedRanges and Tombstones are values; HeadDeletions is used from any thread.
//   Format   docs/formats/tsdb_block.md, "tombstones"
#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tsdb/block/exemplar_column.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

// Inclusive at both ends, milliseconds.
struct DeletedRange {
  int64_t min = 0;
  int64_t max = 0;
  friend bool operator==(DeletedRange, DeletedRange) = default;
};
// Ascending, apart from each other.
using DeletedRanges = std::vector<DeletedRange>;

void add_range(DeletedRanges& ranges, DeletedRange added);
bool is_deleted(std::span<const DeletedRange> ranges, int64_t time);
// Whether one of the ranges holds all of [min, max].
bool is_deleted(std::span<const DeletedRange> ranges, int64_t min, int64_t max);

// Takes deleted samples from what follows the first `floats` and `histograms` ones. What a histogram's reset hint said
// of a sample that is gone is unknown then.
void erase_deleted(std::span<const DeletedRange> ranges, size_t floats, size_t histograms,
                   SampleColumns& columns);

// Of the series of one block, by number.
class Tombstones {
 public:
  static Result<Tombstones> parse(std::string_view bytes);
  std::string to_bytes() const;

  void add(uint32_t series, DeletedRange range) { add_range(by_series_[series], range); }
  std::span<const DeletedRange> of(uint32_t series) const;  // valid until the next add()
  bool empty() const { return by_series_.empty(); }
  size_t series_count() const { return by_series_.size(); }
  std::vector<uint32_t> series() const;  // ascending

 private:
  absl::flat_hash_map<uint32_t, DeletedRanges> by_series_;
};

// One delete of one series of the head: takes what was committed before it.
struct HeadDeletion {
  int64_t min = 0;
  int64_t max = 0;           // no later than what the series held then
  int64_t in_order_max = 0;  // its newest sample then: what comes in order is later
  uint64_t commit = 0;
};

class HeadDeletions {
 public:
  void add(uint64_t series, const HeadDeletion& deletion);
  // Those that a reader as of `commit` sees.
  std::vector<HeadDeletion> of(uint64_t series, uint64_t commit) const;
  // Forgets those of what the head holds no more.
  void truncate(int64_t time, uint64_t commit);

 private:
  std::atomic<size_t> count_{
      0};  // 0, as a rule: then of() takes no lock. Grows before the delete's commit can be read
  mutable std::mutex mutex_;
  absl::flat_hash_map<uint64_t, std::vector<HeadDeletion>> by_series_;  // guarded by mutex_
};

// Of samples in order; of samples and exemplars that have their own commit.
DeletedRanges in_order_ranges(std::span<const HeadDeletion> deletions);
bool is_deleted(std::span<const HeadDeletion> deletions, int64_t time, uint64_t commit);

}  // namespace sightline::tsdb
