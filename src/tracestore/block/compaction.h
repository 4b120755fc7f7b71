#pragma once
// Which blocks to merge, and merging: traces of several blocks come together, duplicates collapse.
//   Threads   one owner: maintenance; readers go on with the old blocks.
//   Memory    the spans of one row group, decoded, and of those row groups that hold further
//             parts of its traces.
#include <absl/container/flat_hash_set.h>

#include "tracestore/block/block_writer.h"
#include "tracestore/block/publication.h"
#include "tracestore/options.h"

namespace sightline::tracestore {

// A run of neighbours of similar size; empty when there is nothing to do. `blocks` oldest first.
BlockList pick_compaction(const BlockList& blocks, const TraceStoreOptions& options);

// Which traces of some blocks go on: all that are not gone, which takes no memory, or those it names.
class KeptTraces {
 public:
  using Ids = absl::flat_hash_set<TraceId, TraceIdHash>;
  static KeptTraces all_of(const BlockList& inputs);
  explicit KeptTraces(Ids named) : is_empty_(named.empty()), named_(std::move(named)) {}
  bool is_empty() const { return is_empty_; }
  bool has(const TraceId& id) const { return all_ || named_.contains(id); }

 private:
  KeptTraces() = default;
  bool all_ = false;
  bool is_empty_ = true;
  Ids named_;
};

// Writes the traces that are kept, of `inputs` (oldest first). kCorrupt when an input turned out
// corrupt: it is marked then, and nothing should be published.
// Row groups of half of `row_group_rows` and more are copied as they are when (nearly) all of their traces stay.
Status merge_traces(const BlockList& inputs, const KeptTraces& kept, BlockWriter& writer,
                    uint32_t row_group_rows);

}  // namespace sightline::tracestore
