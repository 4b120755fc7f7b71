#include "api/prometheus/language_routes.h"

#include <map>

#include "api/prometheus/parameters.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/parser.h"
#include "promql/syntax/printer.h"

namespace sightline::api::prometheus {
namespace {

Result<promql::ExprPtr> parsed(const net::HttpRequest& request) {
  auto expression = promql::parse(request.params.get("query"));
  if (!expression) return invalid_parameter("query", std::move(expression).error());
  return expression;
}

using Features = std::map<std::string, bool, std::less<>>;

constexpr std::string_view kOperators[] = {"!=",
                                           "!~",
                                           "%",
                                           "*",
                                           "+",
                                           "-",
                                           "/",
                                           "<",
                                           "</",
                                           "<=",
                                           "==",
                                           "=~",
                                           ">",
                                           ">/",
                                           ">=",
                                           "@",
                                           "^",
                                           "and",
                                           "atan2",
                                           "avg",
                                           "bottomk",
                                           "count",
                                           "count_values",
                                           "group",
                                           "limit_ratio",
                                           "limitk",
                                           "max",
                                           "min",
                                           "or",
                                           "quantile",
                                           "stddev",
                                           "stdvar",
                                           "sum",
                                           "topk",
                                           "unless"};
constexpr std::string_view kModifiers[] = {"anchored",
                                           "at_modifier",
                                           "bool",
                                           "by",
                                           "delayed_name_removal",
                                           "duration_expr",
                                           "fill",
                                           "fill_left",
                                           "fill_right",
                                           "group_left",
                                           "group_right",
                                           "ignoring",
                                           "negative_offset",
                                           "offset",
                                           "on",
                                           "per_query_lookback_delta",
                                           "smoothed",
                                           "subqueries",
                                           "without"};

Features all_of(std::span<const std::string_view> names) {
  Features out;
  for (const std::string_view name : names) out.emplace(name, true);
  return out;
}

Features functions() {
  Features out;
  for (const promql::Function& function : promql::all_functions()) out.emplace(function.name, true);
  return out;
}

// Groups of the peer that stand for parts which are not here stay empty.
std::map<std::string, Features> features_of(const PrometheusApi& api) {
  Features language = all_of(kModifiers);
  language.insert({{"per_step_stats", false}, {"type_and_unit_labels", false}});
  return {
      {"api",
       {{"admin", api.admin_enabled},
        {"exclude_alerts", true},
        {"label_values_match", true},
        {"lifecycle", api.lifecycle_enabled},
        {"query_exemplars_match_expression", true},
        {"query_stats", true},
        {"query_warnings", true},
        {"remote_write_receiver", true},
        {"search", false},
        {"time_range_labels", true},
        {"time_range_series", true}}},
      {"otlp_receiver", {}},
      {"prometheus", {{"agent_mode", false}, {"auto_reload_config", false}, {"server_mode", true}}},
      {"promql", std::move(language)},
      {"promql_functions", functions()},
      {"promql_operators", all_of(kOperators)},
      {"rules", {}},
      {"scrape", {{"extra_scrape_metrics", false}}},
      {"service_discovery_providers", {{"static", true}}},
      {"templating_functions", {}},
      {"tsdb", {{"exemplar_storage", true}, {"isolation", true}, {"native_histograms", true}}},
      {"ui", {}}};
}

}  // namespace

Result<Answer> answer_format_query(const PrometheusApi&, const net::HttpRequest& request) {
  const auto expression = parsed(request);
  if (!expression) return std::unexpected(expression.error());
  Answer answer;
  append_text(answer.data, promql::format_expression(**expression));
  return answer;
}

Result<Answer> answer_parse_query(const PrometheusApi&, const net::HttpRequest& request) {
  const auto expression = parsed(request);
  if (!expression) return std::unexpected(expression.error());
  Answer answer{.data = promql::to_json(**expression)};
  make_html_safe(answer.data, 0);  // outside of texts there is nothing to make safe
  return answer;
}

Result<Answer> answer_features(const PrometheusApi& api, const net::HttpRequest&) {
  Answer answer{.data = "{"};
  for (const auto& [group, features] : features_of(api)) {
    append_key(answer.data, group);
    answer.data += '{';
    for (const auto& [name, is_on] : features) {
      append_separator(answer.data);
      append_plain_text(answer.data,
                        name);  // operators as they are: nothing here came from outside
      answer.data += is_on ? ":true" : ":false";
    }
    answer.data += '}';
  }
  answer.data += '}';
  return answer;
}

}  // namespace sightline::api::prometheus
