#include "traceql/testing/plain_trace.h"

#include <algorithm>
#include <map>

namespace sightline::traceql::testing {

std::vector<PlainTrace> traces_of(const model::SpanBatch& batch) {
  std::map<TraceId, std::vector<const model::SpanView*>> by_id;
  for (const auto& span : batch.spans) by_id[span.trace_id].push_back(&span);
  std::vector<PlainTrace> traces;
  for (auto& [id, spans] : by_id) {
    std::ranges::stable_sort(spans, {}, [](const auto* s) { return s->start; });
    PlainTrace trace{batch, spans, {}, {}, {}};
    for (const auto* span : spans) {
      int parent = -1;
      for (size_t p = 0; p < spans.size() && parent < 0; ++p)
        if (span->parent_span_id.is_valid() && spans[p] != span &&
            spans[p]->span_id == span->parent_span_id)
          parent = static_cast<int>(p);
      trace.parents.push_back(parent);
    }
    trace.left.resize(spans.size());
    trace.right.resize(spans.size());
    int64_t next = 1;
    for (size_t i = 0; i < spans.size(); ++i)
      if (trace.parents[i] < 0) next = trace.number(i, next);
    traces.push_back(std::move(trace));
  }
  return traces;
}

}  // namespace sightline::traceql::testing
