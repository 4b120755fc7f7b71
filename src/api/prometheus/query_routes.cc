#include "api/prometheus/query_routes.h"

#include <iterator>

#include "api/prometheus/parameters.h"
#include "api/prometheus/query_json.h"
#include "api/prometheus/series_selection.h"
#include "promql/parser.h"

namespace sightline::api::prometheus {
namespace {

// Of a range query; one more evaluation than this is answered.
constexpr int64_t kStepsMax = 11'000;

struct QueryParameters {
  std::string_view query;
  promql::QueryOptions options;
  size_t limit = SIZE_MAX;
  QueryStatistics statistics = QueryStatistics::kNone;
  std::vector<std::string> warnings;
};

Result<QueryParameters> query_parameters(const net::HttpRequest& request) {
  const net::Params& params = request.params;
  QueryParameters out{.query = params.get("query")};
  const auto limit = limit_parameter(params);
  if (!limit) return std::unexpected(limit.error());
  out.limit = *limit;
  const auto timeout = duration_parameter(params, "timeout");
  if (!timeout) return std::unexpected(timeout.error());
  if (*timeout) out.options.timeout = std::chrono::ceil<std::chrono::milliseconds>(**timeout);
  if (const std::string_view text = params.get("lookback_delta"); !text.empty()) {
    const auto lookback = parse_duration(text);
    if (!lookback) return in_context("error parsing lookback delta duration", lookback.error());
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*lookback);
    if (ms.count() > 0) out.options.lookback = ms;
  }
  if (request.cancellation)
    out.options.cancelled = [client = request.cancellation] { return client->cancelled(); };
  const std::string_view stats = params.get("stats");
  if (!stats.empty()) out.statistics = QueryStatistics::kShown;
  if (!stats.empty() && stats != "true" && stats != "all")
    out.warnings.push_back("value \"" + std::string(stats) + "\" for parameter \"stats\" is deprecated and will be "
                           "rejected in the next major release, use \"true\" or \"all\"");
  return out;
}

Result<Answer> finish(Result<promql::QueryResult> result, QueryParameters parameters) {
  if (!result) {
    if (result.error().code == Errc::kInvalidArgument) return invalid_parameter("query", std::move(result).error());
    return std::unexpected(std::move(result).error());
  }
  Answer answer{.data = query_data(*result, parameters.limit, parameters.statistics),
                .warnings = std::move(result->warnings),
                .infos = std::move(result->infos)};
  if (exceeds_limit(*result, parameters.limit)) parameters.warnings.emplace_back(kTruncatedWarning);
  answer.warnings.insert(answer.warnings.begin(), std::make_move_iterator(parameters.warnings.begin()),
                         std::make_move_iterator(parameters.warnings.end()));
  return answer;
}

std::unexpected<Error> bad_parameter(std::string_view name, std::string what) {
  return invalid_parameter(name, {Errc::kInvalidArgument, std::move(what)});
}

// A parameter that has to be there: an empty time is as wrong as any other text.
Result<TimestampMs> required_time(const net::Params& params, std::string_view name) {
  const auto time = parse_time(params.get(name));
  if (!time) return bad_parameter(name, time.error().message);
  return *time;
}

Status append_series_exemplars(std::string& out, const FoundSeries& found, tsdb::TimeRange range, TraceIdLabels labels,
                               std::vector<model::Exemplar>& exemplars) {
  exemplars.clear();
  if (auto status = found.set->read_exemplars(found.index, range, exemplars); !status) return status;
  if (exemplars.empty()) return {};
  append_separator(out);
  out += R"({"seriesLabels":)";
  append_labels(out, found.labels());
  out += R"(,"exemplars":[)";
  for (const model::Exemplar& exemplar : exemplars) {
    append_separator(out);
    append_exemplar(out, exemplar, labels);
  }
  out += "]}";
  return {};
}

}  // namespace

Result<Answer> answer_query(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto time = time_parameter(request.params, "time", api.clock.now_ms());
  if (!time) return std::unexpected(time.error());
  auto parameters = query_parameters(request);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  auto result = api.engine.instant(parameters->query, *time, parameters->options);
  return finish(std::move(result), std::move(*parameters));
}

Result<Answer> answer_query_range(const PrometheusApi& api, const net::HttpRequest& request) {
  const net::Params& params = request.params;
  const auto start = required_time(params, "start");
  if (!start) return std::unexpected(start.error());
  const auto end = required_time(params, "end");
  if (!end) return std::unexpected(end.error());
  if (*end < *start) return bad_parameter("end", "end timestamp must not be before start time");
  const auto step = parse_duration(params.get("step"));
  if (!step) return bad_parameter("step", step.error().message);
  const auto step_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*step);
  if (step_ms.count() <= 0)
    return bad_parameter("step", "zero or negative query resolution step widths are not accepted. Try a positive integer");
  // Unsigned: the bounds of time are further apart than an int64_t holds.
  const uint64_t span_ms = static_cast<uint64_t>(end->value) - static_cast<uint64_t>(start->value);
  if (span_ms / static_cast<uint64_t>(step_ms.count()) > kStepsMax)
    return fail(Errc::kInvalidArgument, "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                "query resolution (?step=XX)");
  auto parameters = query_parameters(request);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  auto result = api.engine.range(parameters->query, *start, *end, step_ms, parameters->options);
  return finish(std::move(result), std::move(*parameters));
}

Result<Answer> answer_query_exemplars(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto range = time_range(request.params);
  if (!range) return std::unexpected(range.error());
  if (range->max < range->min) return bad_parameter("end", "end timestamp must not be before start timestamp");
  auto expression = promql::parse(request.params.get("query"));
  if (!expression) return invalid_parameter("query", std::move(expression).error());
  const auto selectors = promql::selectors_of(**expression);
  if (selectors.empty()) return Answer{};
  const auto querier = api.store.querier();
  if (!querier) return std::unexpected(querier.error());
  const auto selection = select_any(**querier, selectors, *range);
  if (!selection) return std::unexpected(selection.error());
  const auto labels = api.exemplar_trace_id_alias ? TraceIdLabels::kBoth : TraceIdLabels::kAsStored;
  Answer answer{.data = "["};
  std::vector<model::Exemplar> exemplars;
  for (const FoundSeries& found : selection->series) {
    if (request.cancellation && request.cancellation->cancelled())
      return fail(Errc::kCancelled, "query was canceled in exemplar selection");
    if (auto status = append_series_exemplars(answer.data, found, *range, labels, exemplars); !status)
      return std::unexpected(std::move(status).error());
  }
  answer.data += ']';
  return answer;
}

}  // namespace sightline::api::prometheus
