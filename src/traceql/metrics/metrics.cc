#include <algorithm>
#include <mutex>

#include "traceql/engine.h"
#include "traceql/evaluation/pushdown.h"
#include "traceql/evaluation/query_run.h"
#include "traceql/evaluation/spanset_evaluator.h"
#include "traceql/metrics/compare_gathering.h"
#include "traceql/metrics/series_gathering.h"
#include "traceql/metrics/series_math.h"

namespace sightline::traceql {
namespace {

int64_t clamped(TimestampNs t) {
  return static_cast<int64_t>(std::min<uint64_t>(t.value, uint64_t{1} << 62));
}

IntervalGrid grid_of(const MetricsOptions& options, bool instant) {
  const int64_t start = clamped(options.start);
  const int64_t end = clamped(options.end);
  if (instant)
    return {.first_end_ns = end, .step_ns = std::max<int64_t>(end - start, 1), .count = 1};
  const int64_t step = options.step.count();
  const int64_t first = start / step * step;
  const int64_t last = (end + step - 1) / step * step;
  return {.first_end_ns = first,
          .step_ns = step,
          .count = static_cast<size_t>((last - first) / step + 1)};
}

uint32_t exemplars_wanted(const Query& query, const MetricsOptions& options) {
  uint32_t wanted = options.exemplars;
  if (const Literal* hint = query.hint("exemplars")) {
    if (hint->type == Type::kBool) wanted = hint->integer != 0 ? std::max(wanted, 1u) : 0;
    if (hint->type == Type::kInt)
      wanted = static_cast<uint32_t>(std::clamp<int64_t>(hint->integer, 0, options.exemplars_max));
  }
  return std::min(wanted, options.exemplars_max);
}

// Evaluates a tree of metrics functions over one grid.
class MetricsEvaluator {
 public:
  MetricsEvaluator(QueryRun& run, const IntervalGrid& grid, GatheringLimits limits)
      : run_(run), grid_(grid), limits_(limits) {}

  Result<SeriesList> evaluate(const Metrics& metrics) {
    auto series = metrics.kind == Metrics::Kind::kBinary ? binary(metrics) : function(metrics);
    if (!series) return series;
    for (const SecondStage& stage : metrics.second_stages) apply(stage, *series);
    return series;
  }
  bool truncated() const { return truncated_; }

 private:
  Result<SeriesList> binary(const Metrics& metrics) {
    const bool left_number = metrics.left->kind == Metrics::Kind::kNumber;
    const bool right_number = metrics.right->kind == Metrics::Kind::kNumber;
    auto left = evaluate(left_number ? *metrics.right : *metrics.left);
    if (!left) return left;
    if (left_number)
      return combine_number(metrics.op, std::move(*left), metrics.left->number, true);
    if (right_number)
      return combine_number(metrics.op, std::move(*left), metrics.right->number, false);
    auto right = evaluate(*metrics.right);
    if (!right) return right;
    auto combined = combine(metrics.op, std::move(*left), *right);
    if (combined.size() > limits_.series_max) {
      combined.resize(limits_.series_max);
      truncated_ = true;
    }
    return combined;
  }

  Result<SeriesList> function(const Metrics& metrics) {
    tracestore::ScanRequest request;
    request.min = {static_cast<uint64_t>(std::max<int64_t>(grid_.first_end_ns - grid_.step_ns, 0))};
    request.max = {static_cast<uint64_t>(grid_.first_end_ns +
                                         static_cast<int64_t>(grid_.count - 1) * grid_.step_ns)};
    push_down(metrics.spans, request);
    if (metrics.function == MetricsFunction::kCompare) return compare(metrics, request);
    // One for each thread at work, put together in the end.
    std::mutex mutex;
    std::vector<std::unique_ptr<SeriesGathering>> idle;  // guarded by mutex
    const auto take = [&] {
      const std::lock_guard lock(mutex);
      if (idle.empty()) return std::make_unique<SeriesGathering>(metrics, grid_, limits_);
      auto taken = std::move(idle.back());
      idle.pop_back();
      return taken;
    };
    auto done = run_.scan(request, [&](tracestore::RowGroup& group) -> Result<bool> {
      RowColumns columns(group);
      FieldEvaluator fields(columns, run_.regexes());
      const auto rows = SpansetEvaluator(fields).rows(metrics.spans, RowMask(group.row_count(), 1));
      if (!rows) return std::unexpected(rows.error());
      auto gathering = take();
      if (auto added = gathering->add(columns, *rows); !added)
        return std::unexpected(std::move(added).error());
      const std::lock_guard lock(mutex);
      idle.push_back(std::move(gathering));
      return true;
    });
    if (!done) return std::unexpected(std::move(done).error());
    SeriesGathering gathering(metrics, grid_, limits_);
    for (auto& part : idle)
      if (auto merged = gathering.merge(std::move(*part)); !merged)
        return std::unexpected(std::move(merged).error());
    truncated_ = truncated_ || gathering.truncated();
    return std::move(gathering).finish();
  }

  Result<SeriesList> compare(const Metrics& metrics, const tracestore::ScanRequest& request) {
    std::vector<Attribute> attributes;
    for (const Intrinsic i :
         {Intrinsic::kName, Intrinsic::kKind, Intrinsic::kStatus, Intrinsic::kStatusMessage,
          Intrinsic::kRootName, Intrinsic::kRootServiceName})
      attributes.push_back({.intrinsic = i});
    using enum tracestore::AttributeScope;
    auto keys = run_.keys({.scopes = {kSpan, kResource}, .min = request.min, .max = request.max});
    if (!keys) return std::unexpected(std::move(keys).error());
    for (std::string& key : keys->at(0))
      attributes.push_back({.scope = Scope::kSpan, .name = std::move(key)});
    for (std::string& key : keys->at(1))
      attributes.push_back({.scope = Scope::kResource, .name = std::move(key)});
    CompareGathering gathering(metrics, grid_, std::move(attributes));
    std::mutex mutex;  // of `gathering`
    auto done = run_.scan(request, [&](tracestore::RowGroup& group) -> Result<bool> {
      RowColumns columns(group);
      FieldEvaluator fields(columns, run_.regexes());
      SpansetEvaluator spansets(fields);
      const auto rows = spansets.rows(metrics.spans, RowMask(group.row_count(), 1));
      if (!rows) return std::unexpected(rows.error());
      const auto selected = spansets.spanset(*metrics.selection, RowMask(group.row_count(), 1));
      if (!selected) return std::unexpected(selected.error());
      const std::lock_guard lock(mutex);
      if (auto added = gathering.add(columns, *rows, *selected); !added)
        return std::unexpected(std::move(added).error());
      return true;
    });
    if (!done) return std::unexpected(std::move(done).error());
    return std::move(gathering).finish();
  }

  QueryRun& run_;
  const IntervalGrid& grid_;
  const GatheringLimits limits_;
  bool truncated_ = false;
};

}  // namespace

Result<MetricsResult> Engine::metrics_range(std::string_view query,
                                            const MetricsOptions& options) const {
  if (options.step.count() <= 0) return fail(Errc::kInvalidArgument, "step must be greater than 0");
  return metrics(query, options, false);
}

Result<MetricsResult> Engine::metrics_instant(std::string_view query,
                                              const MetricsOptions& options) const {
  return metrics(query, options, true);
}

Result<MetricsResult> Engine::metrics(std::string_view text, const MetricsOptions& options,
                                      bool instant) const {
  const auto query = parse_query(text);
  if (!query) return std::unexpected(query.error());
  if (!query->metrics) return fail(Errc::kInvalidArgument, "not a metrics query");
  if (options.end <= options.start)
    return fail(Errc::kInvalidArgument, "end must be greater than start");
  auto run = QueryRun::start(store_, clock_, options_, options);
  if (!run) return std::unexpected(std::move(run).error());
  const IntervalGrid grid = grid_of(options, instant);
  if (grid.count > options.intervals_max)
    return fail(Errc::kInvalidArgument, "the query covers ", grid.count,
                " intervals, more than the limit of ", options.intervals_max);
  MetricsEvaluator evaluator(*run, grid,
                             {.series_max = options.series_max,
                              .exemplars_max = instant ? 0 : exemplars_wanted(*query, options)});
  auto series = evaluator.evaluate(*query->metrics);
  if (!series) return std::unexpected(std::move(series).error());
  sort_by_labels(*series);
  MetricsResult result{.series = std::move(*series), .truncated = evaluator.truncated()};
  for (size_t i = 0; i < grid.count; ++i)
    result.times_ms.push_back((grid.first_end_ns + static_cast<int64_t>(i) * grid.step_ns) /
                              1'000'000);
  result.inspected_traces = run->inspected_traces();
  result.inspected_bytes = run->querier().inspected_bytes();
  return result;
}

}  // namespace sightline::traceql
