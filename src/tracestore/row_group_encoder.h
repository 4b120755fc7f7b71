#pragma once
// Encodes whole traces as one row group: chunks of columns and a directory behind them.
//   Format   docs/formats/trace_block.md, "Row group".
#include <span>
#include <string>

#include "tracestore/block_format.h"
#include "tracestore/trace_spans.h"

namespace sightline::tracestore {

// The traces united, not empty, together at most kRowsMax spans. Fills every field
// of `zone` but its offset and first trace.
std::string encode_row_group(std::span<const TraceSpans> traces, RowGroupZone& zone);

}  // namespace sightline::tracestore
