#pragma once
// What the bytes of a block are spent on.
#include "tsdb/block/block.h"

namespace sightline::tsdb {

struct BlockParts {
  GroupParts groups;
  uint64_t checksums = 0;
  uint64_t histograms = 0;  // native ones
  uint64_t exemplars = 0;
  uint64_t index_labels = 0;  // symbols and series entries
  uint64_t index_postings = 0;
  uint64_t index_groups = 0;
  void add(const BlockParts& other);
  // A table, a line a part, with bytes a sample; of exemplars bytes each.
  std::string to_text(uint64_t samples, uint64_t exemplar_count) const;
};

// Reads the whole block, every checksum included.
Result<BlockParts> measure_block(const Block& block);

}  // namespace sightline::tsdb
