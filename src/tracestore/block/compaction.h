#pragma once
// Which blocks to merge, and merging: traces of several blocks come together, duplicates collapse.
//   Threads   one owner: maintenance; readers go on with the old blocks.
//   Memory    the spans of one row group, decoded, and of those row groups that hold further
//             parts of its traces.
#include <functional>

#include "tracestore/block/block_writer.h"
#include "tracestore/block/publication.h"
#include "tracestore/options.h"

namespace sightline::tracestore {

// A run of neighbours of similar size; empty when there is nothing to do. `blocks` oldest first.
BlockList pick_compaction(const BlockList& blocks, const TraceStoreOptions& options);

// Writes the traces that `keep` wants, of `inputs` (oldest first). kCorrupt when an input turned out
// corrupt: it is marked then, and nothing should be published.
// Row groups of half of `row_group_rows` and more are copied as they are when (nearly) all of their traces stay.
Status merge_traces(const BlockList& inputs, const std::function<bool(const TraceId&)>& keep,
                    BlockWriter& writer, uint32_t row_group_rows);

}  // namespace sightline::tracestore
