#pragma once
// What of a query the store may use to skip: conditions that every trace of the answer meets.
//   A hint only; whatever it lets through is evaluated in full.
#include "traceql/syntax/ast.h"
#include "tracestore/querier.h"

namespace sightline::traceql {

void push_down(const Pipeline& pipeline, tracestore::ScanRequest& request);

}  // namespace sightline::traceql
