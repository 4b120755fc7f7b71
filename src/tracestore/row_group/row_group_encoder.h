#pragma once
// Encodes whole traces as one row group: chunks of columns and a directory behind them.
//   Format   docs/formats/trace_block.md, "Row group".
//   Memory   what it is given is copied in compact form, about 150 bytes a span: batches may go when add() returns.
//   Threads  one owner.
#include <memory>
#include <span>
#include <string>

#include "tracestore/block/block_format.h"
#include "tracestore/row_group/value_index.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

class RowGroupEncoder {
 public:
  // `spans`: how many are expected, for room; any number will do.
  explicit RowGroupEncoder(size_t spans = 0);
  ~RowGroupEncoder();

  // Spans of a batch follow; the one before may go.
  void begin_batch(const model::SpanBatch& batch);
  // A span of that batch. Traces lie in the order of the numbers that the caller gives them, best by their start; of
  // duplicates the first by `arrival` counts. Spans of a trace need not come together.
  void add(uint32_t trace, uint32_t index, uint64_t arrival);

  struct Encoded {
    std::string bytes;  // filter, chunks, directory
    RowGroupZone zone;  // all but its offset and first trace
    RowGroupValues values;
    std::vector<uint32_t> traces;  // their numbers, ascending
    uint64_t spans_left_out = 0;   // beyond kRowsMax of one trace
  };
  // Not empty; together at most kRowsMax spans. Once.
  Encoded finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

// The traces united, not empty, in their order.
RowGroupEncoder::Encoded encode_row_group(std::span<const TraceSpans> traces);

}  // namespace sightline::tracestore
