// Functions of range vectors: each series slides its window over all steps.
#include <algorithm>
#include <cmath>

#include "promql/extended_range.h"
#include "promql/range_call.h"

namespace sightline::promql {
namespace {

bool is_rate_family(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kDelta;
}

bool keeps_name(FunctionId id) {
  return id == FunctionId::kLastOverTime || id == FunctionId::kFirstOverTime;
}

bool expects_counter(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kIrate;
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

uint64_t window_samples(const Window& w) { return w.times.size() + w.histogram_times.size(); }

}  // namespace

Status RangeCall::prepare() {
  const Expr* range = nullptr;
  for (const ExprPtr& arg : call_.args)
    if (auto ok = take_argument(*arg, range); !ok) return ok;
  params_.resize(2, std::vector<double>(grid_.count));
  range_at_ = range->position;
  auto source = evaluator_.range_source(*range, grid_);
  if (!source) return std::unexpected(source.error());
  source_ = std::move(*source);
  if (auto ok = check_edges(call_, source_.plan); !ok) return ok;
  return source_.series_count > 0 ? check_factors(call_, params_[0], params_[1]) : Status();
}

Status RangeCall::take_argument(const Expr& arg, const Expr*& range) {
  if (type_of(arg) == ValueType::kMatrix) return range = &arg, Status();
  if (params_.empty()) param_at_ = arg.position;
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
  ColumnOutcome outcome;
  if (loaded.samples.histogram_times.empty() && !plan.anchored && !plan.smoothed)
    outcome = float_column(context, loaded.samples, grid_, scratch.columns, out);
  bool floats = outcome.any_window;
  if (!outcome.done) floats = general(loaded, context, out, outcome.samples_read);
  if (floats && expects_counter(context.function) && context.function != FunctionId::kIrate)
    check_counter_name(loaded.labels, context);
  evaluator_.context().samples_read.fetch_add(outcome.samples_read, std::memory_order_relaxed);
  out.sources = std::move(loaded.sources);
  return {};
}

// Window by window. True when one of them held floats.
bool RangeCall::general(const RangeSeries& loaded, RangeCallContext& context, Series& out,
                        uint64_t& touched) const {
  const WindowPlan& plan = source_.plan;
  WindowCursor cursor(loaded.samples);
  bool floats = false;
  touched = 0;
  for (size_t step = 0; step < grid_.count; ++step) {
    context.step_time_ms = grid_.at(step);
    context.param = params_[0][step];
    context.second_param = params_[1][step];
    const int64_t end = plan.end_at(context.step_time_ms);
    if (plan.anchored || plan.smoothed) {
      out.set(step, evaluate_edges(loaded.samples, plan, end, context));
      continue;
    }
    const Window w = cursor.move_to(end - plan.range_ms, end);
    touched += window_samples(w);
    floats = floats || !w.times.empty();
    out.set(step, evaluate_window(w, context));
  }
  return floats;
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
  if (auto ok = merge_same_labels(out.series); !ok) return std::unexpected(ok.error());
  return out;
}

Result<Value> Evaluator::eval_range_call(const Call& call, const StepGrid& grid) {
  return RangeCall(*this, call, grid).run();
}

}  // namespace sightline::promql
