#include "api/tempo/overrides_routes.h"

#include <simdjson.h>

#include "api/tempo/answers.h"
#include "api/tempo/tempo_routes.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::api::tempo {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kBodyBytesMax = 1u << 20;

void append_member(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ",";
  append_quoted(out, key);
  out += ":";
}

// What `patch` makes of `target`, which may not be there.
void append_merged(std::string& out, const dom::element* target, const dom::element& patch) {
  dom::object changes, present;
  if (patch.get(changes) != simdjson::SUCCESS) {
    out += simdjson::minify(patch);
    return;
  }
  const bool is_object = target != nullptr && target->get(present) == simdjson::SUCCESS;
  out += "{";
  if (is_object)
    for (const auto field : present) {
      dom::element change;
      const bool is_changed = changes[field.key].get(change) == simdjson::SUCCESS;
      if (is_changed && change.is_null()) continue;
      append_member(out, field.key);
      if (is_changed)
        append_merged(out, &field.value, change);
      else
        out += simdjson::minify(field.value);
    }
  for (const auto field : changes) {
    dom::element there;
    if (field.value.is_null() || (is_object && present[field.key].get(there) == simdjson::SUCCESS))
      continue;
    append_member(out, field.key);
    append_merged(out, nullptr, field.value);
  }
  out += "}";
}

Result<dom::element> parse(dom::parser& parser, std::string_view text) {
  dom::element root;
  if (const auto fault = parser.parse(simdjson::padded_string(text)).get(root);
      fault != simdjson::SUCCESS)
    return fail(Errc::kInvalidArgument, "the body is not JSON: ", simdjson::error_message(fault));
  if (!root.is_object()) return fail(Errc::kInvalidArgument, "the body is not a JSON object");
  return root;
}

net::HttpResponse refused(const Error& error) {
  const int status = error.code == Errc::kAlreadyExists     ? 412
                     : error.code == Errc::kInvalidArgument ? 400
                     : error.code == Errc::kNotFound        ? 404
                                                            : 500;
  return net::HttpResponse::text(status, error.message + "\n");
}

net::HttpResponse shown(std::string json, std::string version) {
  auto response = net::HttpResponse::json(std::move(json));
  response.headers.add("ETag", std::move(version));
  return response;
}

net::HttpResponse answer_get(const OverridesStore& store, const std::string& tenant,
                             const net::HttpRequest& request) {
  const std::string_view scope = request.params.get("scope");
  const auto stored = store.get(tenant);
  if (scope == "merged")
    return shown(store.in_force(tenant),
                 stored ? stored->version : std::string(kNoOverridesVersion));
  if (!scope.empty() && scope != "api")
    return net::HttpResponse::text(
        400, "unknown scope \"" + std::string(scope) + "\", valid options are api and merged\n");
  if (!stored) return net::HttpResponse{.status = 404};
  return shown(stored->json, stored->version);
}

net::HttpResponse answer_change(OverridesStore& store, const std::string& tenant,
                                const net::HttpRequest& request) {
  if (request.method == "PATCH") {
    // Changed by nobody else between reading and writing.
    const auto stored = store.get(tenant);
    auto merged = merge_json(stored ? stored->json : std::string(), request.body);
    if (!merged) return refused(merged.error());
    auto version =
        store.set(tenant, *merged, stored ? stored->version : std::string(kNoOverridesVersion));
    if (!version) return refused(version.error());
    return shown(std::move(*merged), std::move(*version));
  }
  const std::string given(request.headers.get("If-Match"));
  if (given.empty()) return net::HttpResponse::text(428, "must specify If-Match header\n");
  if (request.method == "DELETE") {
    if (!store.get(tenant)) return net::HttpResponse{.status = 404};
    if (auto removed = store.remove(tenant, given); !removed) return refused(removed.error());
    return net::HttpResponse{.status = 200};
  }
  const auto json = merge_json("", request.body);
  if (!json) return refused(json.error());
  auto version = store.set(tenant, *json, given);
  if (!version) return refused(version.error());
  net::HttpResponse response;
  response.headers.add("ETag", std::move(*version));
  return response;
}

}  // namespace

Result<std::string> merge_json(std::string_view json, std::string_view patch) {
  dom::parser present_parser, patch_parser;
  const auto changes = parse(patch_parser, patch);
  if (!changes) return std::unexpected(changes.error());
  std::string out;
  if (json.empty()) {
    append_merged(out, nullptr, *changes);
    return out;
  }
  const auto present = parse(present_parser, json);
  if (!present) return std::unexpected(present.error());
  append_merged(out, &*present, *changes);
  return out;
}

void add_overrides_route(net::HttpRouter& router, const std::shared_ptr<const TempoApi>& api) {
  if (api->overrides == nullptr) return;
  router.add("GET,POST,PATCH,DELETE", api->prefix + "/api/overrides",
             [api](net::HttpRequest& request) {
               std::string tenant(tracestore::kSingleTenant);
               if (api->tenancy.tenants != nullptr) {
                 const std::string_view given = request.headers.get(kOrgIdHeader);
                 if (given.empty()) return net::HttpResponse::text(401, "no org id");
                 auto named = tracestore::parse_tenant_id(given);
                 if (!named) return net::HttpResponse::text(400, named.error().message);
                 tenant = std::move(*named);
               }
               return request.method == "GET" ? answer_get(*api->overrides, tenant, request)
                                              : answer_change(*api->overrides, tenant, request);
             },
             {.body_bytes_max = kBodyBytesMax});
}

}  // namespace sightline::api::tempo
