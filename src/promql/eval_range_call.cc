// Functions of range vectors: each series slides its window over all steps.
#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "promql/evaluator.h"
#include "promql/extended_range.h"
#include "promql/range_functions.h"

namespace sightline::promql {
namespace {

bool is_rate_family(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kDelta;
}

bool keeps_name(FunctionId id) { return id == FunctionId::kLastOverTime || id == FunctionId::kFirstOverTime; }

bool expects_counter(FunctionId id) {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kIrate;
}

Status check_edges(const Call& call, const WindowPlan& plan) {
  const FunctionId id = call.function->id;
  const bool changes = id == FunctionId::kResets || id == FunctionId::kChanges;
  if (plan.anchored && !is_rate_family(id) && !changes)
    return fail(Errc::kExecution, "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with ", call.function->name);
  if (plan.smoothed && !is_rate_family(id))
    return fail(Errc::kExecution, "smoothed modifier can only be used with: delta, increase, rate - not with ", call.function->name);
  return {};
}

Status check_factors(const Call& call, const std::vector<double>& first, const std::vector<double>& second) {
  if (call.function->id != FunctionId::kDoubleExponentialSmoothing) return {};
  for (const double v : first)
    if (!(v > 0 && v < 1)) return fail(Errc::kExecution, "invalid smoothing factor. Expected: 0 < sf < 1, got: ", format_float_go(v));
  for (const double v : second)
    if (!(v > 0 && v < 1)) return fail(Errc::kExecution, "invalid trend factor. Expected: 0 < tf < 1, got: ", format_float_go(v));
  return {};
}

Cell evaluate_window(const Window& w, const RangeCallContext& context) {
  if (is_rate_family(context.function)) return extrapolated_rate(w, context);
  if (context.function == FunctionId::kIrate || context.function == FunctionId::kIdelta) return instant_rate(w, context);
  return over_time(w, context);
}

Cell evaluate_edges(const tsdb::SampleColumns& samples, const WindowPlan& plan, int64_t end, const RangeCallContext& context) {
  if (is_rate_family(context.function)) return extended_rate(samples, plan, end, context);
  return anchored_count(samples, plan, end, context);
}

uint64_t window_samples(const Window& w) { return w.times.size() + w.histogram_times.size(); }

}  // namespace

// One call over all of its series.
class RangeCall {
 public:
  RangeCall(Evaluator& evaluator, const Call& call, const StepGrid& grid) : evaluator_(evaluator), call_(call), grid_(grid) {}

  Result<Value> run() {
    const Expr* range = nullptr;
    for (const ExprPtr& arg : call_.args)
      if (auto ok = take_argument(*arg, range); !ok) return std::unexpected(ok.error());
    params_.resize(2, std::vector<double>(grid_.count));
    range_at_ = range->position;
    auto source = evaluator_.range_source(*range, grid_);
    if (!source) return std::unexpected(source.error());
    source_ = std::move(*source);
    if (auto ok = check_edges(call_, source_.plan); !ok) return std::unexpected(ok.error());
    if (source_.series_count > 0)
      if (auto ok = check_factors(call_, params_[0], params_[1]); !ok) return std::unexpected(ok.error());
    Value out;
    out.series.resize(source_.series_count);
    const Status done = evaluator_.for_each(source_.series_count, [&](size_t i) { return one_series(i, out.series[i]); });
    if (!done) return std::unexpected(done.error());
    remove_empty(out.series);
    if (auto ok = merge_same_labels(out.series); !ok) return std::unexpected(ok.error());
    return out;
  }

 private:
  Status take_argument(const Expr& arg, const Expr*& range) {
    if (type_of(arg) == ValueType::kMatrix) return range = &arg, Status();
    if (params_.empty()) param_at_ = arg.position;
    auto value = evaluator_.eval(arg, grid_);
    if (!value) return std::unexpected(value.error());
    params_.push_back(std::move(value->scalars));
    return {};
  }

  Status one_series(size_t i, Series& out) const {
    auto loaded = source_.load(i);
    if (!loaded) return std::unexpected(loaded.error());
    const WindowPlan& plan = source_.plan;
    out = Series(std::move(loaded->labels), grid_.count);
    out.drop_name = loaded->drop_name || !keeps_name(call_.function->id);
    out.sources = std::move(loaded->sources);
    RangeCallContext context{call_.function->id, range_at_, param_at_, plan, evaluator_.annotations()};
    context.metric = out.labels.metric_name();
    WindowCursor cursor(loaded->samples);
    uint64_t touched = 0;
    bool floats = false;
    for (size_t step = 0; step < grid_.count; ++step) {
      context.step_time_ms = grid_.at(step);
      context.param = params_[0][step];
      context.second_param = params_[1][step];
      const int64_t end = plan.end_at(context.step_time_ms);
      if (plan.anchored || plan.smoothed) {
        out.set(step, evaluate_edges(loaded->samples, plan, end, context));
        continue;
      }
      const Window w = cursor.move_to(end - plan.range_ms, end);
      touched += window_samples(w);
      floats = floats || !w.times.empty();
      out.set(step, evaluate_window(w, context));
    }
    if (floats && expects_counter(context.function) && context.function != FunctionId::kIrate) check_counter_name(out.labels, context);
    evaluator_.context().samples_read.fetch_add(touched, std::memory_order_relaxed);
    return {};
  }

  Evaluator& evaluator_;
  const Call& call_;
  const StepGrid& grid_;
  RangeSource source_;
  std::vector<std::vector<double>> params_;
  PositionRange range_at_;
  PositionRange param_at_;
};

Result<Value> Evaluator::eval_range_call(const Call& call, const StepGrid& grid) { return RangeCall(*this, call, grid).run(); }

}  // namespace sightline::promql
