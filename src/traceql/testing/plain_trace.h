#pragma once
// A trace of the reference evaluator: its spans by start, and their tree.
//   Lifetime  the batch outlives it.
//   Threads   none.
#include <cstdint>
#include <vector>

#include "model/span_batch.h"

namespace sightline::traceql::testing {

// One trace: its spans by start, each with the place of its parent.
struct PlainTrace {
  const model::SpanBatch& batch;
  std::vector<const model::SpanView*> spans;
  std::vector<int> parents;          // -1: none here
  std::vector<int64_t> left, right;  // nested sets

  bool is_connected(size_t i) const {  // the way up ends at a span without parent
    while (parents[i] >= 0) i = static_cast<size_t>(parents[i]);
    return !spans[i]->parent_span_id.is_valid();
  }
  int root() const {
    for (size_t i = 0; i < spans.size(); ++i)
      if (!spans[i]->parent_span_id.is_valid()) return static_cast<int>(i);
    return -1;
  }
  int64_t number(size_t i, int64_t next) {
    left[i] = next++;
    for (size_t c = 0; c < spans.size(); ++c)
      if (parents[c] == static_cast<int>(i)) next = number(c, next);
    right[i] = next++;
    return next;
  }
};

std::vector<PlainTrace> traces_of(const model::SpanBatch& batch);

}  // namespace sightline::traceql::testing
