#pragma once
// PromQL evaluated the slow and obvious way: one step at a time, every window looked up from scratch, every
// sum taken anew. What the real evaluator is held against.
//   Language  what random_expression() writes; anything else fails with kUnsupported.
//   Shares    the parser, and arithmetic on single histograms, with the real evaluator; nothing else.
#include <random>
#include <string>

#include "promql/engine.h"
#include "promql/syntax/ast.h"
#include "promql/testing/memory_store.h"

namespace sightline::promql {

struct ReferenceElement {
  model::Labels labels;
  Cell cell;
  bool drop_name = false;
};
using ReferenceVector = std::vector<ReferenceElement>;

struct ReferenceValue {
  bool is_scalar = false;
  double scalar = 0;
  ReferenceVector vector;
};

class ReferenceEvaluator {
 public:
  ReferenceEvaluator(const MemoryStore& store, int64_t lookback_ms)
      : store_(store), lookback_ms_(lookback_ms) {}
  // At one time, names dropped. `expr` is resolved.
  Result<ReferenceValue> eval(const Expr& expr, int64_t time_ms) const;

 private:
  Result<ReferenceValue> node(const Expr& expr, int64_t time_ms) const;
  Result<ReferenceValue> call(const Call& call, int64_t time_ms) const;
  Result<ReferenceValue> range_call(const Call& call, int64_t time_ms) const;
  Result<ReferenceValue> aggregate(const AggregateExpr& expr, int64_t time_ms) const;
  Result<ReferenceValue> binary(const BinaryExpr& expr, int64_t time_ms) const;

  const MemoryStore& store_;
  int64_t lookback_ms_;
};

// Counters with resets and start timestamps, gauges with NaN and gaps, classic and native histograms; staleness.
void fill_with_random_series(MemoryStore& store, std::mt19937_64& random, int64_t duration_ms);
std::string random_expression(std::mt19937_64& random, int depth);

}  // namespace sightline::promql
