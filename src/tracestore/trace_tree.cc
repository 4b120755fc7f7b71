#include "tracestore/trace_tree.h"

#include <algorithm>

#include <absl/container/flat_hash_map.h>

namespace sightline::tracestore {
namespace {

// Children of each row of one trace as linked lists, in row order.
struct Children {
  std::vector<uint32_t> first;
  std::vector<uint32_t> next;
};

Children list_children(const TraceRows& trace, std::span<const uint32_t> parent_rows) {
  Children children{std::vector<uint32_t>(trace.count, kNoRow),
                    std::vector<uint32_t>(trace.count, kNoRow)};
  for (uint32_t i = trace.count; i-- > 0;) {
    const uint32_t parent = parent_rows[trace.begin + i];
    if (parent == kNoRow) continue;
    const uint32_t p = parent - trace.begin;
    children.next[i] = children.first[p];
    children.first[p] = i;
  }
  return children;
}

// Walks the tree below `root`, row numbers relative to the trace.
void number_tree(uint32_t root, const TraceRows& trace, const Children& children, uint32_t& number,
                 NestedSets& sets, std::vector<uint32_t>& stack) {
  // `stack` holds the path; `pending` of a row is its next child to visit.
  std::vector<uint32_t> pending{children.first[root]};
  stack.assign(1, root);
  sets.left[trace.begin + root] = number++;
  while (!stack.empty()) {
    const uint32_t child = pending.back();
    if (child == kNoRow) {
      sets.right[trace.begin + stack.back()] = number++;
      stack.pop_back();
      pending.pop_back();
      continue;
    }
    pending.back() = children.next[child];
    if (sets.left[trace.begin + child] != 0) continue;  // the opened end of a loop
    sets.left[trace.begin + child] = number++;
    stack.push_back(child);
    pending.push_back(children.first[child]);
  }
}

// A row on the loop above row `from`, whose ancestors never end. `visited_by` is scratch, one per row.
uint32_t row_on_loop(uint32_t from, const TraceRows& trace, std::span<const uint32_t> parent_rows,
                     std::vector<uint32_t>& visited_by) {
  uint32_t at = from;
  while (visited_by[at] != from) {
    visited_by[at] = from;
    at = parent_rows[trace.begin + at] - trace.begin;
  }
  return at;
}

}  // namespace

void find_parent_rows(std::span<const SpanId> span_ids, std::span<const SpanId> parents,
                      uint32_t begin, uint32_t end, std::span<uint32_t> parent_rows) {
  constexpr uint32_t kScanRowsMax = 12;  // below it, looking beats hashing
  if (end - begin <= kScanRowsMax) {
    for (uint32_t row = begin; row < end; ++row) {
      parent_rows[row] = kNoRow;
      for (uint32_t other = begin; parents[row].is_valid() && other < end; ++other) {
        if (other == row || span_ids[other] != parents[row]) continue;
        parent_rows[row] = other;
        break;
      }
    }
    return;
  }
  struct FirstTwo {
    uint32_t first;
    uint32_t second = kNoRow;  // for the row that names itself
  };
  absl::flat_hash_map<SpanId, FirstTwo, SpanIdHash> rows;
  rows.reserve(end - begin);
  for (uint32_t row = begin; row < end; ++row) {
    const auto [known, is_new] = rows.try_emplace(span_ids[row], FirstTwo{row});
    if (!is_new && known->second.second == kNoRow) known->second.second = row;
  }
  for (uint32_t row = begin; row < end; ++row) {
    const auto found = parents[row].is_valid() ? rows.find(parents[row]) : rows.end();
    parent_rows[row] = found == rows.end()          ? kNoRow
                       : found->second.first != row ? found->second.first
                                                    : found->second.second;
  }
}

NestedSets number_nested_sets(std::span<const TraceRows> traces, std::span<uint32_t> parent_rows) {
  NestedSets sets{std::vector<uint32_t>(parent_rows.size()),
                  std::vector<uint32_t>(parent_rows.size())};
  std::vector<uint32_t> stack;
  for (const TraceRows& trace : traces) {
    const Children children = list_children(trace, parent_rows);
    uint32_t number = 1;
    for (uint32_t i = 0; i < trace.count; ++i)
      if (parent_rows[trace.begin + i] == kNoRow)
        number_tree(i, trace, children, number, sets, stack);
    std::vector<uint32_t> visited_by;
    for (uint32_t i = 0; i < trace.count; ++i) {
      if (sets.left[trace.begin + i] != 0) continue;  // what is left over hangs on loops
      if (visited_by.empty()) visited_by.assign(trace.count, kNoRow);
      const uint32_t opened = row_on_loop(i, trace, parent_rows, visited_by);
      parent_rows[trace.begin + opened] = kNoRow;
      number_tree(opened, trace, children, number, sets, stack);
    }
  }
  return sets;
}

}  // namespace sightline::tracestore
