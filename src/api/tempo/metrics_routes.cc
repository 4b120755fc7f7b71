#include "api/tempo/metrics_routes.h"

#include <algorithm>
#include <cmath>

#include "api/tempo/answers.h"
#include "api/tempo/engine_access.h"
#include "api/tempo/parameters.h"
#include "base/date_text.h"
#include "base/number_text.h"

namespace sightline::api::tempo {
namespace {

using std::chrono::nanoseconds;
constexpr int64_t kSecond = 1'000'000'000;

Result<TimestampNs> parse_time(std::string_view name, std::string_view text) {
  std::optional<int64_t> ns;
  if (const auto whole = parse_int(text)) {
    ns = text.size() <= 10 ? *whole * kSecond : *whole;
  } else if (const auto seconds = parse_float(text); seconds && std::abs(*seconds) < 9e9) {
    ns = static_cast<int64_t>(*seconds * 1e9);
  } else {
    ns = parse_rfc3339(text);
  }
  if (!ns || *ns < 0)
    return fail(Errc::kInvalidArgument, "invalid ", name, ": \"", text, "\" is not a time");
  return TimestampNs{static_cast<uint64_t>(*ns)};
}

Status read_times(const TempoApi& api, const net::Params& params,
                  traceql::MetricsOptions& options) {
  const uint64_t now = api.clock.now().value;
  nanoseconds since = std::chrono::hours(1);
  if (const auto text = params.get("since"); !text.empty()) {
    const auto parsed = parse_go_duration(text);
    if (!parsed || parsed->count() <= 0)
      return fail(Errc::kInvalidArgument, "invalid since: \"", text,
                  "\" is not a positive duration");
    since = *parsed;
  }
  options.end = {now};
  if (const auto text = params.get("end"); !text.empty()) {
    const auto end = parse_time("end", text);
    if (!end) return std::unexpected(end.error());
    options.end = *end;
  }
  options.start = {options.end.value -
                   std::min<uint64_t>(options.end.value, static_cast<uint64_t>(since.count()))};
  if (const auto text = params.get("start"); !text.empty()) {
    const auto start = parse_time("start", text);
    if (!start) return std::unexpected(start.error());
    options.start = *start;
  }
  if (options.end <= options.start)
    return fail(Errc::kInvalidArgument, "end must be greater than start");
  return {};
}

// About 240 intervals, of a length that reads well.
nanoseconds default_step(nanoseconds range) {
  if (range < std::chrono::minutes(1)) return std::chrono::milliseconds(50);
  const nanoseconds wanted = range / 240;
  for (const nanoseconds step :
       {nanoseconds(std::chrono::hours(1)), nanoseconds(std::chrono::minutes(5)),
        nanoseconds(std::chrono::minutes(1)), nanoseconds(std::chrono::seconds(15)),
        nanoseconds(std::chrono::seconds(5))})
    if (wanted >= step) return wanted / step * step;
  return std::max(wanted / kSecond * kSecond, nanoseconds(kSecond));
}

Status read_step(const net::Params& params, traceql::MetricsOptions& options) {
  const std::string_view text = params.get("step");
  if (text.empty()) return {};
  const auto seconds = parse_float(text);
  const auto duration = parse_go_duration(text);
  if (seconds && *seconds > 0 && *seconds < 9e9)
    options.step = nanoseconds(static_cast<int64_t>(*seconds * 1e9));
  else if (duration && duration->count() > 0)
    options.step = *duration;
  else
    return fail(Errc::kInvalidArgument, "invalid step: \"", text, "\" is not a positive duration");
  return {};
}

Status read_limits(const TempoApi& api, const net::Params& params,
                   traceql::MetricsOptions& options) {
  for (const std::string_view name : {"exemplars", "maxSeries"}) {
    const auto value = parse_integer(params, name);
    if (!value) return std::unexpected(value.error());
    if (!*value || **value == 0) continue;
    if (**value < 0)
      return fail(Errc::kInvalidArgument, "invalid ", name, ": must be a non-negative number");
    const auto bounded = static_cast<uint32_t>(std::min<int64_t>(**value, UINT32_MAX));
    if (name == "exemplars")
      options.exemplars = std::min(bounded, api.options.exemplars_max);
    else
      options.series_max = std::min(bounded, api.options.series_max);
  }
  return {};
}

void append_labels(std::string& out, const traceql::MetricsLabels& labels) {
  out += R"("labels":[)";
  for (size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_key_value(out, labels[i].first, labels[i].second);
  }
  out.push_back(']');
}

// ,"value":x unless it is zero, which proto3 JSON leaves out.
void append_value(std::string& out, double value) {
  if (value == 0) return;
  out += R"(,"value":)";
  if (std::isfinite(value))
    append_float_json(out, value);
  else
    out += value > 0 ? "\"Infinity\"" : std::isnan(value) ? "\"NaN\"" : "\"-Infinity\"";
}

void append_series(std::string& out, const traceql::MetricsSeries& series,
                   const std::vector<int64_t>& times) {
  out.push_back('{');
  append_labels(out, series.labels);
  out += R"(,"samples":[)";
  bool first = true;
  for (size_t i = 0; i < times.size(); ++i) {
    if (std::isnan(series.values[i])) continue;
    out.append(first ? "" : ",")
        .append(R"({"timestampMs":")")
        .append(std::to_string(times[i]))
        .append("\"");
    append_value(out, series.values[i]);
    out.push_back('}');
    first = false;
  }
  out.push_back(']');
  if (!series.exemplars.empty()) {
    out += R"(,"exemplars":[)";
    for (size_t i = 0; i < series.exemplars.size(); ++i) {
      const auto& exemplar = series.exemplars[i];
      traceql::MetricsLabels labels = exemplar.labels;
      labels.insert(
          labels.begin(),
          {"trace:id", traceql::OwnedValue::of(traceql::Value::of_text(to_hex(exemplar.trace)))});
      out += i > 0 ? ",{" : "{";
      append_labels(out, labels);
      append_value(out, exemplar.value);
      out.append(R"(,"timestampMs":")").append(std::to_string(exemplar.time.value)).append("\"}");
    }
    out.push_back(']');
  }
  out.push_back('}');
}

void append_metrics(std::string& out, const traceql::MetricsResult& result) {
  out += R"(,"metrics":{)";
  if (result.inspected_traces != 0)
    out.append(R"("inspectedTraces":)").append(std::to_string(result.inspected_traces)).append(",");
  if (result.inspected_bytes != 0)
    out.append(R"("inspectedBytes":")")
        .append(std::to_string(result.inspected_bytes))
        .append("\",");
  out += R"("completedJobs":1,"totalJobs":1})";
  if (result.truncated)
    out.append(R"(,"status":"PARTIAL","message":")").append(kSeriesLeftOut).append("\"");
}

Result<MetricsRequest> read_request(const TempoApi& api, const net::HttpRequest& http) {
  MetricsRequest request = default_metrics_request(api);
  const net::Params& params = http.params;
  request.query = params.has("q") ? params.get("q") : params.get("query");
  if (auto done = read_times(api, params, request.options); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = read_limits(api, params, request.options); !done)
    return std::unexpected(std::move(done).error());
  if (auto done = read_step(params, request.options); !done)
    return std::unexpected(std::move(done).error());
  set_bounds(request.options, {request.options.start, request.options.end, true}, http);
  return request;
}

Result<nanoseconds> range_of(const TempoApi& api, const traceql::MetricsOptions& options) {
  if (options.end <= options.start)
    return fail(Errc::kInvalidArgument, "end must be greater than start");
  const nanoseconds range(
      static_cast<int64_t>(std::min<uint64_t>(options.end.value - options.start.value, INT64_MAX)));
  if (const auto longest = api.options.metrics_range_max; longest.count() != 0 && range > longest)
    return fail(Errc::kInvalidArgument,
                "metrics query time range exceeds the maximum allowed duration of ",
                format_go_duration(longest));
  return range;
}

}  // namespace

MetricsRequest default_metrics_request(const TempoApi& api) {
  MetricsRequest request;
  request.options.series_max = api.options.series_max;
  request.options.exemplars = api.options.exemplars_default;
  request.options.exemplars_max = api.options.exemplars_max;
  request.options.intervals_max = api.options.intervals_max + 2;  // rounding adds one at each end
  return request;
}

Result<MetricsRequest> checked_query_range(const TempoApi& api, MetricsRequest request) {
  traceql::MetricsOptions& options = request.options;
  const auto given = range_of(api, options);
  if (!given) return std::unexpected(given.error());
  const nanoseconds range = *given;
  if (options.step.count() == 0) options.step = default_step(range);
  const nanoseconds smallest = std::max(range / api.options.intervals_max, nanoseconds(1'000'000));
  if (options.step < smallest)
    return fail(Errc::kInvalidArgument, "step of ", format_go_duration(options.step),
                " is too small, minimum step for given range is ", format_go_duration(smallest));
  return request;
}

Result<traceql::MetricsResult> run_query_range(const TempoApi& api, MetricsRequest request) {
  const auto checked = checked_query_range(api, std::move(request));
  if (!checked) return std::unexpected(checked.error());
  return engine_of(api).metrics_range(checked->query, checked->options);
}

Result<traceql::MetricsResult> run_query_instant(const TempoApi& api,
                                                 const MetricsRequest& request) {
  if (const auto range = range_of(api, request.options); !range)
    return std::unexpected(range.error());
  return engine_of(api).metrics_instant(request.query, request.options);
}

net::HttpResponse answer_query_range(const TempoApi& api, const net::HttpRequest& http) {
  auto request = read_request(api, http);
  if (!request) return error_response(request.error());
  const auto result = run_query_range(api, std::move(*request));
  if (!result) return error_response(result.error());
  std::string out = R"({"series":[)";
  for (size_t i = 0; i < result->series.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_series(out, result->series[i], result->times_ms);
  }
  out.push_back(']');
  append_metrics(out, *result);
  return net::HttpResponse::json(out + "}");
}

net::HttpResponse answer_query_instant(const TempoApi& api, const net::HttpRequest& http) {
  const auto request = read_request(api, http);
  if (!request) return error_response(request.error());
  const auto result = run_query_instant(api, *request);
  if (!result) return error_response(result.error());
  std::string out = R"({"series":[)";
  bool first = true;
  for (const auto& series : result->series) {
    if (std::isnan(series.values[0])) continue;
    out += first ? "{" : ",{";
    append_labels(out, series.labels);
    append_value(out, series.values[0]);
    out.push_back('}');
    first = false;
  }
  out.push_back(']');
  append_metrics(out, *result);
  return net::HttpResponse::json(out + "}");
}

}  // namespace sightline::api::tempo
