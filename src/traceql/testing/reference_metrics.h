#pragma once
// For tests: metrics queries over plain spans, as slow and as plain as their rules read. Shares the parser with the
// engine and nothing of the evaluation.
//   Limits   none, and no exemplars; for a few hundred spans.
//   Threads  none.
#include <compare>
#include <map>
#include <string>
#include <vector>

#include "traceql/testing/reference_evaluator.h"

namespace sightline::traceql::testing {

// Interval i is (first_end + (i-1)*step, first_end + i*step].
struct ReferenceGrid {
  int64_t first_end_ns = 0;
  int64_t step_ns = 1;
  size_t count = 1;
};
struct ReferenceLabel {
  std::string key;
  std::string text;
  Type type = Type::kString;
  friend auto operator<=>(const ReferenceLabel&, const ReferenceLabel&) = default;
};
// In the order a query makes them; without by-labels none.
using ReferenceLabels = std::vector<ReferenceLabel>;
// One value per interval, NaN where there is none.
using ReferenceSeries = std::map<ReferenceLabels, std::vector<double>>;

// `keys` are the attributes that compare() compares, beside the intrinsics.
Result<ReferenceSeries> reference_metrics(const Metrics& metrics, const model::SpanBatch& batch,
                                          const ReferenceGrid& grid,
                                          const std::vector<Attribute>& keys);

}  // namespace sightline::traceql::testing
