#pragma once
// One binary operator on one pair of samples.
//   Source  spec: operators; histogram samples in operators.
#include "promql/annotations.h"
#include "promql/value.h"

namespace sightline::promql {

// none: the operator does not hold (a filtering comparison), or the two do not
// fit together, which `incompatible` tells apart and the annotations say.
struct OperatorResult {
  Cell cell;
  bool incompatible = false;
};

double apply_float(BinaryOp op, double a, double b);  // arithmetic; comparisons give 1 or 0
OperatorResult apply(BinaryOp op, const Cell& a, const Cell& b, Annotations& annotations,
                     PositionRange at);

}  // namespace sightline::promql
