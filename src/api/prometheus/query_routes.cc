#include "api/prometheus/query_routes.h"

#include <iterator>

#include "api/prometheus/parameters.h"
#include "api/prometheus/query_json.h"
#include "base/number_text.h"

namespace sightline::api::prometheus {
namespace {

// Of a range query; one more evaluation than this is answered.
constexpr int64_t kStepsMax = 11'000;

struct QueryParameters {
  std::string_view query;
  promql::QueryOptions options;
  ResultShape shape;
  std::vector<std::string> warnings;
};

std::unexpected<Error> bad_parameter(std::string_view name, std::string what) {
  return invalid_parameter(name, {Errc::kInvalidArgument, std::move(what)});
}

Result<std::chrono::milliseconds> timeout_of(const net::Params& params,
                                             const promql::EngineOptions& engine) {
  const auto given = duration_parameter(params, "timeout");
  if (!given) return std::unexpected(given.error());
  if (!*given) return engine.timeout;
  if ((*given)->count() <= 0)
    return bad_parameter("timeout", "timeout must be positive, got " + format_go_duration(**given));
  return std::min(engine.timeout, std::chrono::ceil<std::chrono::milliseconds>(**given));
}

Status read_timeout(const net::HttpRequest& request, const promql::EngineOptions& engine,
                    promql::QueryOptions& out) {
  const auto timeout = timeout_of(request.params, engine);
  if (!timeout) return std::unexpected(timeout.error());
  // The clock of a query runs from when it came, not from when a thread was free for it.
  const auto left = *timeout - std::chrono::floor<std::chrono::milliseconds>(request.queued);
  if (left.count() <= 0) return fail(Errc::kDeadlineExceeded, "query timed out in query queue");
  out.timeout = left;
  return {};
}

Result<QueryParameters> query_parameters(const PrometheusApi& api, const net::HttpRequest& request,
                                         size_t limit) {
  const net::Params& params = request.params;
  QueryParameters out{.query = params.get("query")};
  out.shape.limit = limit;
  out.shape.queued = request.queued;
  out.shape.pool = api.pool;
  if (auto status = read_timeout(request, api.engine.options(), out.options); !status)
    return std::unexpected(status.error());
  if (const std::string_view text = params.get("lookback_delta"); !text.empty()) {
    const auto lookback = parse_duration(text);
    if (!lookback) return in_context("error parsing lookback delta duration", lookback.error());
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*lookback);
    if (ms.count() > 0) out.options.lookback = ms;
  }
  if (request.cancellation)
    out.options.cancelled = [client = request.cancellation] { return client->cancelled(); };
  const std::string_view stats = params.get("stats");
  if (!stats.empty()) out.shape.statistics = QueryStatistics::kShown;
  if (stats == "all") out.options.statistics = promql::StepCounts::kEachStep;
  if (!stats.empty() && stats != "true" && stats != "all")
    out.warnings.push_back("value \"" + std::string(stats) +
                           "\" for parameter \"stats\" is deprecated and will be "
                           "rejected in the next major release, use \"true\" or \"all\"");
  return out;
}

Result<promql::QueryResult> with_parameter(Result<promql::QueryResult> result) {
  if (!result && result.error().code == Errc::kInvalidArgument)
    return invalid_parameter("query", std::move(result).error());
  return result;
}

Result<Answer> finish(Result<promql::QueryResult> result, QueryParameters parameters) {
  if (!result) return std::unexpected(std::move(result).error());
  if (exceeds_limit(*result, parameters.shape.limit))
    parameters.warnings.emplace_back(kTruncatedWarning);
  parameters.warnings.insert(parameters.warnings.end(),
                             std::make_move_iterator(result->warnings.begin()),
                             std::make_move_iterator(result->warnings.end()));
  Answer answer{.warnings = std::move(parameters.warnings), .infos = std::move(result->infos)};
  answer.rest = query_data(std::move(*result), parameters.shape);
  return answer;
}

// Runs `ask` with the journal told before and after.
template <typename Ask>
Result<promql::QueryResult> journaled(const PrometheusApi& api, const QueryEvent& event, Ask ask) {
  if (api.journal == nullptr) return with_parameter(ask());
  const size_t ticket = api.journal->begun(event);
  auto result = ask();
  api.journal->ended(ticket, event, result ? &result->stats : nullptr,
                     result ? nullptr : &result.error());
  return with_parameter(std::move(result));
}

QueryEvent event_of(const net::HttpRequest& request, std::string_view query,
                    const RangeParameters& range) {
  return {.query = query,
          .start = range.start,
          .end = range.end,
          .step = range.step,
          .queued = request.queued,
          .client = request.remote,
          .method = request.method,
          .path = request.path};
}

// A parameter that has to be there: an empty time is as wrong as any other text.
Result<TimestampMs> required_time(const net::Params& params, std::string_view name) {
  const auto time = parse_time(params.get(name));
  if (!time) return bad_parameter(name, time.error().message);
  return *time;
}

}  // namespace

std::chrono::nanoseconds query_patience(const PrometheusApi& api, const net::HttpRequest& request) {
  net::Params params;  // the form first, as where it is unpacked; what is no form has no such name
  if (request.headers.get("Content-Encoding").empty()) (void)params.parse(request.body);
  (void)params.parse(request.query);
  return timeout_of(params, api.engine.options()).value_or(api.engine.options().timeout);
}

Result<RangeParameters> range_parameters(const net::Params& params) {
  const auto start = required_time(params, "start");
  if (!start) return std::unexpected(start.error());
  const auto end = required_time(params, "end");
  if (!end) return std::unexpected(end.error());
  if (*end < *start) return bad_parameter("end", "end timestamp must not be before start time");
  const auto step = parse_duration(params.get("step"));
  if (!step) return bad_parameter("step", step.error().message);
  const auto step_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*step);
  if (step_ms.count() <= 0)
    return bad_parameter(
        "step",
        "zero or negative query resolution step widths are not accepted. Try a positive integer");
  // Unsigned: the bounds of time are further apart than an int64_t holds.
  const uint64_t span_ms = static_cast<uint64_t>(end->value) - static_cast<uint64_t>(start->value);
  if (span_ms / static_cast<uint64_t>(step_ms.count()) > kStepsMax)
    return fail(Errc::kInvalidArgument,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                "query resolution (?step=XX)");
  return RangeParameters{*start, *end, step_ms};
}

Result<promql::QueryResult> run_range_query(const PrometheusApi& api,
                                            const net::HttpRequest& request, std::string_view query,
                                            const RangeParameters& range, Provenance provenance) {
  auto parameters = query_parameters(api, request, SIZE_MAX);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  parameters->options.provenance = provenance == Provenance::kKept;
  return journaled(api, event_of(request, query, range), [&] {
    return api.engine.range(query, range.start, range.end, range.step, parameters->options);
  });
}

Result<Answer> answer_query(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto limit = limit_parameter(request.params);
  if (!limit) return std::unexpected(limit.error());
  const auto time = time_parameter(request.params, "time", api.clock.now_ms());
  if (!time) return std::unexpected(time.error());
  auto parameters = query_parameters(api, request, *limit);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  auto result = journaled(api, event_of(request, parameters->query, {*time, *time, {}}), [&] {
    return api.engine.instant(parameters->query, *time, parameters->options);
  });
  return finish(std::move(result), std::move(*parameters));
}

Result<Answer> answer_query_range(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto limit = limit_parameter(request.params);
  if (!limit) return std::unexpected(limit.error());
  const auto range = range_parameters(request.params);
  if (!range) return std::unexpected(range.error());
  auto parameters = query_parameters(api, request, *limit);
  if (!parameters) return std::unexpected(std::move(parameters).error());
  auto result = journaled(api, event_of(request, parameters->query, *range), [&] {
    return api.engine.range(parameters->query, range->start, range->end, range->step,
                            parameters->options);
  });
  return finish(std::move(result), std::move(*parameters));
}

}  // namespace sightline::api::prometheus
