#include "api/tempo/tag_routes.h"

#include <map>
#include <set>

#include "api/tempo/answers.h"
#include "api/tempo/engine_access.h"
#include "api/tempo/protobuf_answers.h"

namespace sightline::api::tempo {
namespace {

using traceql::Intrinsic;
using tracestore::AttributeScope;

struct ScopeName {
  std::string_view name;
  AttributeScope scope;
};
// In the order answers list them.
constexpr ScopeName kScopes[] = {{"span", AttributeScope::kSpan},
                                 {"resource", AttributeScope::kResource},
                                 {"event", AttributeScope::kEvent},
                                 {"link", AttributeScope::kLink},
                                 {"instrumentation", AttributeScope::kScope}};
constexpr std::string_view kIntrinsics[] = {"duration",
                                            "event:name",
                                            "event:timeSinceStart",
                                            "instrumentation:name",
                                            "instrumentation:version",
                                            "kind",
                                            "link:spanID",
                                            "link:traceID",
                                            "name",
                                            "rootName",
                                            "rootServiceName",
                                            "span:duration",
                                            "span:id",
                                            "span:kind",
                                            "span:name",
                                            "span:parentID",
                                            "span:status",
                                            "span:statusMessage",
                                            "status",
                                            "statusMessage",
                                            "trace:duration",
                                            "trace:id",
                                            "trace:rootName",
                                            "trace:rootService",
                                            "traceDuration"};

Result<traceql::TagValuesOptions> options_of(const TempoApi& api, const net::HttpRequest& request) {
  traceql::TagValuesOptions options;
  const auto range = parse_search_range(api, request.params);
  if (!range) return std::unexpected(range.error());
  set_bounds(options, *range, request);
  options.filter = request.params.get("q");
  options.values_max = api.options.tag_values_max;
  const auto limit = parse_integer(request.params, "limit");
  if (!limit) return std::unexpected(limit.error());
  if (*limit && **limit < 0)
    return fail(Errc::kInvalidArgument, "invalid limit: must be a non-negative number");
  if (*limit && **limit > 0 && **limit < options.values_max)
    options.values_max = static_cast<uint32_t>(**limit);
  return options;
}

// The scopes a request asks for; "intrinsic" goes with all of them.
struct AskedScopes {
  std::vector<AttributeScope> stored;
  bool intrinsic = false;
};
Result<AskedScopes> asked_scopes(const net::Params& params) {
  const std::string_view scope = params.get("scope");
  AskedScopes asked;
  const bool all = scope.empty() || scope == "none";
  for (const ScopeName& s : kScopes)
    if (all || s.name == scope) asked.stored.push_back(s.scope);
  asked.intrinsic = all || scope == "intrinsic";
  if (asked.stored.empty() && !asked.intrinsic)
    return fail(Errc::kInvalidArgument, "invalid scope: ", scope);
  return asked;
}

std::string_view name_of(AttributeScope scope) {
  for (const ScopeName& s : kScopes)
    if (s.scope == scope) return s.name;
  return {};
}

// Clients encode the tag once or twice.
std::string decoded_tag(const net::HttpRequest& request) {
  std::string tag = request.captures.empty() ? "" : request.captures[0];
  for (int i = 0; i < 3; ++i) {
    std::string again = net::percent_decode(tag);
    if (again == tag) break;
    tag = std::move(again);
  }
  return tag;
}

traceql::TagValues keywords(std::initializer_list<std::string_view> words, traceql::Type type) {
  traceql::TagValues values;
  for (const std::string_view word : words)
    for (int64_t i = 0; i < 6; ++i) {
      if (type == traceql::Type::kStatus && i > 2) break;
      const traceql::Value value = traceql::Value::of(type, i);
      if (traceql::display_text(value) == word)
        values.values.push_back(traceql::OwnedValue::of(value));
    }
  return values;
}

traceql::TagValues told(traceql::TagValues values, const traceql::TagValuesOptions& options) {
  if (options.value_found)
    for (const auto& value : values.values) options.value_found(value);
  return values;
}

Result<traceql::TagValues> values_of(const TempoApi& api, const traceql::Attribute& attribute,
                                     const traceql::TagValuesOptions& options) {
  switch (attribute.intrinsic) {
    case Intrinsic::kStatus:
      return told(keywords({"error", "unset", "ok"}, traceql::Type::kStatus), options);
    case Intrinsic::kKind:
      return told(keywords({"unspecified", "internal", "server", "client", "producer", "consumer"},
                           traceql::Type::kKind),
                  options);
    case Intrinsic::kDuration:
    case Intrinsic::kTraceDuration:
    case Intrinsic::kEventTimeSinceStart:
    case Intrinsic::kSpanId:
    case Intrinsic::kParentId:
    case Intrinsic::kTraceId:
    case Intrinsic::kLinkTraceId:
    case Intrinsic::kLinkSpanId:
    case Intrinsic::kChildCount:
    case Intrinsic::kNestedSetLeft:
    case Intrinsic::kNestedSetRight:
    case Intrinsic::kNestedSetParent: return traceql::TagValues{};
    default: return engine_of(api).tag_values(attribute, options);
  }
}

}  // namespace

Result<std::vector<NamedTags>> find_tags_v2(const TempoApi& api, const net::HttpRequest& request,
                                            const TagFound& found_now) {
  const auto asked = asked_scopes(request.params);
  if (!asked) return std::unexpected(asked.error());
  auto options = options_of(api, request);
  if (!options) return std::unexpected(options.error());
  std::map<AttributeScope, size_t> told;
  if (found_now)
    options->key_found = [&](AttributeScope scope, const std::string& key) {
      if (told[scope]++ < options->values_max) found_now(name_of(scope), key);
    };
  const auto found = engine_of(api).tag_names(asked->stored, *options);
  if (!found) return std::unexpected(found.error());
  std::vector<NamedTags> scopes;
  for (const auto& scope : *found) {
    scopes.push_back({std::string(name_of(scope.scope)), scope.keys});
    if (!request.params.get("limit").empty() && scopes.back().tags.size() > options->values_max)
      scopes.back().tags.resize(options->values_max);
  }
  if (asked->intrinsic) {
    scopes.push_back({"intrinsic", {std::begin(kIntrinsics), std::end(kIntrinsics)}});
    if (found_now)
      for (const std::string& tag : scopes.back().tags) found_now("intrinsic", tag);
  }
  return scopes;
}

Result<std::vector<std::string>> find_tags_v1(const TempoApi& api, const net::HttpRequest& request,
                                              const TagFound& found_now) {
  const auto asked = asked_scopes(request.params);
  if (!asked) return std::unexpected(asked.error());
  auto options = options_of(api, request);
  if (!options) return std::unexpected(options.error());
  options->filter = {};
  const auto found = engine_of(api).tag_names(asked->stored, *options);
  if (!found) return std::unexpected(found.error());
  std::set<std::string> names;
  for (const auto& scope : *found) names.insert(scope.keys.begin(), scope.keys.end());
  if (request.params.get("scope") == "intrinsic")
    names.insert(std::begin(kIntrinsics), std::end(kIntrinsics));
  std::vector<std::string> list(names.begin(), names.end());
  if (!request.params.get("limit").empty() && list.size() > options->values_max)
    list.resize(options->values_max);
  // Without a filter all of them are known at once.
  if (found_now)
    for (const std::string& tag : list) found_now("", tag);
  return list;
}

Result<traceql::TagValues> find_tag_values_v2(const TempoApi& api, const net::HttpRequest& request,
                                              const ValueFound& found_now) {
  const std::string tag = decoded_tag(request);
  const auto attribute = traceql::parse_attribute(tag);
  if (!attribute)
    return fail(Errc::kInvalidArgument,
                "please provide a valid tagName: failed to parse identifier ", tag, ": ",
                attribute.error().message);
  auto options = options_of(api, request);
  if (!options) return std::unexpected(options.error());
  options->value_found = found_now;
  return values_of(api, *attribute, *options);
}

Result<traceql::TagValues> find_tag_values_v1(const TempoApi& api, const net::HttpRequest& request,
                                              const ValueFound& found_now) {
  const std::string tag = decoded_tag(request);
  traceql::Attribute attribute{.name = tag};
  if (tag == "name") attribute = {.intrinsic = Intrinsic::kName};
  if (tag == "status.code") attribute = {.intrinsic = Intrinsic::kStatus};
  if (tag == "root.name") attribute = {.intrinsic = Intrinsic::kRootName};
  if (tag == "root.service.name") attribute = {.intrinsic = Intrinsic::kRootServiceName};
  if (tag == "service.name") attribute = {.scope = traceql::Scope::kResource, .name = tag};
  auto options = options_of(api, request);
  if (!options) return std::unexpected(options.error());
  options->filter = {};
  options->value_found = found_now;
  return values_of(api, attribute, *options);
}

namespace {

// The messages have no field for it, so a header says that there are more values than are shown.
net::HttpResponse capped(net::HttpResponse response, const TempoApi& api, size_t count) {
  if (count >= api.options.tag_values_max)
    response.headers.add("Warning", "199 - \"only " + std::to_string(api.options.tag_values_max) +
                                        " values are shown, there may be more: narrow q\"");
  return response;
}

}  // namespace

net::HttpResponse answer_tags_v2(const TempoApi& api, const net::HttpRequest& request) {
  const auto scopes = find_tags_v2(api, request);
  if (!scopes) return error_response(scopes.error());
  return accepts_protobuf(request) ? protobuf_response(tags_protobuf_v2(*scopes))
                                   : net::HttpResponse::json(tags_json_v2(*scopes));
}

net::HttpResponse answer_tags_v1(const TempoApi& api, const net::HttpRequest& request) {
  const auto names = find_tags_v1(api, request);
  if (!names) return error_response(names.error());
  return accepts_protobuf(request) ? protobuf_response(tags_protobuf_v1(*names))
                                   : net::HttpResponse::json(tags_json_v1(*names));
}

net::HttpResponse answer_tag_values_v2(const TempoApi& api, const net::HttpRequest& request) {
  const auto values = find_tag_values_v2(api, request);
  if (!values) return error_response(values.error());
  return capped(accepts_protobuf(request) ? protobuf_response(tag_values_protobuf_v2(*values))
                                          : net::HttpResponse::json(tag_values_json_v2(*values)),
                api, values->values.size());
}

net::HttpResponse answer_tag_values_v1(const TempoApi& api, const net::HttpRequest& request) {
  const auto values = find_tag_values_v1(api, request);
  if (!values) return error_response(values.error());
  return capped(accepts_protobuf(request) ? protobuf_response(tag_values_protobuf_v1(*values))
                                          : net::HttpResponse::json(tag_values_json_v1(*values)),
                api, values->values.size());
}

}  // namespace sightline::api::tempo
