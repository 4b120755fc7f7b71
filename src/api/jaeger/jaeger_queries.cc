#include "api/jaeger/jaeger_queries.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/cpu_share.h"
#include "base/number_text.h"
#include "traceql/engine.h"
#include "traceql/syntax/lexer.h"

namespace sightline::api::jaeger {
namespace {

constexpr std::string_view kKinds[] = {"", "internal", "server", "client", "producer", "consumer"};

traceql::Engine engine_of(const JaegerApi& api) {
  return traceql::Engine(api.traces, api.clock,
                         {.timeout = api.options.timeout, .pool = api.pool, .share = api.share});
}

void set_cancellation(traceql::QueryBounds& bounds, const Cancelled& cancelled) {
  if (cancelled) bounds.cancelled = [cancelled] { return cancelled->cancelled(); };
}

// Tags that Jaeger makes of OTLP's own fields mean these; any other is an attribute.
std::string condition_of(const std::string& key, const std::string& value) {
  if (key == "error" && (value == "true" || value == "false"))
    return value == "true" ? "status = error" : "status != error";
  if (key == "otel.status_code" && (value == "ERROR" || value == "OK"))
    return value == "ERROR" ? "status = error" : "status = ok";
  if (key == "otel.status_description") return "statusMessage = " + traceql::quoted(value);
  if (key == "span.kind" && !value.empty() && std::ranges::find(kKinds, value) != std::end(kKinds))
    return "kind = " + value;
  if (key == "otel.scope.name" || key == "otel.library.name")
    return "instrumentation:name = " + traceql::quoted(value);
  if (key == "otel.scope.version" || key == "otel.library.version")
    return "instrumentation:version = " + traceql::quoted(value);
  const std::string attribute = "." + traceql::quoted(key);
  const std::string text = attribute + " = " + traceql::quoted(value);
  const auto number = parse_float(value);
  const bool is_number = parse_int(value).has_value() ||
                         (number && value.find_first_not_of("0123456789.-") == std::string::npos);
  if (value != "true" && value != "false" && !is_number) return text;
  return "(" + text + " || " + attribute + " = " + value + ")";
}

}  // namespace

std::string traceql_of(const TraceQuestion& question) {
  if (!question.condition.empty()) return "{ " + question.condition + " }";
  std::vector<std::string> conditions;
  if (!question.service.empty())
    conditions.push_back("resource.service.name = " + traceql::quoted(question.service));
  if (!question.operation.empty())
    conditions.push_back("name = " + traceql::quoted(question.operation));
  for (const auto& [key, value] : question.tags) conditions.push_back(condition_of(key, value));
  if (question.duration_min.count() > 0)
    conditions.push_back("duration >= " + std::to_string(question.duration_min.count()) + "ns");
  if (question.duration_max)
    conditions.push_back("duration <= " + std::to_string(question.duration_max->count()) + "ns");
  std::string out = "{ ";
  for (size_t i = 0; i < conditions.size(); ++i)
    out.append(i > 0 ? " && " : "").append(conditions[i]);
  return out + " }";
}

Result<std::vector<std::string>> find_services(const JaegerApi& api, const Cancelled& cancelled) {
  traceql::TagValuesOptions options;
  set_cancellation(options, cancelled);
  const auto values = engine_of(api).tag_values(
      {.scope = traceql::Scope::kResource, .name = "service.name"}, options);
  if (!values) return std::unexpected(values.error());
  std::vector<std::string> services;
  for (const auto& value : values->values)
    if (!value.text.empty()) services.push_back(value.text);
  return services;
}

Result<std::vector<Operation>> find_operations(const JaegerApi& api, const std::string& service,
                                               const std::string& kind,
                                               const Cancelled& cancelled) {
  traceql::MetricsOptions options;
  options.series_max = api.options.operations_max;
  set_cancellation(options, cancelled);
  std::string filter = "resource.service.name = " + traceql::quoted(service);
  if (!kind.empty()) {
    if (std::ranges::find(kKinds, kind) == std::end(kKinds))
      return fail(Errc::kInvalidArgument, "unsupported span kind: ", kind);
    filter += " && kind = " + kind;
  }
  const auto counted = engine_of(api).metrics_instant(
      "{ " + filter + " } | count_over_time() by(name, kind)", options);
  if (!counted) return std::unexpected(counted.error());
  std::vector<Operation> operations;
  for (const auto& series : counted->series) {
    Operation operation;
    for (const auto& [key, value] : series.labels) {
      if (key == "name") operation.name = value.text;
      if (key == "kind")
        operation.kind = kKinds[static_cast<size_t>(value.integer) % std::size(kKinds)];
    }
    operations.push_back(std::move(operation));
  }
  return operations;
}

Result<std::vector<TracePtr>> find_traces(const JaegerApi& api, const TraceQuestion& question,
                                          const Cancelled& cancelled) {
  if (question.duration_max && *question.duration_max < question.duration_min)
    return fail(Errc::kInvalidArgument, "'maxDuration' should be greater than 'minDuration'");
  if (question.limit > api.options.traces_max)
    return fail(Errc::kInvalidArgument, "search depth must be at most ", api.options.traces_max,
                ", got ", question.limit);
  traceql::SearchOptions options;
  options.start = question.start;
  options.end = question.end;
  options.limit = question.limit == 0 ? api.options.traces_default : question.limit;
  options.spans_per_spanset = 0;
  set_cancellation(options, cancelled);
  const auto result = engine_of(api).search(traceql_of(question), options);
  if (!result) return std::unexpected(result.error());
  std::vector<TracePtr> traces;
  for (const auto& found : result->traces) {
    if (cancelled && cancelled->cancelled()) return fail(Errc::kCancelled, "query was cancelled");
    auto trace = find_trace(api, found.id);
    if (trace)
      traces.push_back(std::move(*trace));
    else if (trace.error().code != Errc::kNotFound)
      return std::unexpected(std::move(trace).error());
  }
  return traces;
}

Result<TracePtr> find_trace(const JaegerApi& api, const TraceId& id) {
  const auto querier = api.traces.querier();
  if (!querier) return std::unexpected(querier.error());
  auto found = (*querier)->find(id);
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) return fail(Errc::kNotFound, "trace not found");
  return std::make_shared<const model::SpanBatch>(std::move(**found));
}

Result<std::vector<Dependency>> find_dependencies(const JaegerApi& api, TimestampNs start,
                                                  TimestampNs end, const Cancelled& cancelled) {
  const auto querier = api.traces.querier();
  if (!querier) return std::unexpected(querier.error());
  std::map<std::pair<std::string, std::string>, uint64_t> calls;
  const auto deadline = api.clock.monotonic() + api.options.timeout;
  Status stopped;
  const auto goes_on = [&] {
    if (cancelled && cancelled->cancelled())
      stopped = fail(Errc::kCancelled, "query was cancelled");
    if (api.clock.monotonic() > deadline)
      stopped = fail(Errc::kDeadlineExceeded, "query timed out");
    return stopped.has_value();
  };
  CpuShare::Work work;
  if (api.share != nullptr) work = api.share->begin();
  const auto rest = [&] {
    if (api.share != nullptr) api.share->rest(work, [&] { return !goes_on(); });
    return goes_on();
  };
  const Status scanned =
      (*querier)->scan({.min = start, .max = end, .rest = rest}, [&](tracestore::RowGroup& group) {
        const auto services = group.service_name();
        const auto parents = group.parent_row();
        std::map<std::pair<uint32_t, uint32_t>, uint64_t> by_code;
        for (const tracestore::TraceRows& trace : group.traces()) {
          if (trace.start > end || trace.end < start) continue;
          for (uint32_t row = trace.begin; row < trace.begin + trace.count; ++row)
            if (parents[row] != tracestore::kNoRow &&
                services.codes[row] != services.codes[parents[row]])
              ++by_code[{services.codes[parents[row]], services.codes[row]}];
        }
        for (const auto& [codes, count] : by_code)
          calls[{std::string(services.dictionary[codes.first].bytes),
                 std::string(services.dictionary[codes.second].bytes)}] += count;
        return true;
      });
  if (!stopped) return std::unexpected(stopped.error());
  if (!scanned) return std::unexpected(scanned.error());
  std::vector<Dependency> dependencies;
  for (const auto& [services, count] : calls)
    dependencies.push_back({services.first, services.second, count});
  return dependencies;
}

Result<TraceId> parse_id(std::string_view text) {
  const bool is_hex = !text.empty() && text.size() <= 32 &&
                      text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  if (!is_hex)
    return fail(Errc::kInvalidArgument, "cannot parse trace ID \"", text,
                "\": it has to be 1 to 32 hex digits");
  return *parse_trace_id(std::string(32 - text.size(), '0').append(text));
}

}  // namespace sightline::api::jaeger
