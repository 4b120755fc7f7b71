#include "api/tempo/tempo_routes.h"

#include <utility>

#include "api/tempo/metrics_routes.h"
#include "api/tempo/search_routes.h"
#include "api/tempo/tag_routes.h"
#include "api/tempo/trace_routes.h"
#include "base/text_codec.h"

namespace sightline::api::tempo {
namespace {

using Handler = net::HttpResponse (*)(const TempoApi&, const net::HttpRequest&);

net::HttpResponse plain(int status, std::string body) {
  auto response = net::HttpResponse::text(status, std::move(body));
  response.headers.add("X-Content-Type-Options", "nosniff");
  return response;
}

net::HttpResponse answer_echo(const TempoApi&, const net::HttpRequest&) { return plain(200, "echo\n"); }

net::HttpResponse answer_ready(const TempoApi& api, const net::HttpRequest&) {
  return !api.ready || api.ready() ? plain(200, "ready\n") : plain(503, "not ready\n");
}

net::HttpResponse answer_buildinfo(const TempoApi& api, const net::HttpRequest&) {
  std::string body = R"({"version":")";
  append_json_escaped(body, api.options.version);
  body += R"(","revision":")";
  append_json_escaped(body, api.options.revision);
  body += R"(","branch":"","buildUser":"","buildDate":"","goVersion":""})";
  return net::HttpResponse::json(std::move(body));
}

net::HttpResponse answer_status(const TempoApi& api, const net::HttpRequest&) {
  return plain(200, "tempo, version " + api.options.version + " (revision: " + api.options.revision + ")\n");
}

net::HttpResponse answer_trace_v1(const TempoApi& api, const net::HttpRequest& request) {
  return answer_trace(api, request, TraceApi::kV1);
}
net::HttpResponse answer_trace_v2(const TempoApi& api, const net::HttpRequest& request) {
  return answer_trace(api, request, TraceApi::kV2);
}

struct Path {
  std::string_view pattern;
  Handler handler;
  net::RunOn run_on = net::RunOn::kWorkPool;
};

constexpr Path kPaths[] = {
    {"/api/echo", answer_echo, net::RunOn::kSocketThread},
    {"/ready", answer_ready, net::RunOn::kSocketThread},
    {"/status", answer_status, net::RunOn::kSocketThread},
    {"/status/version", answer_status, net::RunOn::kSocketThread},
    {"/api/status/buildinfo", answer_buildinfo, net::RunOn::kSocketThread},
    {"/api/traces/{id}", answer_trace_v1},
    {"/api/v2/traces/{id}", answer_trace_v2},
    {"/api/search", answer_search},
    {"/api/search/tags", answer_tags_v1},
    {"/api/v2/search/tags", answer_tags_v2},
    {"/api/search/tag/{tag}/values", answer_tag_values_v1},
    {"/api/v2/search/tag/{tag}/values", answer_tag_values_v2},
    {"/api/metrics/query_range", answer_query_range},
    {"/api/metrics/query", answer_query_instant},
};

}  // namespace

void add_tempo_routes(net::HttpRouter& router, TempoApi api) {
  const auto shared = std::make_shared<const TempoApi>(std::move(api));
  for (const Path& path : kPaths)
    router.add("GET,POST", shared->prefix + std::string(path.pattern),
               [shared, handler = path.handler](net::HttpRequest& request) { return handler(*shared, request); },
               {.run_on = path.run_on});
}

}  // namespace sightline::api::tempo
