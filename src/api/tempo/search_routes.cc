#include "api/tempo/search_routes.h"

#include <algorithm>

#include "api/tempo/answers.h"
#include "api/tempo/engine_access.h"
#include "api/tempo/parameters.h"
#include "api/tempo/protobuf_answers.h"
#include "base/number_text.h"
#include "traceql/syntax/lexer.h"

namespace sightline::api::tempo {
namespace {

// One tag as a condition. A value that reads as a number or a bool also matches as such.
Result<std::string> condition_of(std::string_view key, std::string_view value) {
  const std::string text = traceql::quoted(value);
  if (key == "name") return "name = " + text;
  if (key == "root.name") return "rootName = " + text;
  if (key == "root.service.name") return "rootServiceName = " + text;
  if (key == "status.code") {
    if (value != "error" && value != "ok" && value != "unset")
      return fail(Errc::kInvalidArgument,
                  "invalid tags: status.code must be error, ok or unset, got \"", value, "\"");
    return "status = " + std::string(value);
  }
  const std::string attribute = "." + traceql::quoted(key);
  std::string condition = attribute + " = " + text;
  if (value == "true" || value == "false" || parse_int(value).has_value())
    condition = "(" + condition + " || " + attribute + " = " + std::string(value) + ")";
  return condition;
}

Result<uint32_t> count_parameter(const net::Params& params, std::string_view name,
                                 uint32_t fallback) {
  const auto value = parse_integer(params, name);
  if (!value) return std::unexpected(value.error());
  if (!*value) return fallback;
  if (**value < 0 || **value > UINT32_MAX)
    return fail(Errc::kInvalidArgument, "invalid ", name, ": must be a positive number");
  return static_cast<uint32_t>(**value);
}

Status read_counts(const TempoApi& api, const net::Params& params,
                   traceql::SearchOptions& options) {
  const auto limit = count_parameter(params, "limit", api.options.search_limit_default);
  if (!limit) return std::unexpected(limit.error());
  if (*limit == 0) return fail(Errc::kInvalidArgument, "invalid limit: must be a positive number");
  if (*limit > api.options.search_limit_max)
    return fail(Errc::kInvalidArgument, "limit ", *limit, " exceeds max limit ",
                api.options.search_limit_max);
  const auto spss = count_parameter(params, "spss", api.options.spans_per_spanset_default);
  if (!spss) return std::unexpected(spss.error());
  if (*spss > api.options.spans_per_spanset_max)
    return fail(Errc::kInvalidArgument, "spans per span set exceeds ",
                api.options.spans_per_spanset_max, ". received ", *spss);
  if (uint64_t{*limit} * *spss > api.options.search_spans_max)
    return fail(Errc::kInvalidArgument, "limit ", *limit, " with ", *spss,
                " spans per span set asks for more than ", api.options.search_spans_max, " spans");
  options.limit = *limit;
  options.spans_per_spanset = *spss;
  return {};
}

Status read_durations(const net::Params& params, traceql::SearchOptions& options) {
  for (const std::string_view name : {"minDuration", "maxDuration"}) {
    if (params.get(name).empty()) continue;
    const auto duration = parse_go_duration(params.get(name));
    if (!duration)
      return fail(Errc::kInvalidArgument, "invalid ", name, ": ", duration.error().message);
    if (name == "minDuration") options.duration_min = *duration;
    if (name == "maxDuration") options.duration_max = *duration;
  }
  if (options.duration_max && *options.duration_max <= options.duration_min)
    return fail(Errc::kInvalidArgument, "invalid maxDuration: must be greater than minDuration");
  return {};
}

bool is_reserved(std::string_view name) {
  static constexpr std::string_view kReserved[] = {
      "q", "query", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end"};
  return std::ranges::find(kReserved, name) != std::end(kReserved);
}

// The query a request without q means: its tags, or its unknown parameters as tags.
Result<std::string> legacy_query(const net::Params& params) {
  if (params.has("tags")) return traceql_of_tags(params.get("tags"));
  std::string filter;
  for (const auto& [name, value] : params.fields()) {
    if (is_reserved(name) || value.empty()) continue;
    auto condition = condition_of(name, value);
    if (!condition) return condition;
    filter.append(filter.empty() ? "{ " : " && ").append(*condition);
  }
  return filter.empty() ? "{ }" : filter + " }";
}

}  // namespace

Result<std::string> traceql_of_tags(std::string_view text) {
  std::string filter;
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const size_t equals = text.find('=', at);
    if (equals == std::string_view::npos || equals == at ||
        text.substr(at, equals - at).contains(' '))
      return fail(Errc::kInvalidArgument, "invalid tags: expected key=value at offset ", at);
    const std::string_view key = text.substr(at, equals - at);
    std::string value;
    at = equals + 1;
    if (at < text.size() && text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        value.push_back(text[at]);
      }
      if (at >= text.size())
        return fail(Errc::kInvalidArgument, "invalid tags: quote opened at offset ", equals + 1,
                    " is not closed");
      ++at;
    } else {
      const size_t end = std::min(text.find(' ', at), text.size());
      value = text.substr(at, end - at);
      at = end;
    }
    auto condition = condition_of(key, value);
    if (!condition) return condition;
    filter.append(filter.empty() ? "{ " : " && ").append(*condition);
  }
  return filter.empty() ? "{ }" : filter + " }";
}

Result<SearchQuestion> read_search(const TempoApi& api, const net::HttpRequest& request) {
  const net::Params& params = request.params;
  const std::string_view q = params.get("q");
  if (!q.empty() && !params.get("tags").empty())
    return fail(Errc::kInvalidArgument,
                "invalid request: can't specify tags and q in the same query");
  traceql::SearchOptions options;
  const auto range = parse_search_range(api, params);
  if (!range) return std::unexpected(range.error());
  set_bounds(options, *range, request);
  if (auto done = read_counts(api, params, options); !done)
    return std::unexpected(std::move(done).error());
  std::string query(q);
  if (q.empty()) {
    if (auto done = read_durations(params, options); !done)
      return std::unexpected(std::move(done).error());
    auto legacy = legacy_query(params);
    if (!legacy) return std::unexpected(std::move(legacy).error());
    query = std::move(*legacy);
  }
  return SearchQuestion{std::move(query), std::move(options), !q.empty()};
}

Result<SearchAnswer> run_search(const TempoApi& api, const net::HttpRequest& request) {
  const auto question = read_search(api, request);
  if (!question) return std::unexpected(question.error());
  auto result = engine_of(api).search(question->query, question->options);
  if (!result) return std::unexpected(std::move(result).error());
  return SearchAnswer{.result = std::move(*result), .with_spansets = question->with_spansets};
}

net::HttpResponse answer_search(const TempoApi& api, const net::HttpRequest& request) {
  const auto answer = run_search(api, request);
  if (!answer) return error_response(answer.error());
  if (accepts_protobuf(request))
    return protobuf_response(
        search_messages(answer->result, answer->with_spansets, SIZE_MAX, {}).front());
  return net::HttpResponse::json(search_json(answer->result, answer->with_spansets));
}

}  // namespace sightline::api::tempo
