#pragma once
// One call of a function over a range vector: prepared once, then series by series. Internal to promql/.
//   Threads  produce() from any, each with its own scratch.
#include "promql/evaluation/evaluator.h"
#include "promql/evaluation/float_column.h"
#include "promql/functions/range_functions.h"

namespace sightline::promql {

class RangeCall {
 public:
  struct Scratch {
    RangeSeries series;
    ColumnScratch columns;
    std::vector<SampleCount> counts;
  };

  RangeCall(Evaluator& evaluator, const Call& call, const StepGrid& grid)
      : evaluator_(evaluator), call_(call), grid_(grid) {}

  // Evaluates the other arguments and selects the series; the faults of the call are found here.
  Status prepare();
  size_t series_count() const { return source_.series_count; }
  const model::Labels& labels(size_t i) const { return source_.labels(i); }  // with the name
  // Fills in the values, `drop_name` and sources of series i; `out` is empty and as long as the grid.
  Status produce(size_t i, Scratch& scratch, Series& out) const;
  Result<Value> run();

 private:
  Status take_argument(const Expr& arg, const Expr*& range);
  void general(const RangeSeries& loaded, RangeCallContext& context, Series& out,
               std::vector<SampleCount>& counts) const;

  Evaluator& evaluator_;
  const Call& call_;
  const StepGrid grid_;
  RangeSource source_;
  std::vector<std::vector<double>> params_;
  PositionRange range_at_;
  PositionRange param_at_;
};

}  // namespace sightline::promql
