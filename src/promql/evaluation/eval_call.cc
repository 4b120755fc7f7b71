// Calls: which function does what, and the functions of plain vectors and scalars.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

#include "promql/evaluation/evaluator.h"

namespace sightline::promql {
namespace {

double sign_of(double v) { return v < 0 ? -1 : v > 0 ? 1 : v; }

using FloatFunction = double (*)(double);
FloatFunction float_function(FunctionId id) {
  constexpr double kDegrees = 180 / std::numbers::pi;
  switch (id) {
    case FunctionId::kAbs: return [](double v) { return std::fabs(v); };
    case FunctionId::kCeil: return [](double v) { return std::ceil(v); };
    case FunctionId::kFloor: return [](double v) { return std::floor(v); };
    case FunctionId::kExp: return [](double v) { return std::exp(v); };
    case FunctionId::kLn: return [](double v) { return std::log(v); };
    case FunctionId::kLog2: return [](double v) { return std::log2(v); };
    case FunctionId::kLog10: return [](double v) { return std::log10(v); };
    case FunctionId::kSqrt: return [](double v) { return std::sqrt(v); };
    case FunctionId::kSgn: return sign_of;
    case FunctionId::kDeg: return [](double v) { return v * kDegrees; };
    case FunctionId::kRad: return [](double v) { return v / kDegrees; };
    case FunctionId::kSin: return [](double v) { return std::sin(v); };
    case FunctionId::kCos: return [](double v) { return std::cos(v); };
    case FunctionId::kTan: return [](double v) { return std::tan(v); };
    case FunctionId::kAsin: return [](double v) { return std::asin(v); };
    case FunctionId::kAcos: return [](double v) { return std::acos(v); };
    case FunctionId::kAtan: return [](double v) { return std::atan(v); };
    case FunctionId::kSinh: return [](double v) { return std::sinh(v); };
    case FunctionId::kCosh: return [](double v) { return std::cosh(v); };
    case FunctionId::kTanh: return [](double v) { return std::tanh(v); };
    case FunctionId::kAsinh: return [](double v) { return std::asinh(v); };
    case FunctionId::kAcosh: return [](double v) { return std::acosh(v); };
    case FunctionId::kAtanh: return [](double v) { return std::atanh(v); };
    default: return nullptr;
  }
}

double clamp_to(double v, double low, double high) {
  if (std::isnan(low) || std::isnan(high)) return std::nan("");
  return std::fmax(low, std::fmin(high, v)) + (std::isnan(v) ? v : 0);
}

// Replaces each float by f(value, step); histograms go.
Status map_floats(Evaluator& evaluator, Value& value, auto&& f) {
  const Status done = evaluator.for_each(value.series.size(), [&](size_t i) -> Status {
    Series& s = value.series[i];
    s.drop_name = true;
    s.histograms.clear();
    for (size_t step = 0; step < s.cells.size(); ++step) {
      if (s.is_float(step))
        s.floats[step] = f(s.floats[step], step);
      else
        s.clear(step);
    }
    return {};
  });
  if (done) remove_empty(value.series);
  return done;
}

struct Calendar {
  std::chrono::year_month_day date;
  std::chrono::sys_days day;
  int64_t second_of_day = 0;
};

Calendar calendar_of(double unix_seconds) {
  constexpr double kLimit = 9e13;  // far beyond what chrono's years hold, clamped below
  const auto s = static_cast<int64_t>(std::clamp(unix_seconds, -kLimit, kLimit));
  constexpr int64_t kYearsMax = 1'000'000'000'000;  // about the year 33,000
  const std::chrono::sys_seconds t{std::chrono::seconds(std::clamp(s, -kYearsMax, kYearsMax))};
  const auto day = std::chrono::floor<std::chrono::days>(t);
  return {std::chrono::year_month_day(day), day, (t - day).count()};
}

double calendar_value(FunctionId id, double unix_seconds) {
  if (std::isnan(unix_seconds)) return unix_seconds;
  const Calendar c = calendar_of(unix_seconds);
  switch (id) {
    case FunctionId::kYear: return static_cast<int>(c.date.year());
    case FunctionId::kMonth: return static_cast<unsigned>(c.date.month());
    case FunctionId::kDayOfMonth: return static_cast<unsigned>(c.date.day());
    case FunctionId::kDayOfWeek: return std::chrono::weekday(c.day).c_encoding();
    case FunctionId::kDayOfYear:
      return static_cast<double>(
          (c.day - std::chrono::sys_days(c.date.year() / std::chrono::January / 1)).count() + 1);
    case FunctionId::kDaysInMonth:
      return static_cast<unsigned>((c.date.year() / c.date.month() / std::chrono::last).day());
    case FunctionId::kHour: return static_cast<double>(c.second_of_day / 3600);
    default: return static_cast<double>(c.second_of_day / 60 % 60);
  }
}

Value scalars(size_t count, auto&& f) {
  Value out;
  out.type = ValueType::kScalar;
  out.scalars.resize(count);
  for (size_t step = 0; step < count; ++step) out.scalars[step] = f(step);
  return out;
}

Value vector_of(std::vector<double> values) {
  Value out;
  Series series(model::Labels(), values.size());
  for (size_t step = 0; step < values.size(); ++step) series.set_float(step, values[step]);
  out.series.push_back(std::move(series));
  return out;
}

// What absent() says is missing: the labels its argument pins down.
model::Labels pinned_labels(const Expr& arg) {
  const Expr& inner = unwrap_parens(arg);
  const VectorSelector* selector = nullptr;
  if (inner.kind == ExprKind::kVectorSelector) selector = &as<VectorSelector>(inner);
  if (inner.kind == ExprKind::kMatrixSelector) selector = as<MatrixSelector>(inner).selector.get();
  model::LabelsBuilder builder;
  if (selector == nullptr) return {};
  std::vector<std::string_view> seen;
  for (const tsdb::Matcher& m : selector->matchers) {
    if (is_identity_label(m.name())) continue;
    const bool again = std::ranges::find(seen, m.name()) != seen.end();
    if (m.op() == tsdb::MatchOp::kEqual && !again) {
      builder.set(m.name(), m.value());
      seen.push_back(m.name());
    } else {
      builder.remove(m.name());
    }
  }
  return builder.build();
}

}  // namespace

Result<std::string> Evaluator::string_arg(const Call& call, size_t index) {
  const Expr& inner = unwrap_parens(*call.args[index]);
  if (inner.kind == ExprKind::kString) return as<StringLiteral>(inner).value;
  return fail(Errc::kInternal, "argument ", index + 1, " of ", call.function->name,
              " is no string");
}

Result<Value> Evaluator::eval_call(const Call& call, const StepGrid& grid) {
  using enum FunctionId;
  const FunctionId id = call.function->id;
  if (id == kAbsent || id == kAbsentOverTime) return eval_absent(call, grid);
  for (const ExprPtr& arg : call.args)
    if (type_of(*arg) == ValueType::kMatrix) return eval_range_call(call, grid);
  if (float_function(id) != nullptr) return eval_math(call, grid);
  switch (id) {
    case kClamp:
    case kClampMax:
    case kClampMin:
    case kRound: return eval_math(call, grid);
    case kDaysInMonth:
    case kDayOfMonth:
    case kDayOfWeek:
    case kDayOfYear:
    case kHour:
    case kMinute:
    case kMonth:
    case kYear:
    case kTimestamp:
    case kStartTimestamp: return eval_calendar(call, grid);
    case kLabelReplace: return eval_label_replace(call, grid);
    case kLabelJoin: return eval_label_join(call, grid);
    case kSort:
    case kSortDesc:
    case kSortByLabel:
    case kSortByLabelDesc: return eval_sort(call, grid);
    case kHistogramCount:
    case kHistogramSum:
    case kHistogramAvg:
    case kHistogramStddev:
    case kHistogramStdvar: return eval_histogram_part(call, grid);
    case kHistogramQuantile:
    case kHistogramQuantiles:
    case kHistogramFraction: return eval_histogram_quantile(call, grid);
    case kInfo: return eval_info(call, grid);
    default: return eval_scalar_function(call, grid);
  }
}

Result<Value> Evaluator::eval_math(const Call& call, const StepGrid& grid) {
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  std::vector<std::vector<double>> params;
  for (size_t i = 1; i < call.args.size(); ++i) {
    auto param = eval(*call.args[i], grid);
    if (!param) return param;
    params.push_back(std::move(param->scalars));
  }
  Status done;
  switch (call.function->id) {
    case FunctionId::kClamp:
      done = map_floats(*this, *input, [&](double v, size_t step) {
        return clamp_to(v, params[0][step], params[1][step]);
      });
      for (Series& s : input->series)
        for (size_t step = 0; step < grid.count; ++step)
          if (params[0][step] > params[1][step]) s.clear(step);
      remove_empty(input->series);
      break;
    case FunctionId::kClampMin:
      done = map_floats(*this, *input, [&](double v, size_t step) {
        return clamp_to(v, params[0][step], HUGE_VAL);
      });
      break;
    case FunctionId::kClampMax:
      done = map_floats(*this, *input, [&](double v, size_t step) {
        return clamp_to(v, -HUGE_VAL, params[0][step]);
      });
      break;
    case FunctionId::kRound:
      done = map_floats(*this, *input, [&](double v, size_t step) {
        const double inverse = 1 / (params.empty() ? 1.0 : params[0][step]);
        return std::floor(v * inverse + 0.5) / inverse;
      });
      break;
    default: {
      const FloatFunction f = float_function(call.function->id);
      done = map_floats(*this, *input, [f](double v, size_t) { return f(v); });
    }
  }
  if (!done) return std::unexpected(done.error());
  if (auto ok = merge_same_labels(input->series, context_); !ok) return std::unexpected(ok.error());
  return input;
}

Result<Value> Evaluator::eval_calendar(const Call& call, const StepGrid& grid) {
  const FunctionId id = call.function->id;
  const auto now = [&](size_t step) { return static_cast<double>(grid.at(step)) / 1000; };
  if (id == FunctionId::kTimestamp || id == FunctionId::kStartTimestamp) {
    const Expr& arg = unwrap_parens(*call.args[0]);
    const bool starts = id == FunctionId::kStartTimestamp;
    if (arg.kind == ExprKind::kVectorSelector)
      return eval_sample_times(as<VectorSelector>(arg), grid, starts);
    auto input = eval(arg, grid);
    if (!input) return input;
    if (starts) input->series.clear();
    for (Series& s : input->series) {
      s.drop_name = true;
      for (size_t step = 0; step < grid.count; ++step)
        if (s.has(step)) s.set_float(step, now(step));
    }
    return input;
  }
  if (call.args.empty())
    return vector_of(
        scalars(grid.count, [&](size_t step) { return calendar_value(id, now(step)); }).scalars);
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  if (auto ok = map_floats(*this, *input, [id](double v, size_t) { return calendar_value(id, v); });
      !ok)
    return std::unexpected(ok.error());
  if (auto ok = merge_same_labels(input->series, context_); !ok) return std::unexpected(ok.error());
  return input;
}

Result<Value> Evaluator::eval_scalar_function(const Call& call, const StepGrid& grid) {
  const size_t n = grid.count;
  const StepGrid& whole = context_.grid;
  const auto constant = [n](double v) { return scalars(n, [v](size_t) { return v; }); };
  switch (call.function->id) {
    case FunctionId::kPi: return constant(std::numbers::pi);
    case FunctionId::kStart: return constant(static_cast<double>(whole.start_ms) / 1000);
    case FunctionId::kEnd: return constant(static_cast<double>(context_.end_ms) / 1000);
    case FunctionId::kRange:
      return constant(static_cast<double>(context_.end_ms - whole.start_ms) / 1000);
    case FunctionId::kStep:
      return constant(context_.is_range ? static_cast<double>(whole.step_ms) / 1000 : 0);
    case FunctionId::kTime:
      return scalars(n, [&](size_t step) { return static_cast<double>(grid.at(step)) / 1000; });
    default: break;
  }
  auto first = eval(*call.args[0], grid);
  if (!first) return first;
  if (call.function->id == FunctionId::kVector) {
    Value out = vector_of(std::move(first->scalars));
    out.series[0].sources = std::move(first->sources);
    return out;
  }
  if (call.function->id == FunctionId::kScalar) {
    Value out = scalars(n, [&](size_t step) {
      double found = std::nan("");
      size_t count = 0;
      for (const Series& s : first->series)
        if (s.is_float(step)) found = s.floats[step], ++count;
      return count == 1 ? found : std::nan("");
    });
    SourceUnion sources;
    for (const Series& s : first->series)
      if (!s.sources.empty()) sources.add(s.sources, s.present());
    out.sources = sources.take();
    return out;
  }
  auto second = eval(*call.args[1], grid);
  if (!second) return second;
  const bool lower = call.function->id == FunctionId::kMinOf;
  return scalars(n, [&](size_t step) {
    const double a = first->scalars[step];
    const double b = second->scalars[step];
    if (std::isnan(a) || std::isnan(b)) return std::nan("");
    return lower ? std::min(a, b) : std::max(a, b);
  });
}

Result<Value> Evaluator::eval_absent(const Call& call, const StepGrid& grid) {
  std::vector<char> present(grid.count, 0);
  if (call.function->id == FunctionId::kAbsent) {
    auto input = eval(*call.args[0], grid);
    if (!input) return input;
    for (const Series& s : input->series)
      for (size_t step = 0; step < grid.count; ++step)
        present[step] = static_cast<char>(present[step] | static_cast<char>(s.has(step)));
  } else {
    auto source = range_source(*call.args[0], grid);
    if (!source) return std::unexpected(source.error());
    RangeSeries series;
    for (size_t i = 0; i < source->series_count; ++i) {
      if (auto ok = context_.alive(); !ok) return std::unexpected(ok.error());
      if (auto ok = source->load(i, series); !ok) return std::unexpected(ok.error());
      WindowCursor cursor(series.samples);
      for (size_t step = 0; step < grid.count; ++step) {
        const int64_t end = source->plan.end_at(grid.at(step));
        if (!cursor.move_to(end - source->plan.range_ms, end).empty()) present[step] = 1;
      }
    }
  }
  Value out;
  Series missing(pinned_labels(*call.args[0]), grid.count);
  for (size_t step = 0; step < grid.count; ++step)
    if (present[step] == 0) missing.set_float(step, 1);
  out.series.push_back(std::move(missing));
  remove_empty(out.series);
  return out;
}

}  // namespace sightline::promql
