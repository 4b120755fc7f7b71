#pragma once
// Fills in what only the query's times can tell: @ start() and end(), and
// durations written as expressions.
//   Errors  kInvalidArgument, with the place, when a range comes out not positive.
#include "base/result.h"
#include "promql/syntax/ast.h"

namespace sightline::promql {

struct QueryTimes {
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int64_t step_ms = 0;  // 0: an instant query
};

Status resolve_times(Expr& expr, const QueryTimes& times);

}  // namespace sightline::promql
