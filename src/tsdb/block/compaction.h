#pragma once
// Writing blocks: from the head, and from blocks. Everything here works on
// immutable input and may take long; ingestion goes on meanwhile.
#include "tsdb/store_querier.h"

namespace sightline::tsdb {

struct HeadWindow {
  int64_t start = 0;    // of the block-sized window
  int64_t end = 0;      // exclusive
  uint64_t commit = 0;  // samples up to it
};

// A block of what the head holds in the window; nullopt when that is nothing.
Result<std::optional<BlockMeta>> write_head_block(io::FileSystem& fs, const std::string& parent,
                                                  uint64_t number, Head& head,
                                                  const HeadWindow& window,
                                                  const TsdbOptions& options);

// One block of several; sources by age. Overlapping samples are joined, exemplars thinned
// by the same policy in windows that grow with the block; what was deleted is left out. nullopt when nothing is left.
Result<std::optional<BlockMeta>> merge_blocks(io::FileSystem& fs, const std::string& parent,
                                              uint64_t number, const BlockList& sources,
                                              const TsdbOptions& options);

// Which blocks to merge next; empty when nothing is due. Overlapping ones first, then
// neighbours of one window of one, three, nine, ... block durations that is over, then a block alone that more than a
// twentieth of the series were deleted from.
BlockList plan_compaction(const BlockList& blocks, const TsdbOptions& options);

// The longest block compaction may make.
int64_t block_duration_max(const TsdbOptions& options);

}  // namespace sightline::tsdb
