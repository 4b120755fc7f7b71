// Functions of range vectors: each series slides its window over all steps.
#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/functions/extended_range.h"
#include "promql/functions/range_call.h"

namespace sightline::promql {
namespace {

bool is_rate_family(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kDelta;
}

bool keeps_name(FunctionId id) {
  return id == FunctionId::kLastOverTime || id == FunctionId::kFirstOverTime;
}

bool expects_counter(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease;
}

Status check_edges(const Call& call, const WindowPlan& plan) {
  const FunctionId id = call.function->id;
  const bool changes = id == FunctionId::kResets || id == FunctionId::kChanges;
  if (plan.anchored && !is_rate_family(id) && !changes)
    return fail(Errc::kExecution,
                "anchored modifier can only be used with: changes, delta, increase, rate, resets - "
                "not with ",
                call.function->name);
  if (plan.smoothed && !is_rate_family(id))
    return fail(Errc::kExecution,
                "smoothed modifier can only be used with: delta, increase, rate - not with ",
                call.function->name);
  return {};
}

Status check_factors(const Call& call, const std::vector<double>& first,
                     const std::vector<double>& second) {
  if (call.function->id != FunctionId::kDoubleExponentialSmoothing) return {};
  for (const double v : first)
    if (!(v > 0 && v < 1))
      return fail(Errc::kExecution,
                  "invalid smoothing factor. Expected: 0 < sf < 1, got: ", std::to_string(v));
  for (const double v : second)
    if (!(v > 0 && v < 1))
      return fail(Errc::kExecution,
                  "invalid trend factor. Expected: 0 < tf < 1, got: ", std::to_string(v));
  return {};
}

Cell evaluate_window(const Window& w, const RangeCallContext& context) {
  if (is_rate_family(context.function)) return extrapolated_rate(w, context);
  if (context.function == FunctionId::kIrate || context.function == FunctionId::kIdelta)
    return instant_rate(w, context);
  return over_time(w, context);
}

Cell evaluate_edges(const tsdb::SampleColumns& samples, const WindowPlan& plan, int64_t end,
                    const RangeCallContext& context) {
  if (is_rate_family(context.function)) return extended_rate(samples, plan, end, context);
  return anchored_count(samples, plan, end, context);
}

// How many samples lie within (first, last].
class WindowWeights {
 public:
  explicit WindowWeights(const tsdb::SampleColumns& samples) : samples_(samples) {
    up_to_.reserve(samples.histograms.size() + 1);
    up_to_.push_back(0);
    for (const HistogramPtr& h : samples.histograms)
      up_to_.push_back(up_to_.back() + sample_weight(*h));
  }
  uint64_t within(int64_t first, int64_t last) const {
    if (last <= first) return 0;
    const auto before = [](const std::vector<int64_t>& times, int64_t t) {
      return static_cast<size_t>(std::ranges::upper_bound(times, t) - times.begin());
    };
    return before(samples_.times, last) - before(samples_.times, first) +
           up_to_[before(samples_.histogram_times, last)] -
           up_to_[before(samples_.histogram_times, first)];
  }

 private:
  const tsdb::SampleColumns& samples_;
  std::vector<uint64_t> up_to_;  // weight of so many histograms from the first on
};

}  // namespace

Status RangeCall::prepare() {
  const Expr* range = nullptr;
  for (const ExprPtr& arg : call_.args)
    if (auto ok = take_argument(*arg, range); !ok) return ok;
  // The strategy of integral() when none is given; the others list all they need.
  constexpr double kTrapezoids = 2;
  params_.resize(2, std::vector<double>(grid_.count, kTrapezoids));
  // What is said of a subquery is said of the query's start, as the peer does.
  const Expr& bare = unwrap_parens(*range);
  range_at_ = bare.kind == ExprKind::kSubquery ? PositionRange{} : bare.position;
  auto source = evaluator_.range_source(*range, grid_);
  if (!source) return std::unexpected(source.error());
  source_ = std::move(*source);
  if (auto ok = check_edges(call_, source_.plan); !ok) return ok;
  return source_.series_count > 0 ? check_factors(call_, params_[0], params_[1]) : Status();
}

Status RangeCall::take_argument(const Expr& arg, const Expr*& range) {
  if (type_of(arg) == ValueType::kMatrix) return range = &arg, Status();
  if (params_.empty()) param_at_ = unwrap_parens(arg).position;
  auto value = evaluator_.eval(arg, grid_);
  if (!value) return std::unexpected(value.error());
  params_.push_back(std::move(value->scalars));
  return {};
}

Status RangeCall::produce(size_t i, Scratch& scratch, Series& out) const {
  RangeSeries& loaded = scratch.series;
  if (auto ok = source_.load(i, loaded); !ok) return ok;
  const WindowPlan& plan = source_.plan;
  out.drop_name = loaded.drop_name || !keeps_name(call_.function->id);
  RangeCallContext context{call_.function->id, range_at_, param_at_, plan,
                           evaluator_.annotations()};
  context.metric = loaded.labels.metric_name();
  bool done = false;
  if (loaded.samples.histogram_times.empty() && !plan.anchored && !plan.smoothed)
    done = float_column(context, loaded.samples, grid_, scratch.columns, out);
  if (!done) general(loaded, context, out, scratch.counts);
  SampleLedger& ledger = *evaluator_.context().ledger;
  if (source_.is_subquery) {
    // counted when it was evaluated
  } else if (done) {
    const ColumnWindows& windows = scratch.columns.windows;
    ledger.note_windows(windows.samples, windows.from, windows.to);
  } else {
    ledger.note_steps(scratch.counts);
  }
  if (expects_counter(context.function) &&
      std::ranges::find(out.cells, CellKind::kFloat) != out.cells.end())
    check_counter_name(loaded.labels, context);
  out.sources = std::move(loaded.sources);
  return {};
}

// Window by window; `counts` become the samples in them.
void RangeCall::general(const RangeSeries& loaded, RangeCallContext& context, Series& out,
                        std::vector<SampleCount>& counts) const {
  const WindowPlan& plan = source_.plan;
  const WindowWeights weights(loaded.samples);
  WindowCursor cursor(loaded.samples);
  counts.assign(grid_.count, {});
  int64_t seen = std::numeric_limits<int64_t>::min();  // up to here samples have been read
  for (size_t step = 0; step < grid_.count; ++step) {
    context.step_time_ms = grid_.at(step);
    context.param = params_[0][step];
    context.second_param = params_[1][step];
    const int64_t end = plan.end_at(context.step_time_ms);
    const auto [first, last] = plan.reach(end);
    counts[step] = {weights.within(first, last), weights.within(std::max(first, seen), last)};
    seen = std::max(seen, last);
    if (plan.anchored || plan.smoothed) {
      out.set(step, evaluate_edges(loaded.samples, plan, end, context));
      continue;
    }
    out.set(step, evaluate_window(cursor.move_to(end - plan.range_ms, end), context));
  }
}

Result<Value> RangeCall::run() {
  if (auto ok = prepare(); !ok) return std::unexpected(ok.error());
  Value out;
  out.series.resize(source_.series_count);
  QueryContext& context = evaluator_.context();
  const Status done =
      evaluator_.for_blocks(source_.series_count, [&](size_t begin, size_t end) -> Status {
        Scratch scratch;
        for (size_t i = begin; i < end; ++i) {
          if (auto ok = context.alive(); !ok) return ok;
          Series series({}, grid_.count);
          if (auto ok = produce(i, scratch, series); !ok) return ok;
          if (!series.any()) continue;
          series.labels = std::move(scratch.series.labels);
          if (auto ok = context.hold(series); !ok) return ok;
          out.series[i] = std::move(series);
        }
        return {};
      });
  context.release_held();
  if (!done) return std::unexpected(done.error());
  remove_empty(out.series);
  if (auto ok = merge_same_labels(out.series, context); !ok) return std::unexpected(ok.error());
  return out;
}

Result<Value> Evaluator::eval_range_call(const Call& call, const StepGrid& grid) {
  return RangeCall(*this, call, grid).run();
}

}  // namespace sightline::promql
