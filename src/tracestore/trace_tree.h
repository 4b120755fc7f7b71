#pragma once
// The tree of each trace within a row group: rows of parents and nested sets.
//   Invariant  following parent_row ends: a loop of spans that name each other
//              as parents is opened at its first row.
#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "tracestore/querier.h"

namespace sightline::tracestore {

// For each row the row, within [begin, end), of the span its parent id names; kNoRow
// for roots and orphans. Of several rows with that span id the first counts, one's own never.
void find_parent_rows(std::span<const SpanId> span_ids, std::span<const SpanId> parents,
                      uint32_t begin, uint32_t end, std::span<uint32_t> parent_rows);

struct NestedSets {
  std::vector<uint32_t> left;
  std::vector<uint32_t> right;
};
// Numbers start at 1 in each trace. Opens loops in `parent_rows`.
NestedSets number_nested_sets(std::span<const TraceRows> traces, std::span<uint32_t> parent_rows);

}  // namespace sightline::tracestore
