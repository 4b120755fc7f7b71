#include "api/prometheus/series_routes.h"

#include <algorithm>
#include <set>

#include "api/prometheus/parameters.h"
#include "api/prometheus/series_selection.h"

namespace sightline::api::prometheus {
namespace {

struct SeriesParameters {
  tsdb::TimeRange range;
  size_t limit = SIZE_MAX;
  MatcherSets matchers;
};

// Whether a bad match[] is told with the parameter's name: the peer's endpoints differ.
enum class MatchErrors : uint8_t { kNamed, kBare };

Result<SeriesParameters> series_parameters(const net::HttpRequest& request, MatchErrors errors) {
  const auto limit = limit_parameter(request.params);
  if (!limit) return std::unexpected(limit.error());
  const auto range = time_range(request.params);
  if (!range) return std::unexpected(range.error());
  auto matchers = matcher_sets(request.params);
  if (!matchers && errors == MatchErrors::kNamed)
    return invalid_parameter("match[]", std::move(matchers).error());
  if (!matchers) return std::unexpected(std::move(matchers).error());
  return SeriesParameters{*range, *limit, std::move(*matchers)};
}

Answer string_list(const std::vector<std::string>& texts, size_t limit) {
  Answer answer{.data = "["};
  for (size_t i = 0; i < std::min(limit, texts.size()); ++i) {
    append_separator(answer.data);
    append_text(answer.data, texts[i]);
  }
  answer.data += ']';
  if (texts.size() > limit) answer.warnings.emplace_back(kTruncatedWarning);
  return answer;
}

// `ask` once for each matcher set (once with none when there are none), the answers united and sorted.
template <typename Ask>
Result<std::vector<std::string>> unite(const MatcherSets& sets, Ask ask) {
  if (sets.empty()) return ask(std::span<const tsdb::Matcher>());
  if (sets.size() == 1) return ask(std::span(sets[0]));
  std::set<std::string> all;
  for (const auto& matchers : sets) {
    auto texts = ask(std::span(matchers));
    if (!texts) return texts;
    all.insert(std::make_move_iterator(texts->begin()), std::make_move_iterator(texts->end()));
  }
  return std::vector<std::string>(all.begin(), all.end());
}

}  // namespace

Result<Answer> answer_series(const PrometheusApi& api, const net::HttpRequest& request) {
  if (!request.params.has("match[]"))
    return fail(Errc::kInvalidArgument, "no match[] parameter provided");
  const auto parameters = series_parameters(request, MatchErrors::kNamed);
  if (!parameters) return std::unexpected(parameters.error());
  auto querier = api.store.querier(while_client_waits(request));
  if (!querier) return std::unexpected(querier.error());
  auto selection = select_any(**querier, parameters->matchers, parameters->range);
  if (!selection) return std::unexpected(selection.error());
  const size_t count = selection->series.size();
  struct Found {
    std::unique_ptr<tsdb::Querier> querier;  // outlives the selection
    SeriesSelection selection;
  };
  const auto found = std::make_shared<const Found>(std::move(*querier), std::move(*selection));
  Answer answer{.rest = list_source(std::min(parameters->limit, count),
                                    [found](std::string& out, size_t index) -> Status {
                                      append_labels(out, found->selection.series[index].labels());
                                      return {};
                                    })};
  if (count > parameters->limit) answer.warnings.emplace_back(kTruncatedWarning);
  return answer;
}

Result<Answer> answer_labels(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto parameters = series_parameters(request, MatchErrors::kBare);
  if (!parameters) return std::unexpected(parameters.error());
  const auto querier = api.store.querier(while_client_waits(request));
  if (!querier) return std::unexpected(querier.error());
  const auto names = unite(parameters->matchers, [&](std::span<const tsdb::Matcher> matchers) {
    return (*querier)->label_names(matchers, parameters->range);
  });
  if (!names) return std::unexpected(names.error());
  return string_list(*names, parameters->limit);
}

Result<Answer> answer_label_values(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto name = label_name(request.captures.empty() ? std::string_view() : request.captures[0]);
  if (!name) return std::unexpected(name.error());
  const auto parameters = series_parameters(request, MatchErrors::kBare);
  if (!parameters) return std::unexpected(parameters.error());
  const auto querier = api.store.querier(while_client_waits(request));
  if (!querier) return std::unexpected(querier.error());
  const auto values = unite(parameters->matchers, [&](std::span<const tsdb::Matcher> matchers) {
    return (*querier)->label_values(*name, matchers, parameters->range);
  });
  if (!values) return std::unexpected(values.error());
  return string_list(*values, parameters->limit);
}

Result<Answer> answer_metadata(const PrometheusApi& api, const net::HttpRequest& request) {
  const auto limit = number_limit_parameter(request.params, "limit");
  if (!limit) return std::unexpected(limit.error());
  // The store keeps one entry for a metric, so any number allows it.
  if (const auto each = number_limit_parameter(request.params, "limit_per_metric"); !each)
    return std::unexpected(each.error());
  const auto querier = api.store.querier();
  if (!querier) return std::unexpected(querier.error());
  Answer answer{.data = "{"};
  size_t count = 0;
  for (const auto& [name, metadata] : (*querier)->metadata(request.params.get("metric"))) {
    if (count++ == *limit) break;
    append_key(answer.data, name);
    answer.data += "[{";
    append_member(answer.data, "type", model::metric_type_name(metadata.type));
    append_member(answer.data, "unit", metadata.unit);
    append_member(answer.data, "help", metadata.help);
    answer.data += "}]";
  }
  answer.data += '}';
  return answer;
}

}  // namespace sightline::api::prometheus
