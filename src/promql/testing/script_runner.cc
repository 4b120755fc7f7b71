#include "promql/testing/script_runner.h"

#include <cmath>
#include <limits>

#include <re2/re2.h>

#include "base/number_text.h"
#include "model/sample.h"
#include "promql/engine.h"
#include "promql/functions/histogram_math.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/printer.h"
#include "promql/testing/script_load.h"

namespace sightline::promql {
namespace {

constexpr double kEpsilon = 1e-6;
constexpr int64_t kMinuteMs = 60'000;

bool almost_equal(double a, double b) {
  if (model::is_stale_marker(a) || model::is_stale_marker(b))
    return model::is_stale_marker(a) && model::is_stale_marker(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  constexpr double kSmallest = std::numeric_limits<double>::min();
  if (a == 0 || b == 0 || sum < kSmallest) return difference < kEpsilon * kSmallest;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < kEpsilon;
}

bool almost_equal(const std::vector<double>& a, const std::vector<double>& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return almost_equal(x, y); });
}

bool almost_equal(const model::Histogram& wanted, const model::Histogram& got, bool hints) {
  const model::Histogram a = compact(wanted);
  const model::Histogram b = compact(got);
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         a.custom_values == b.custom_values && almost_equal(a.count, b.count) &&
         almost_equal(a.sum, b.sum) && almost_equal(a.zero_count, b.zero_count) &&
         almost_equal(a.positive_buckets, b.positive_buckets) &&
         almost_equal(a.negative_buckets, b.negative_buckets) &&
         (!hints || a.reset_hint == b.reset_hint);
}

std::string text_of(const Cell& cell) {
  if (cell.kind == CellKind::kNone) return "_";
  return cell.kind == CellKind::kFloat ? format_float_go(cell.value) : script_text(*cell.histogram);
}

std::string text_of(const ScriptValue& v) {
  if (v.omitted) return "_";
  return v.histogram ? script_text(*v.histogram) : format_float_go(v.value);
}

Cell cell_of(const ScriptValue& v) {
  if (v.omitted) return Cell::none();
  return v.histogram ? Cell::of(v.histogram) : Cell::of(v.value);
}

// A row of a result: labels, and a value per step of the expectation.
struct Row {
  model::Labels labels;
  std::vector<Cell> cells;
};

// Empty when the row is as expected.
std::string compare_row(const ScriptSeries& wanted, const Row& got) {
  std::string want_text;
  std::string got_text;
  bool same = true;
  for (size_t i = 0; i < std::max(wanted.values.size(), got.cells.size()); ++i) {
    const ScriptValue v =
        i < wanted.values.size() ? wanted.values[i] : ScriptValue{.omitted = true};
    const Cell a = cell_of(v);
    const Cell b = i < got.cells.size() ? got.cells[i] : Cell::none();
    want_text += " " + text_of(v);
    got_text += " " + text_of(b);
    if (a.kind != b.kind)
      same = false;
    else if (a.kind == CellKind::kFloat)
      same = same && almost_equal(a.value, b.value);
    else if (a.kind == CellKind::kHistogram)
      same = same && almost_equal(*a.histogram, *b.histogram, v.hint_given);
  }
  return same ? std::string()
              : "expected " + wanted.labels.to_string() + want_text + ", got" + got_text;
}

std::string compare_rows(const std::vector<ScriptSeries>& wanted, const std::vector<Row>& got,
                         bool ordered) {
  std::map<model::Labels, size_t> places;
  for (size_t i = 0; i < wanted.size(); ++i) places[wanted[i].labels] = i;
  std::vector<char> seen(wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto place = places.find(got[i].labels);
    if (place == places.end()) {
      std::string cells;
      for (const Cell& c : got[i].cells) cells += " " + text_of(c);
      return "expected no " + got[i].labels.to_string() + ", got it with" + cells;
    }
    if (ordered && place->second != i)
      return "expected " + got[i].labels.to_string() + " in place " +
             std::to_string(place->second) + ", got it in " + std::to_string(i);
    seen[place->second] = 1;
    if (auto fault = compare_row(wanted[place->second], got[i]); !fault.empty()) return fault;
  }
  for (size_t i = 0; i < wanted.size(); ++i)
    if (seen[i] == 0 && places[wanted[i].labels] == i)
      return "expected " + wanted[i].labels.to_string() + ", got none";
  return {};
}

std::string compare_annotations(const std::vector<Expectation>& wanted, bool none,
                                const std::vector<std::string>& got, const std::string& kind) {
  const std::string all =
      got.empty() ? "none" : "\"" + got.front() + "\"" + (got.size() > 1 ? " and more" : "");
  if (none && !got.empty()) return "expected no " + kind + ", got " + all;
  if (wanted.empty()) return {};
  if (got.empty()) return "expected " + kind + " \"" + wanted.front().text + "\", got none";
  for (const Expectation& e : wanted)
    if (std::ranges::none_of(got, [&](const std::string& s) { return e.holds(s); }))
      return "expected " + kind + " \"" + (e.pattern ? e.pattern->pattern() : e.text) + "\", got " +
             all;
  for (const std::string& s : got)
    if (std::ranges::none_of(wanted, [&](const Expectation& e) { return e.holds(s); }))
      return "expected no " + kind + " \"" + s + "\", got it";
  return {};
}

bool varies_with_time(FunctionId id) {
  switch (id) {
    case FunctionId::kDaysInMonth:
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfYear:
    case FunctionId::kEnd:
    case FunctionId::kHour:
    case FunctionId::kMinute:
    case FunctionId::kMonth:
    case FunctionId::kYear:
    case FunctionId::kPredictLinear:
    case FunctionId::kRange:
    case FunctionId::kStart:
    case FunctionId::kStep:
    case FunctionId::kTime:
    case FunctionId::kTimestamp: return true;
    default: return false;
  }
}

// Pins every outermost selector and subquery to a time. False when the result would change nevertheless.
bool pin(Expr& expr, int64_t time_ms) {
  AtModifier* at = nullptr;
  if (expr.kind == ExprKind::kVectorSelector) at = &as<VectorSelector>(expr).at;
  if (expr.kind == ExprKind::kSubquery) at = &as<SubqueryExpr>(expr).at;
  if (at != nullptr && !at->timestamp_ms && at->bound == AtBound::kNone) at->timestamp_ms = time_ms;
  if (expr.kind == ExprKind::kCall && varies_with_time(as<Call>(expr).function->id)) return false;
  bool ok = true;
  for (Expr* child : children_of(expr))
    if (expr.kind != ExprKind::kSubquery) ok = pin(*child, time_ms) && ok;
  return ok;
}

bool asks_for_context(const std::string& text) {
  static const re2::RE2 kContext("(start|end|range|step)\\(\\)");
  return re2::RE2::PartialMatch(text, kContext);
}

// One eval command in all its forms.
class Evaluation {
 public:
  Evaluation(const Engine& engine, const EvalCommand& command)
      : engine_(engine), command_(command) {}

  std::optional<ScriptFailure> run() {
    if (command_.is_range) return range(command_.expression);
    if (auto fault = instant(command_.expression, command_.end_ms)) return fault;
    auto expr = parse(command_.expression);
    if (!expr || !pin(**expr, command_.end_ms)) return std::nullopt;
    const std::string pinned = to_text(**expr);
    const int64_t t = command_.end_ms;
    const std::vector<int64_t> times = t == 0 ? std::vector<int64_t>{-1000, 0, 1000}
                                              : std::vector<int64_t>{-10 * t, 0, t / 5, t, 10 * t};
    for (const int64_t at : times)
      if (auto fault = instant(pinned, at)) return fault;
    return std::nullopt;
  }

 private:
  using Fault = std::optional<ScriptFailure>;

  Fault wrong(const std::string& expression, std::string message) const {
    if (message.empty()) return std::nullopt;
    return ScriptFailure{command_.line, expression, std::move(message)};
  }

  Fault failed(const std::string& expression, const Error& error) const {
    if (!command_.fail)
      return wrong(expression, "expected a result, got the error: " + error.message);
    if (command_.fail->holds(error.message)) return std::nullopt;
    const std::string& wanted =
        command_.fail->pattern ? command_.fail->pattern->pattern() : command_.fail->text;
    return wrong(expression,
                 "expected the error \"" + wanted + "\", got \"" + error.message + "\"");
  }

  std::string annotations(const QueryResult& result) const {
    auto fault =
        compare_annotations(command_.warnings, command_.no_warnings, result.warnings, "warning");
    return fault.empty()
               ? compare_annotations(command_.infos, command_.no_infos, result.infos, "info")
               : fault;
  }

  Fault range(const std::string& expression) const {
    const auto result = engine_.range(expression, {command_.start_ms}, {command_.end_ms},
                                      std::chrono::milliseconds(command_.step_ms));
    if (!result) return failed(expression, result.error());
    if (command_.fail) return wrong(expression, "expected an error, got a result");
    if (auto fault = annotations(*result); !fault.empty()) return wrong(expression, fault);
    return wrong(expression, compare_range(*result));
  }

  std::string compare_range(const QueryResult& result) const {
    if (command_.scalar) return "expected a scalar, got a range vector";
    if (!std::ranges::is_sorted(result.series, {}, &Series::labels))
      return "expected series sorted by labels";
    std::vector<Row> rows;
    for (const Series& s : result.series) {
      Row row{s.labels, {}};
      for (size_t step = 0; step < s.cells.size(); ++step) row.cells.push_back(s.cell(step));
      rows.push_back(std::move(row));
    }
    return compare_rows(command_.series, rows, false);
  }

  Fault instant(const std::string& expression, int64_t time_ms) const {
    const auto result = engine_.instant(expression, {time_ms});
    if (!result) return failed(expression, result.error());
    if (command_.fail) return wrong(expression, "expected an error, got a result");
    if (auto fault = annotations(*result); !fault.empty()) return wrong(expression, fault);
    if (auto fault = compare_instant(*result); !fault.empty()) return wrong(expression, fault);
    const bool one_value = result->type == ValueType::kVector || result->type == ValueType::kScalar;
    if (!one_value || command_.is_raw || command_.text || command_.ordered ||
        asks_for_context(expression))
      return std::nullopt;
    return middle_step(expression, time_ms);
  }

  std::string compare_instant(const QueryResult& result) const {
    switch (result.type) {
      case ValueType::kString:
        return command_.text && *command_.text == result.text
                   ? std::string()
                   : "expected another result, got the string " + result.text;
      case ValueType::kScalar: return compare_scalar(result.scalars[0]);
      case ValueType::kMatrix: return compare_raw(result);
      default: break;
    }
    if (command_.scalar) return "expected a scalar, got an instant vector";
    return compare_rows(command_.series, rows_at(result, 0), command_.ordered);
  }

  std::string compare_scalar(double got) const {
    if (!command_.scalar) return "expected another result, got the scalar " + format_float_go(got);
    if (almost_equal(*command_.scalar, got)) return {};
    return "expected " + format_float_go(*command_.scalar) + ", got " + format_float_go(got);
  }

  static std::vector<Row> rows_at(const QueryResult& result, size_t step) {
    std::vector<Row> rows;
    for (const Series& s : result.series)
      if (s.has(step)) rows.push_back({s.labels, {s.cell(step)}});
    return rows;
  }

  std::string compare_raw(const QueryResult& result) const {
    if (!command_.is_raw) return "expected another result, got a range vector";
    if (!std::ranges::is_sorted(result.raw, {}, &RawSeries::labels))
      return "expected series sorted by labels";
    std::vector<Row> rows;
    for (const RawSeries& s : result.raw) {
      Row row{
          s.labels,
          std::vector<Cell>(
              static_cast<size_t>((command_.end_ms - command_.start_ms) / command_.step_ms) + 1)};
      const auto put = [&](int64_t time, Cell cell) {
        const int64_t offset = time - command_.start_ms;
        if (offset < 0 || offset % command_.step_ms != 0 || time > command_.end_ms) return false;
        row.cells[static_cast<size_t>(offset / command_.step_ms)] = std::move(cell);
        return true;
      };
      for (size_t i = 0; i < s.times.size(); ++i)
        if (!put(s.times[i], Cell::of(s.values[i])))
          return "expected no sample at " + std::to_string(s.times[i]) + " ms, got one";
      for (size_t i = 0; i < s.histogram_times.size(); ++i)
        if (!put(s.histogram_times[i], Cell::of(s.histograms[i])))
          return "expected no histogram at " + std::to_string(s.histogram_times[i]) +
                 " ms, got one";
      rows.push_back(std::move(row));
    }
    return compare_rows(command_.series, rows, false);
  }

  Fault middle_step(const std::string& expression, int64_t time_ms) const {
    const auto result = engine_.range(expression, {time_ms - kMinuteMs}, {time_ms + kMinuteMs},
                                      std::chrono::milliseconds(kMinuteMs));
    const std::string as_range = expression + " (as the middle of three steps)";
    if (!result)
      return wrong(as_range, "expected a result, got the error: " + result.error().message);
    if (!std::ranges::is_sorted(result->series, {}, &Series::labels))
      return wrong(as_range, "expected series sorted by labels");
    if (command_.scalar) {
      if (result->series.size() != 1 || !result->series[0].is_float(1))
        return wrong(as_range, "expected one series of floats");
      return wrong(as_range, compare_scalar(result->series[0].floats[1]));
    }
    return wrong(as_range, compare_rows(command_.series, rows_at(*result, 1), false));
  }

  const Engine& engine_;
  const EvalCommand& command_;
};

}  // namespace

Result<ScriptReport> run_script(std::string_view text, Clock& clock, WorkPool* pool) {
  auto commands = parse_script(text);
  if (!commands) return std::unexpected(commands.error());
  MemoryStore store;
  const Engine engine(store, clock, pool,
                      {.timeout = std::chrono::seconds(100), .samples_max = 10'000});
  ScriptReport report;
  for (const ScriptCommand& command : *commands) {
    if (command.load) {
      if (auto ok = run_load(*command.load, store); !ok)
        return in_context("line " + std::to_string(command.line), std::move(ok).error());
    } else if (command.eval) {
      auto failure = Evaluation(engine, *command.eval).run();
      if (failure)
        report.failures.push_back(std::move(*failure));
      else
        ++report.passed;
    } else {
      store.clear();
    }
  }
  return report;
}

}  // namespace sightline::promql
