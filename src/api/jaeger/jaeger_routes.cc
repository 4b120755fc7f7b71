#include "api/jaeger/jaeger_routes.h"

#include <algorithm>

#include "api/jaeger/jaeger_json.h"
#include "api/jaeger/jaeger_v3_routes.h"
#include "base/number_text.h"
#include "net/http_status.h"

namespace sightline::api::jaeger {
namespace {

using Handler = net::HttpResponse (*)(const JaegerApi&, const net::HttpRequest&);

net::HttpResponse error_response(const Error& error) {
  const int status = net::http_status_of(error.code);
  return net::HttpResponse::json(error_envelope(status, error.message), status);
}

Result<std::optional<int64_t>> number(const net::Params& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return std::nullopt;
  const auto value = parse_int(text);
  if (!value || *value < 0 || *value > INT64_MAX / 1'000'000)
    return fail(Errc::kInvalidArgument, "unable to parse param '", name, "': \"", text,
                "\" is not a whole number of at least 0");
  return *value;
}

std::string text_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out.push_back(',');
    append_text(out, text);
  }
  return out + "]";
}

net::HttpResponse answer_services(const JaegerApi& api, const net::HttpRequest& request) {
  const auto services = find_services(api, request.cancellation);
  if (!services) return error_response(services.error());
  return net::HttpResponse::json(envelope(text_list(*services), services->size()));
}

net::HttpResponse answer_service_operations(const JaegerApi& api, const net::HttpRequest& request) {
  const auto operations = find_operations(api, request.captures.at(0), "", request.cancellation);
  if (!operations) return error_response(operations.error());
  std::vector<std::string> names;
  for (const Operation& operation : *operations) names.push_back(operation.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return net::HttpResponse::json(envelope(text_list(names), names.size()));
}

net::HttpResponse answer_operations(const JaegerApi& api, const net::HttpRequest& request) {
  const std::string service(request.params.get("service"));
  if (service.empty())
    return error_response({Errc::kInvalidArgument, "parameter 'service' is required"});
  const auto operations = find_operations(api, service, std::string(request.params.get("spanKind")),
                                          request.cancellation);
  if (!operations) return error_response(operations.error());
  std::string data = "[";
  for (const Operation& operation : *operations) {
    data += data.size() > 1 ? R"(,{"name":)" : R"({"name":)";
    append_text(data, operation.name);
    data.append(R"(,"spanKind":")").append(operation.kind).append("\"}");
  }
  return net::HttpResponse::json(envelope(data + "]", operations->size()));
}

net::HttpResponse traces_response(const std::vector<TracePtr>& traces) {
  std::string data = "[";
  for (const TracePtr& trace : traces) {
    if (data.size() > 1) data.push_back(',');
    append_trace_json(data, *trace);
  }
  return net::HttpResponse::json(envelope(data + "]", traces.size()));
}

net::HttpResponse answer_trace(const JaegerApi& api, const net::HttpRequest& request) {
  const auto id = parse_id(request.captures.at(0));
  if (!id) return error_response(id.error());
  auto trace = find_trace(api, *id);
  if (!trace) return error_response(trace.error());
  return traces_response({std::move(*trace)});
}

Result<TraceQuestion> read_question(const JaegerApi& api, const net::Params& params) {
  TraceQuestion question{.service = std::string(params.get("service")),
                         .operation = std::string(params.get("operation"))};
  if (question.service.empty())
    return fail(Errc::kInvalidArgument, "parameter 'service' is required");
  auto tags = parse_tags(params);
  if (!tags) return std::unexpected(std::move(tags).error());
  question.tags = std::move(*tags);
  for (const std::string_view name : {"start", "end", "limit"}) {
    const auto value = number(params, name);
    if (!value) return std::unexpected(value.error());
    if (!*value) continue;
    if (name == "start") question.start = {static_cast<uint64_t>(**value) * 1'000};
    if (name == "end") question.end = {static_cast<uint64_t>(**value) * 1'000};
    if (name == "limit")
      question.limit = static_cast<uint32_t>(std::min<int64_t>(**value, UINT32_MAX));
  }
  // The UI also sends the text it made start of; alone it counts from now.
  if (params.get("start").empty() && !params.get("lookback").empty()) {
    const auto back = parse_prometheus_duration(params.get("lookback"));
    if (!back)
      return fail(Errc::kInvalidArgument,
                  "unable to parse param 'lookback': ", back.error().message);
    const uint64_t ns = static_cast<uint64_t>(back->count()) * 1'000'000;
    question.start = {api.clock.now().value - std::min(ns, api.clock.now().value)};
  }
  for (const std::string_view name : {"minDuration", "maxDuration"}) {
    if (params.get(name).empty()) continue;
    const auto duration = parse_go_duration(params.get(name));
    if (!duration)
      return fail(Errc::kInvalidArgument, "unable to parse param '", name,
                  "': ", duration.error().message);
    if (name == "minDuration")
      question.duration_min = *duration;
    else
      question.duration_max = *duration;
  }
  return question;
}

net::HttpResponse answer_traces(const JaegerApi& api, const net::HttpRequest& request) {
  const auto ids = request.params.all("traceID");
  std::vector<TracePtr> traces;
  for (const std::string_view text : ids) {
    const auto id = parse_id(text);
    if (!id) return error_response(id.error());
    auto trace = find_trace(api, *id);
    if (trace)
      traces.push_back(std::move(*trace));
    else if (trace.error().code != Errc::kNotFound)
      return error_response(trace.error());
  }
  if (!ids.empty()) return traces_response(traces);
  const auto question = read_question(api, request.params);
  if (!question) return error_response(question.error());
  const auto found = find_traces(api, *question, request.cancellation);
  if (!found) return error_response(found.error());
  return traces_response(*found);
}

net::HttpResponse answer_dependencies(const JaegerApi& api, const net::HttpRequest& request) {
  const auto end_ms = number(request.params, "endTs");
  if (!end_ms) return error_response(end_ms.error());
  const auto lookback_ms = number(request.params, "lookback");
  if (!lookback_ms) return error_response(lookback_ms.error());
  const uint64_t end =
      *end_ms ? static_cast<uint64_t>(**end_ms) * 1'000'000 : api.clock.now().value;
  const uint64_t back = static_cast<uint64_t>(lookback_ms->value_or(24 * 3'600'000)) * 1'000'000;
  const auto dependencies =
      find_dependencies(api, {end - std::min(end, back)}, {end}, request.cancellation);
  if (!dependencies) return error_response(dependencies.error());
  std::string data = "[";
  for (const Dependency& dependency : *dependencies) {
    data += data.size() > 1 ? R"(,{"parent":)" : R"({"parent":)";
    append_text(data, dependency.parent);
    data += R"(,"child":)";
    append_text(data, dependency.child);
    data.append(R"(,"callCount":)").append(std::to_string(dependency.calls)).append("}");
  }
  return net::HttpResponse::json(envelope(data + "]", dependencies->size()));
}

// A JSON object of strings, read without a library: {"a":"b"}. Numbers and bools may stand bare.
class TagsReader {
 public:
  explicit TagsReader(std::string_view text) : text_(text) {}
  std::optional<std::vector<std::pair<std::string, std::string>>> read() {
    std::vector<std::pair<std::string, std::string>> tags;
    if (!take('{')) return std::nullopt;
    if (take('}')) return at_end() ? std::optional(tags) : std::nullopt;
    do {
      auto key = string();
      if (!key || !take(':')) return std::nullopt;
      auto value = peek() == '"' ? string() : bare();
      if (!value) return std::nullopt;
      tags.emplace_back(std::move(*key), std::move(*value));
    } while (take(','));
    return take('}') && at_end() ? std::optional(std::move(tags)) : std::nullopt;
  }

 private:
  char peek() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool at_end() { return peek() == '\0' && at_ == text_.size(); }
  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (c == '\\') {
        if (at_ >= text_.size()) return std::nullopt;
        c = text_[at_++];
        if (c == 'u') return std::nullopt;  // no client escapes what UTF-8 can say
        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
      out.push_back(c);
    }
    if (at_ >= text_.size()) return std::nullopt;
    ++at_;
    return out;
  }
  std::optional<std::string> bare() {
    const size_t end = std::min(text_.find_first_of(",} \t\r\n", at_), text_.size());
    const std::string word(text_.substr(at_, end - at_));
    at_ = end;
    if (word != "true" && word != "false" && !parse_float(word)) return std::nullopt;
    return word;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_tags(const net::Params& params) {
  std::vector<std::pair<std::string, std::string>> tags;
  for (const std::string_view tag : params.all("tag")) {
    const size_t colon = tag.find(':');
    if (colon == std::string_view::npos)
      return fail(Errc::kInvalidArgument,
                  "malformed 'tag' parameter, expecting key:value, received: ", tag);
    tags.emplace_back(tag.substr(0, colon), tag.substr(colon + 1));
  }
  for (const std::string_view text : params.all("tags")) {
    if (text.empty()) continue;
    auto read = TagsReader(text).read();
    if (!read)
      return fail(Errc::kInvalidArgument,
                  "malformed 'tags' parameter, cannot unmarshal JSON: ", text);
    tags.insert(tags.end(), read->begin(), read->end());
  }
  return tags;
}

void add_jaeger_routes(net::HttpRouter& router, JaegerApi api) {
  static constexpr std::pair<std::string_view, Handler> kPaths[] = {
      {"/api/services", answer_services},
      {"/api/services/{service}/operations", answer_service_operations},
      {"/api/operations", answer_operations},
      {"/api/traces", answer_traces},
      {"/api/traces/{id}", answer_trace},
      {"/api/dependencies", answer_dependencies}};
  const auto shared = std::make_shared<const JaegerApi>(std::move(api));
  add_jaeger_v3_routes(router, shared);
  for (const auto& [pattern, handler] : kPaths)
    router.add("GET", shared->prefix + std::string(pattern),
               [shared, handler](net::HttpRequest& request) {
                 return as_tenants(
                     *shared, request.headers.get(kOrgIdHeader),
                     [&](const JaegerApi& own) { return handler(own, request); },
                     [](const TenancyRefusal& refusal) {
                       return net::HttpResponse::json(
                           error_envelope(refusal.http_status, refusal.message),
                           refusal.http_status);
                     });
               },
               {.pool = shared->pool});
}

}  // namespace sightline::api::jaeger
