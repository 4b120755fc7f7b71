#include "api/prometheus/admin_routes.h"

#include "api/prometheus/parameters.h"

namespace sightline::api::prometheus {
namespace {

Status usable(const PrometheusApi& api, bool is_there, std::string_view what) {
  if (!api.admin_enabled) return fail(Errc::kUnavailable, "admin APIs disabled");
  if (!is_there) return fail(Errc::kUnavailable, "this store does not ", what);
  return {};
}

// What the store says went wrong is an internal fault here, whatever its code.
std::unexpected<Error> internal(Error error) { return fail(Errc::kInternal, error.message); }

net::HttpResponse bare(int status, std::string text) {
  return net::HttpResponse::text(status, std::move(text));
}

}  // namespace

Result<Answer> answer_delete_series(const PrometheusApi& api, const net::HttpRequest& request) {
  if (auto status = usable(api, static_cast<bool>(api.admin.delete_series), "delete series");
      !status)
    return std::unexpected(status.error());
  if (!request.params.has("match[]"))
    return fail(Errc::kInvalidArgument, "no match[] parameter provided");
  const auto range = time_range(request.params);
  if (!range) return std::unexpected(range.error());
  const auto sets = matcher_sets(request.params, EmptySelectors::kAny);
  if (!sets) return invalid_parameter("match[]", sets.error());
  for (const auto& matchers : *sets)
    if (auto status = api.admin.delete_series(matchers, *range); !status)
      return internal(std::move(status).error());
  return Answer{};
}

Result<Answer> answer_clean_tombstones(const PrometheusApi& api, const net::HttpRequest&) {
  if (auto status = usable(api, static_cast<bool>(api.admin.clean_tombstones), "keep tombstones");
      !status)
    return std::unexpected(status.error());
  if (auto status = api.admin.clean_tombstones(); !status)
    return internal(std::move(status).error());
  return Answer{};
}

Result<Answer> answer_snapshot(const PrometheusApi& api, const net::HttpRequest& request) {
  if (auto status = usable(api, static_cast<bool>(api.admin.snapshot), "write snapshots"); !status)
    return std::unexpected(status.error());
  bool skip_head = false;
  if (const std::string_view text = request.params.get("skip_head"); !text.empty()) {
    const auto value = bool_parameter(text);
    if (!value)
      return invalid_parameter("skip_head", {Errc::kInvalidArgument,
                                             "unable to parse boolean: " + value.error().message});
    skip_head = *value;
  }
  const auto name = api.admin.snapshot(skip_head);
  if (!name) return internal({Errc::kInternal, "create snapshot: " + name.error().message});
  Answer answer{.data = "{"};
  append_member(answer.data, "name", *name);
  answer.data += '}';
  return answer;
}

void add_lifecycle_routes(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api) {
  const auto add = [&](std::string_view path,
                       std::function<net::HttpResponse(const PrometheusApi&)> act) {
    router.add("GET", path,
               [](net::HttpRequest&) { return bare(405, "Only POST or PUT requests allowed"); },
               {.run_on = net::RunOn::kSocketThread});
    router.add("POST,PUT", path, [api, act = std::move(act)](net::HttpRequest&) {
      return api->lifecycle_enabled ? act(*api) : bare(403, "Lifecycle API is not enabled.");
    });
  };
  add("/-/reload", [](const PrometheusApi&) {
    return bare(500,
                "failed to reload config: a running server does not read its configuration again; "
                "restart it\n");
  });
  add("/-/quit", [](const PrometheusApi& own) {
    if (own.quit) own.quit();
    return bare(200, "Requesting termination... Goodbye!");
  });
}

}  // namespace sightline::api::prometheus
