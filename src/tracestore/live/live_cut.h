#pragma once
// Live traces into the row groups of a block. Batches are read one after the other, each once for a row group, so
// that no more than one is in memory besides what the encoder keeps of it.
//   Threads  one owner; `traces` frozen.
#include <vector>

#include "tracestore/block/block_writer.h"
#include "tracestore/live/live_traces.h"

namespace sightline::tracestore {

class LiveCut {
 public:
  LiveCut(const std::vector<LiveTrace>& traces, uint32_t row_group_rows);
  // Everything, in the order of starts.
  Status write(BlockWriter& writer);
  // The traces written: those with a span.
  const std::vector<TraceId>& ids() const { return ids_; }
  uint64_t spans_left_out() const { return spans_left_out_; }

 private:
  struct Group;
  Status write_group(const Group& group, BlockWriter& writer);

  std::vector<const LiveTrace*> by_start_;
  const uint32_t row_group_rows_;
  std::vector<TraceId> ids_;
  uint64_t spans_left_out_ = 0;
};

}  // namespace sightline::tracestore
