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
#include "traceql/syntax/ast.h"

namespace sightline::traceql::testing {

struct ReferenceSpanset {
  std::vector<SpanId> spans;            // by start
  std::vector<std::string> attributes;  // "count()=2", "by(name)=x"
  friend bool operator==(const ReferenceSpanset&, const ReferenceSpanset&) = default;
};
using ReferenceTraces = std::map<TraceId, std::vector<ReferenceSpanset>>;

// What a search without limits finds in `batch`, whose spans are distinct.
Result<ReferenceTraces> reference_search(const Query& query, const model::SpanBatch& batch);

// One span that a pipeline keeps, for what is computed from spans.
struct ReferenceValue {
  Type type = Type::kNil;
  std::string text;
  double number = 0;
  bool is_number = false;
};
struct ReferenceRow {
  TimestampNs start;
  std::vector<ReferenceValue> values;  // of the attributes asked for, in their order
  bool is_selected = false;            // by the selection asked for
};
// `selection` may be null.
Result<std::vector<ReferenceRow>> reference_rows(const Pipeline& spans, const Spanset* selection,
                                                 const std::vector<Attribute>& attributes,
                                                 const model::SpanBatch& batch);

}  // namespace sightline::traceql::testing
