#include "api/tempo/tempo_routes.h"

#include <utility>

#include "api/tempo/metrics_routes.h"
#include "api/tempo/search_routes.h"
#include "api/tempo/status_routes.h"
#include "api/tempo/tag_routes.h"
#include "api/tempo/trace_routes.h"

namespace sightline::api::tempo {
namespace {

using Handler = net::HttpResponse (*)(const TempoApi&, const net::HttpRequest&);

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
    {"/ready", answer_ready, net::RunOn::kSocketThread},
    {"/status", answer_status, net::RunOn::kSocketThread},
    {"/status/{section}", answer_status_section, net::RunOn::kSocketThread},
    {"/api/echo", answer_echo, net::RunOn::kSocketThread},
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

// The prefix moves what lies below /api; probes stay where they are.
std::string path_of(const TempoApi& api, const Path& path) {
  std::string full = path.pattern.starts_with("/api/") ? api.prefix : std::string();
  return full.append(path.pattern);
}

}  // namespace

std::vector<std::string> tempo_paths(const TempoApi& api) {
  std::vector<std::string> paths;
  for (const Path& path : kPaths) paths.push_back(path_of(api, path));
  return paths;
}

void add_tempo_routes(net::HttpRouter& router, TempoApi api) {
  const auto shared = std::make_shared<const TempoApi>(std::move(api));
  for (const Path& path : kPaths)
    router.add("GET,POST", path_of(*shared, path),
               [shared, handler = path.handler](net::HttpRequest& request) {
                 return handler(*shared, request);
               },
               {.run_on = path.run_on});
}

}  // namespace sightline::api::tempo
