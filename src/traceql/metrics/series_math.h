#pragma once
// What happens to finished series: arithmetic between queries, topk, bottomk, filters.
//   NaN is "no sample"; series left without any are removed.
#include <vector>

#include "traceql/metrics/metrics_result.h"
#include "traceql/syntax/ast.h"

namespace sightline::traceql {

using SeriesList = std::vector<MetricsSeries>;

// Series with equal labels pair; a side without by-labels goes with every series of the other.
SeriesList combine(FieldOp op, SeriesList left, const SeriesList& right);
SeriesList combine_number(FieldOp op, SeriesList series, double number, bool number_is_left);
void apply(const SecondStage& stage, SeriesList& series);
// Ordered by the text of their labels.
void sort_by_labels(SeriesList& series);

}  // namespace sightline::traceql
