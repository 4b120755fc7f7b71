#include "promql/engine.h"

#include <algorithm>

#include "promql/evaluation/evaluator.h"
#include "promql/syntax/resolve.h"

namespace sightline::promql {
namespace {

double seconds_between(std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
  return std::chrono::duration<double>(to - from).count();
}

StillWanted still_wanted(Clock& clock, std::chrono::nanoseconds deadline,
                         const std::function<bool()>& cancelled) {
  return [&clock, deadline, &cancelled]() -> Status {
    if (cancelled && cancelled())
      return fail(Errc::kCancelled, "query was canceled in expression evaluation");
    if (clock.monotonic() > deadline)
      return fail(Errc::kDeadlineExceeded, "query timed out in expression evaluation");
    return {};
  };
}

// Turns what the tree evaluated to into what the caller sees.
Status finish(Value value, const QueryContext& context, QueryResult& out) {
  if (value.type == ValueType::kString) {
    out.text = std::move(value.text);
    return {};
  }
  if (value.type == ValueType::kScalar) {
    if (!out.is_range) {
      out.scalars = std::move(value.scalars);
      return {};
    }
    Series series(model::Labels(), out.grid.count);
    for (size_t step = 0; step < out.grid.count; ++step)
      series.set_float(step, value.scalars[step]);
    value.series.push_back(std::move(series));
  }
  if (auto ok = drop_names(value.series, context); !ok) return ok;
  remove_empty(value.series);
  out.series = std::move(value.series);
  return {};
}

std::vector<StepSamples> samples_of_steps(SampleLedger& ledger, const StepGrid& grid) {
  std::vector<StepSamples> out;
  for (const SampleCount& count : ledger.take_steps()) out.push_back({grid.at(out.size()), count});
  return out;
}

void collect_selectors(const Expr& expr, std::vector<std::vector<tsdb::Matcher>>& out) {
  if (expr.kind == ExprKind::kVectorSelector) out.push_back(as<VectorSelector>(expr).matchers);
  for (const Expr* child : children_of(expr)) collect_selectors(*child, out);
}

}  // namespace

Engine::Engine(const tsdb::Queryable& store, Clock& clock, WorkPool* pool, EngineOptions options)
    : store_(store), clock_(clock), pool_(pool), options_(options) {}

Result<QueryResult> Engine::instant(std::string_view query, TimestampMs time,
                                    const QueryOptions& options) const {
  return run(query, StepGrid{time.value, 0, 1}, time.value, false, options);
}

Result<QueryResult> Engine::range(std::string_view query, TimestampMs start, TimestampMs end,
                                  std::chrono::milliseconds step,
                                  const QueryOptions& options) const {
  if (step.count() <= 0)
    return fail(Errc::kInvalidArgument,
                "zero or negative query resolution step widths are not accepted");
  if (end < start)
    return fail(Errc::kInvalidArgument, "end timestamp must not be before start time");
  const auto count = (static_cast<uint64_t>(end.value) - static_cast<uint64_t>(start.value)) /
                         static_cast<uint64_t>(step.count()) +
                     1;
  if (count > options_.samples_max)
    return fail(Errc::kExecution,
                "query processing would load too many samples into memory in query execution");
  return run(query, StepGrid{start.value, step.count(), static_cast<size_t>(count)}, end.value,
             true, options);
}

Result<QueryResult> Engine::run(std::string_view query, const StepGrid& grid, int64_t end_ms,
                                bool is_range, const QueryOptions& options) const {
  const auto begun = clock_.monotonic();
  auto expr = parse(query, options_.parse);
  if (!expr) return std::unexpected(expr.error());
  const ValueType type = type_of(**expr);
  if (is_range && type != ValueType::kVector && type != ValueType::kScalar)
    return fail(Errc::kInvalidArgument, "invalid expression type \"", documented_type_name(type),
                "\" for range query, must be Scalar or instant Vector");
  const QueryTimes times{grid.start_ms, end_ms, is_range ? grid.step_ms : 0};
  if (auto ok = resolve_times(**expr, times); !ok) return std::unexpected(ok.error());
  const auto deadline =
      begun + std::min(options.timeout.value_or(options_.timeout), options_.timeout);
  const StillWanted wanted = still_wanted(clock_, deadline, options.cancelled);
  auto querier = store_.querier(wanted);
  if (!querier) return std::unexpected(querier.error());

  Annotations annotations(query);
  QueryContext context{**querier, pool_, options_, options, grid, annotations, wanted};
  context.is_range = is_range;
  context.end_ms = end_ms;
  context.lookback_ms = options.lookback.value_or(options_.lookback).count();
  SampleLedger ledger(grid, options.statistics);
  context.ledger = &ledger;
  Evaluator evaluator(context);
  QueryResult out;
  out.type = is_range ? ValueType::kMatrix : type;
  out.grid = grid;
  out.is_range = is_range;
  evaluator.find_twins(**expr);
  const auto prepared = clock_.monotonic();
  if (type == ValueType::kMatrix) {
    auto raw = evaluator.eval_raw(**expr, grid);
    if (!raw) return std::unexpected(raw.error());
    out.raw = std::move(*raw);
  } else {
    auto value = evaluator.eval(**expr, grid);
    if (!value) return std::unexpected(value.error());
    if (auto ok = finish(std::move(*value), context, out); !ok) return std::unexpected(ok.error());
  }
  const auto evaluated = clock_.monotonic();
  if (is_range && !std::ranges::is_sorted(out.series, {}, &Series::labels)) {
    const auto by_labels = [](const Series& a, const Series& b) { return a.labels < b.labels; };
    if (auto ok = sort_series(out.series, by_labels, context); !ok)
      return std::unexpected(ok.error());
  }
  const auto sorted = clock_.monotonic();
  out.warnings = annotations.take_warnings();
  out.infos = annotations.take_infos();
  out.inputs = std::move(context.inputs);
  out.stats = {seconds_between(begun, prepared),
               seconds_between(prepared, evaluated),
               seconds_between(evaluated, sorted),
               ledger.total().queried,
               ledger.total().read,
               ledger.series(),
               samples_of_steps(ledger, grid),
               context.samples_peak,
               context.bytes_peak.load()};
  return out;
}

std::vector<std::vector<tsdb::Matcher>> selectors_of(const Expr& expr) {
  std::vector<std::vector<tsdb::Matcher>> out;
  collect_selectors(expr, out);
  return out;
}

}  // namespace sightline::promql
