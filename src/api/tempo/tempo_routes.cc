#include "api/tempo/tempo_routes.h"

#include <utility>

#include "api/tempo/cross_origin.h"
#include "api/tempo/metrics_routes.h"
#include "api/tempo/overrides_routes.h"
#include "api/tempo/search_routes.h"
#include "api/tempo/status_routes.h"
#include "api/tempo/tag_routes.h"
#include "api/tempo/trace_routes.h"
#include "tracestore/tenancy/tenant_id.h"

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
  bool reads_traces = true;  // on the work pool, for those whose traces they are
};

constexpr Path kPaths[] = {
    {"/ready", answer_ready, false},
    {"/status", answer_status, false},
    {"/status/{section}", answer_status_section, false},
    {"/status/overrides/{tenant}", answer_tenant_overrides, false},
    {"/api/echo", answer_echo, false},
    {"/api/status/buildinfo", answer_buildinfo, false},
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

TempoApi TempoApi::as_single_tenant() const {
  TempoApi api = *this;
  if (options_of) api.options = options_of(std::string(tracestore::kSingleTenant), options);
  return api;
}

TempoApi TempoApi::of_tenants(const tracestore::TenantTraces& tenants) const {
  TempoApi api{.traces = *tenants.traces,
               .clock = clock,
               .ready = ready,
               .prefix = prefix,
               .options = options,
               .config_text = config_text,
               .pool = pool,
               .share = share};
  if (!options_of) return api;
  // A limit of one tenant holds for all that are read with it.
  const auto smaller = [](auto& limit, auto of_tenant) {
    if (of_tenant.count() != 0 && (limit.count() == 0 || of_tenant < limit)) limit = of_tenant;
  };
  api.options = options_of(tenants.tenants.front(), options);
  for (const std::string& tenant : tenants.tenants) {
    const TempoApiOptions own = options_of(tenant, options);
    smaller(api.options.search_range_max, own.search_range_max);
    smaller(api.options.metrics_range_max, own.metrics_range_max);
  }
  return api;
}

void add_tempo_routes(net::HttpRouter& router, TempoApi api) {
  const auto shared = std::make_shared<const TempoApi>(std::move(api));
  add_overrides_route(router, shared);
  const auto origins = std::make_shared<const CrossOrigin>(shared->cors_origin);
  for (const Path& path : kPaths) {
    net::HttpHandler handler = [shared, answer = path.handler](net::HttpRequest& request) {
      return answer(*shared, request);
    };
    if (path.reads_traces)
      handler = [shared, answer = path.handler](net::HttpRequest& request) {
        return as_tenants(
            *shared, request.headers.get(kOrgIdHeader),
            [&](const TempoApi& own) { return answer(own, request); },
            [](const TenancyRefusal& refusal) {
              return net::HttpResponse::text(refusal.http_status, refusal.message);
            });
      };
    const std::string pattern = path_of(*shared, path);
    if (path.pattern.starts_with("/api/")) {
      handler = [origins, answer = std::move(handler)](net::HttpRequest& request) {
        net::HttpResponse response = answer(request);
        origins->add_headers(request, response);
        return response;
      };
      router.add("OPTIONS", pattern,
                 [origins](net::HttpRequest& request) {
                   net::HttpResponse response{.status = 204};
                   origins->add_headers(request, response);
                   return response;
                 },
                 {.run_on = net::RunOn::kSocketThread});
    }
    router.add("GET,POST", pattern, std::move(handler),
               {.run_on = path.reads_traces ? net::RunOn::kWorkPool : net::RunOn::kSocketThread,
                .pool = shared->pool});
  }
}

}  // namespace sightline::api::tempo
