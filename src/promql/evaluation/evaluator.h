#pragma once
// The evaluator of one query: walks the tree once, computing for each node its
// value at all steps. Internal to promql/.
//   Threads  eval() on one thread; for_each() spreads independent series over
//            the pool, and its bodies touch only their own output.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "base/pacer.h"
#include "promql/annotations.h"
#include "promql/engine.h"
#include "promql/evaluation/sample_ledger.h"
#include "promql/functions/range_window.h"
#include "promql/syntax/function_table.h"
#include "promql/value.h"
#include "tsdb/querier.h"

namespace sightline::promql {

// What a query may use and must obey; shared by all of its nodes.
struct QueryContext {
  const tsdb::Querier& querier;
  WorkPool* pool;
  const EngineOptions& engine;
  const QueryOptions& options;
  StepGrid grid;  // the query's own; start(), end(), step(), range()
  Annotations& annotations;
  const StillWanted& wanted;
  int64_t lookback_ms = 0;
  bool is_range = false;  // a range query
  int64_t end_ms = 0;     // as asked; the grid's last step may lie before it

  SampleLedger* ledger = nullptr;     // of what is being evaluated
  std::atomic<uint64_t> building{0};  // cells of the value that is being made
  uint64_t samples_now = 0;           // of finished values
  uint64_t samples_peak = 0;
  std::atomic<uint64_t> bytes_peak{0};
  std::vector<QueryInput> inputs;  // with provenance

  // kDeadlineExceeded or kCancelled, else fine. Cheap enough for every series.
  Status alive() const { return wanted(); }
  // kExecution when `more` samples on top of those held are too many.
  Status afford(uint64_t more);
  // The same for a series that is kept while its value is being made; from any thread. Steps without
  // a value count a little, as they take memory too.
  Status hold(const Series& series);
  void release_held() { building.store(0, std::memory_order_relaxed); }
};

class Evaluator {
 public:
  explicit Evaluator(QueryContext& context) : context_(context) {}

  // Looks for expressions that stand more than once in `root`, so that they are evaluated once. Call before eval();
  // the tree must stay as it is.
  void find_twins(const Expr& root);

  // Vectors, scalars and strings over `grid`.
  Result<Value> eval(const Expr& expr, const StepGrid& grid);
  // A range vector's raw samples at the only step of an instant query.
  Result<std::vector<RawSeries>> eval_raw(const Expr& expr, const StepGrid& grid);

  QueryContext& context() { return context_; }
  Annotations& annotations() { return context_.annotations; }
  Result<std::unique_ptr<tsdb::SeriesSet>> select(std::span<const tsdb::Matcher> matchers,
                                                  tsdb::TimeRange range);
  // Runs body(i) for every i, in parallel when there are many; the first error wins.
  Status for_each(size_t count, const std::function<Status(size_t)>& body);
  // The same in runs [begin, end) of at most `block`, so that a run can keep its scratch space; the body asks alive().
  // kAnyBlock: long ones, but enough of them to keep the threads busy.
  static constexpr size_t kAnyBlock = 0;
  Status for_blocks(size_t count, const std::function<Status(size_t, size_t)>& body,
                    size_t block = kAnyBlock);

 private:
  friend class RangeCall;
  friend class FusedAggregation;
  Result<Value> evaluate(const Expr& expr, const StepGrid& grid);
  Result<Value> dispatch(const Expr& expr, const StepGrid& grid);
  bool is_step_invariant(const Expr& expr);

  // eval_selector.cc
  // What a vector selector reads, series by series.
  // Which sample each step picks. Series of one target have the same sample times, and pick alike.
  struct Picks {
    std::vector<int64_t> times;     // of the samples
    std::vector<uint32_t> samples;  // per step: one behind the index, or 0 for none
    bool each_step = false;         // has one
  };
  struct SelectorScratch {
    tsdb::SampleColumns samples;
    Picks picks;
  };
  struct SelectorRead {
    Evaluator* evaluator = nullptr;
    const VectorSelector* expr = nullptr;
    StepGrid grid;
    int64_t lookback_ms = 0;
    bool presence = false;  // only which steps have a value is asked for
    std::optional<int64_t> fixed_ms;
    int64_t offset_ms = 0;
    tsdb::TimeRange range;
    std::unique_ptr<tsdb::SeriesSet> set;
    uint32_t first_input = 0;

    int64_t time_of(size_t step) const { return fixed_ms.value_or(grid.at(step)) - offset_ms; }
    // Fills `out`, which is empty and as long as the grid; `samples` is scratch space. From any thread.
    Status produce(size_t i, SelectorScratch& scratch, Series& out) const;
    void find_picks(const std::vector<int64_t>& times, Picks& picks) const;
    void pick_floats(SelectorScratch& scratch, Series& out) const;
  };
  Result<SelectorRead> read_selector(const VectorSelector& expr, const StepGrid& grid);
  Result<Value> eval_selector(const VectorSelector& expr, const StepGrid& grid);
  Result<Value> eval_sample_times(const VectorSelector& expr, const StepGrid& grid,
                                  bool start_times);
  Result<RangeSource> range_source(const Expr& expr, const StepGrid& grid);
  Result<RangeSource> selector_source(const MatrixSelector& expr, const StepGrid& grid);
  Result<RangeSource> subquery_source(const SubqueryExpr& expr, const StepGrid& grid);
  // Enters what a selector read as inputs, when asked for; the first one's number.
  uint32_t enter_inputs(const tsdb::SeriesSet& set, int64_t window_ms, const AtModifier& at,
                        int64_t offset_ms);
  void note_source(uint32_t first_input, size_t index, Sources& to) const;

  // eval_binary.cc
  Result<Value> eval_binary(const BinaryExpr& expr, const StepGrid& grid);
  Result<Value> eval_unary(const UnaryExpr& expr, const StepGrid& grid);

  // eval_aggregate.cc
  Result<Value> eval_aggregate(const AggregateExpr& expr, const StepGrid& grid);
  // eval_fused.cc: an aggregation straight over what selectors read, without keeping the series. Null
  // when it must be done the general way.
  Result<std::optional<Value>> eval_fused(const AggregateExpr& expr, const StepGrid& grid);

  // eval_call.cc and the files of function families
  Result<Value> eval_call(const Call& call, const StepGrid& grid);
  Result<Value> eval_range_call(const Call& call, const StepGrid& grid);
  Result<Value> eval_absent(const Call& call, const StepGrid& grid);
  Result<Value> eval_math(const Call& call, const StepGrid& grid);
  Result<Value> eval_calendar(const Call& call, const StepGrid& grid);
  Result<Value> eval_scalar_function(const Call& call, const StepGrid& grid);
  Result<Value> eval_label_replace(const Call& call, const StepGrid& grid);
  Result<Value> eval_label_join(const Call& call, const StepGrid& grid);
  Result<Value> eval_sort(const Call& call, const StepGrid& grid);
  Result<Value> eval_histogram_part(const Call& call, const StepGrid& grid);
  Result<Value> eval_histogram_quantile(const Call& call, const StepGrid& grid);
  Result<Value> eval_info(const Call& call, const StepGrid& grid);
  Result<std::string> string_arg(const Call& call, size_t index);

  // What the subqueries around the node at hand add to the window of a selector.
  struct Surroundings {
    int64_t window_ms = 0;
    int64_t offset_ms = 0;
    std::optional<int64_t> at_ms;
  };

  // The value of an expression that will be asked for again.
  struct Kept {
    size_t uses_left = 0;
    StepGrid grid;
    std::optional<Value> value;
  };
  using Counts = std::unordered_map<std::string, size_t>;
  void mark_twins(const Expr& expr, size_t parent_uses, const Counts& uses,
                  std::unordered_map<std::string, size_t>& numbers);

  QueryContext& context_;
  Surroundings around_;
  std::unordered_map<const Expr*, size_t> twins_;  // into kept_
  std::vector<Kept> kept_;
  std::unordered_map<const Expr*, bool> invariant_;
};

// How many samples the memory of labels is worth, beyond what labels usually take.
uint64_t label_weight(const model::Labels& labels);
// Labels that go with the metric name: __name__, __type__, __unit__.
bool is_identity_label(std::string_view name);
bool has_identity(const model::Labels& labels);
model::Labels without_identity(const model::Labels& labels);
// Joins series of equal labels where their steps do not collide; else kExecution
// "vector cannot contain metrics with the same labelset".
Status merge_same_labels(std::vector<Series>& series, const QueryContext& context);
// Delayed name removal, at the end of a query.
Status drop_names(std::vector<Series>& series, const QueryContext& context);
void remove_empty(std::vector<Series>& series);

// The series in the order that less(a, b) of two of them sorts them.
template <typename Less>
Status sort_series(std::vector<Series>& series, Less less, const QueryContext& context) {
  const auto by_index = [&](uint32_t a, uint32_t b) { return less(series[a], series[b]); };
  const auto order = sorted_order(series.size(), by_index, context.wanted);
  if (!order) return std::unexpected(order.error());
  std::vector<Series> sorted;
  sorted.reserve(series.size());
  for (const uint32_t i : *order) sorted.push_back(std::move(series[i]));
  series = std::move(sorted);
  return {};
}

}  // namespace sightline::promql
