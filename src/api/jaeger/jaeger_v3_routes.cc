#include "api/jaeger/jaeger_v3_routes.h"

#include <algorithm>

#include "api/jaeger/jaeger_json.h"
#include "base/date_text.h"
#include "base/number_text.h"
#include "net/http_status.h"
#include "tracestore/trace_spans.h"
#include "wire/otlp/encode_traces_json.h"

namespace sightline::api::jaeger {
namespace {

using Handler = net::HttpResponse (*)(const JaegerApi&, const net::HttpRequest&);

net::HttpResponse refusal(int status, std::string_view message) {
  std::string body = R"({"error":{"httpCode":)" + std::to_string(status) + R"(,"message":)";
  append_text(body, message);
  return net::HttpResponse::json(body + "}}", status);
}

net::HttpResponse error_response(const Error& error) {
  return refusal(net::http_status_of(error.code), error.message);
}

Error malformed(std::string_view name, std::string_view why) {
  return {Errc::kInvalidArgument,
          "malformed parameter " + std::string(name) + ": " + std::string(why)};
}

// All of them as one, as the gateway joins them.
net::HttpResponse traces_response(const std::vector<TracePtr>& traces) {
  if (traces.empty()) return refusal(404, "No traces found");
  tracestore::SpanGatherer gatherer;
  for (const TracePtr& trace : traces)
    for (uint32_t i = 0; i < trace->spans.size(); ++i) gatherer.add({trace.get(), i});
  const model::SpanBatch joined = std::move(gatherer).finish({traces.begin(), traces.end()});
  return net::HttpResponse::json(R"({"result":)" + wire::otlp::encode_traces_json(joined) + "}");
}

net::HttpResponse answer_services(const JaegerApi& api, const net::HttpRequest& request) {
  const auto services = find_services(api, request.cancellation);
  if (!services) return error_response(services.error());
  std::string body = R"({"services":[)";
  for (size_t i = 0; i < services->size(); ++i) {
    if (i > 0) body.push_back(',');
    append_text(body, (*services)[i]);
  }
  return net::HttpResponse::json(body + "]}");
}

net::HttpResponse answer_operations(const JaegerApi& api, const net::HttpRequest& request) {
  const std::string service(request.params.get("service"));
  if (service.empty()) return refusal(400, "service is required");
  const auto operations = find_operations(
      api, service, std::string(request.params.get("span_kind")), request.cancellation);
  if (!operations) return error_response(operations.error());
  std::string body = R"({"operations":[)";
  for (size_t i = 0; i < operations->size(); ++i) {
    const Operation& operation = (*operations)[i];
    body += i > 0 ? R"(,{"name":)" : R"({"name":)";
    append_text(body, operation.name);
    body += R"(,"spanKind":)";
    append_text(body, operation.kind.empty() ? "internal" : operation.kind);
    body.push_back('}');
  }
  return net::HttpResponse::json(body + "]}");
}

Result<TimestampNs> time_of(const net::Params& params, std::string_view name) {
  const auto ns = parse_rfc3339(params.get(name));
  if (!ns || *ns < 0)
    return std::unexpected(malformed(name, "it has to be a time such as 2026-11-24T01:58:08Z"));
  return TimestampNs{static_cast<uint64_t>(*ns)};
}

Status read_duration(const net::Params& params, std::string_view name,
                     std::optional<std::chrono::nanoseconds>& duration) {
  if (params.get(name).empty()) return {};
  const auto parsed = parse_go_duration(params.get(name));
  if (!parsed) return std::unexpected(malformed(name, parsed.error().message));
  duration = *parsed;
  return {};
}

Result<TraceQuestion> read_question(const net::Params& params) {
  TraceQuestion question{.service = std::string(params.get("query.service_name")),
                         .operation = std::string(params.get("query.operation_name"))};
  if (params.get("query.start_time_min").empty() || params.get("query.start_time_max").empty())
    return fail(Errc::kInvalidArgument,
                "query.start_time_min and query.start_time_max are required");
  const auto start = time_of(params, "query.start_time_min");
  if (!start) return std::unexpected(start.error());
  const auto end = time_of(params, "query.start_time_max");
  if (!end) return std::unexpected(end.error());
  question.start = *start;
  question.end = *end;
  // The older name means the same.
  const std::string_view name =
      params.get("query.search_depth").empty() ? "query.num_traces" : "query.search_depth";
  if (const auto text = params.get(name); !text.empty()) {
    const auto limit = parse_int(text);
    if (!limit || *limit < 0 || *limit > UINT32_MAX)
      return std::unexpected(malformed(name, "it has to be a whole number of at least 0"));
    question.limit = static_cast<uint32_t>(*limit);
  }
  std::optional<std::chrono::nanoseconds> least;
  if (auto read = read_duration(params, "query.duration_min", least); !read)
    return std::unexpected(std::move(read).error());
  question.duration_min = least.value_or(std::chrono::nanoseconds(0));
  if (auto read = read_duration(params, "query.duration_max", question.duration_max); !read)
    return std::unexpected(std::move(read).error());
  return question;
}

net::HttpResponse answer_traces(const JaegerApi& api, const net::HttpRequest& request) {
  const auto question = read_question(request.params);
  if (!question) return error_response(question.error());
  const auto traces = find_traces(api, *question, request.cancellation);
  if (!traces) return error_response(traces.error());
  return traces_response(*traces);
}

net::HttpResponse answer_trace(const JaegerApi& api, const net::HttpRequest& request) {
  const auto id = parse_id(request.captures.at(0));
  if (!id) return error_response(malformed("trace_id", id.error().message));
  for (const std::string_view name : {"start_time", "end_time"}) {
    if (request.params.get(name).empty()) continue;
    if (const auto time = time_of(request.params, name); !time) return error_response(time.error());
  }
  const auto trace = find_trace(api, *id);
  if (!trace) return error_response(trace.error());
  return traces_response({*trace});
}

}  // namespace

void add_jaeger_v3_routes(net::HttpRouter& router, std::shared_ptr<const JaegerApi> api) {
  static constexpr std::pair<std::string_view, Handler> kPaths[] = {
      {"/api/v3/services", answer_services},
      {"/api/v3/operations", answer_operations},
      {"/api/v3/traces", answer_traces},
      {"/api/v3/traces/{id}", answer_trace}};
  for (const auto& [pattern, handler] : kPaths)
    router.add("GET", api->prefix + std::string(pattern),
               [api, handler](net::HttpRequest& request) {
                 return as_tenants(
                     *api, request.headers.get(kOrgIdHeader),
                     [&](const JaegerApi& own) { return handler(own, request); },
                     [](const TenancyRefusal& refused) {
                       return refusal(refused.http_status, refused.message);
                     });
               },
               {.pool = api->pool});
}

}  // namespace sightline::api::jaeger
