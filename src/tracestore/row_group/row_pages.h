#pragma once
// How the rows of a row group are divided: pages of whole traces, which every column shares. Both sides compute it from
// the rows of each trace.
#include <cstdint>
#include <span>
#include <vector>

#include "tracestore/block/block_format.h"

namespace sightline::tracestore {

struct RowPage {
  uint32_t begin = 0;  // first row
  uint32_t rows = 0;
  uint32_t first_trace = 0;  // within the row group
  uint32_t traces = 0;
};

// A page closes with the trace that reaches kPageRows.
inline std::vector<RowPage> divide_rows(std::span<const uint32_t> trace_rows) {
  std::vector<RowPage> pages;
  RowPage page;
  for (const uint32_t rows : trace_rows) {
    page.rows += rows;
    ++page.traces;
    if (page.rows < kPageRows) continue;
    pages.push_back(page);
    page = {page.begin + page.rows, 0, page.first_trace + page.traces, 0};
  }
  if (page.rows > 0) pages.push_back(page);
  return pages;
}

// How a row says which row its parent is. Most parents are the row before, or one of its ancestors.
inline constexpr uint64_t kParentNone = 0;
inline constexpr uint64_t kParentForeign = 1;  // not in the trace
inline constexpr uint64_t kParentStepsMax = 62;

// `parent_rows` of the rows from `begin`, the first of the trace, up to `row` are known.
inline uint64_t parent_symbol(uint32_t row, uint32_t parent, uint32_t begin,
                              std::span<const uint32_t> parent_rows) {
  uint32_t candidate = row - 1;
  if (row > begin)
    for (uint64_t step = 0; step <= kParentStepsMax && candidate < row; ++step) {
      if (candidate == parent) return 2 + 2 * step;
      candidate = parent_rows[candidate];
    }
  const int64_t distance = static_cast<int64_t>(row) - static_cast<int64_t>(parent);
  return 3 + 2 * (static_cast<uint64_t>(distance) << 1 ^ static_cast<uint64_t>(distance >> 63));
}
// The row; UINT32_MAX when the symbol names none of [begin, end).
inline uint32_t parent_of_symbol(uint64_t symbol, uint32_t row, uint32_t begin, uint32_t end,
                                 std::span<const uint32_t> parent_rows) {
  if (symbol % 2 == 0) {
    uint32_t candidate = row - 1;
    if (row == begin || (symbol - 2) / 2 > kParentStepsMax) return UINT32_MAX;
    for (uint64_t step = (symbol - 2) / 2; step > 0; --step) {
      if (candidate >= row || candidate < begin) return UINT32_MAX;
      candidate = parent_rows[candidate];
    }
    return candidate >= begin && candidate < row ? candidate : UINT32_MAX;
  }
  const uint64_t folded = (symbol - 3) / 2;
  const int64_t distance = static_cast<int64_t>(folded >> 1) ^ -static_cast<int64_t>(folded & 1);
  if (distance > int64_t{kRowsMax} || distance < -int64_t{kRowsMax}) return UINT32_MAX;
  const int64_t at = static_cast<int64_t>(row) - distance;
  return at >= begin && at < end ? static_cast<uint32_t>(at) : UINT32_MAX;
}

}  // namespace sightline::tracestore
