#pragma once
// For tests: TraceQL over plain spans, one span at a time, as slow and as plain as the language's rules
// read. Shares the parser with the engine and nothing of the evaluation, so that what both say is right
// twice.
//   Limits   none; for a few hundred spans.
//   Threads  none.
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/span_batch.h"
#include "traceql/ast.h"

namespace sightline::traceql::testing {

struct ReferenceSpanset {
  std::vector<SpanId> spans;            // by start
  std::vector<std::string> attributes;  // "count()=2", "by(name)=x"
  friend bool operator==(const ReferenceSpanset&, const ReferenceSpanset&) = default;
};
using ReferenceTraces = std::map<TraceId, std::vector<ReferenceSpanset>>;

// What a search without limits finds in `batch`, whose spans are distinct.
Result<ReferenceTraces> reference_search(const Query& query, const model::SpanBatch& batch);

// rate, count, min, max, avg and sum: by the text of their by-labels ("name=x#1;", 1 the value's Type; "" without)
// one value per interval, interval i being (first_end + (i-1)*step, first_end + i*step]; NaN where there is none.
struct ReferenceGrid {
  int64_t first_end_ns = 0;
  int64_t step_ns = 1;
  size_t count = 1;
};
using ReferenceSeries = std::map<std::string, std::vector<double>>;
Result<ReferenceSeries> reference_metrics(const Metrics& metrics, const model::SpanBatch& batch,
                                          const ReferenceGrid& grid);

}  // namespace sightline::traceql::testing
