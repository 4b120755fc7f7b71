#include "api/prometheus/exemplar_routes.h"

#include "api/prometheus/expression_exemplars.h"
#include "api/prometheus/parameters.h"
#include "api/prometheus/query_json.h"
#include "api/prometheus/series_selection.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parser.h"

namespace sightline::api::prometheus {
namespace {

// Series by series, so that a large store's exemplars never lie in memory at once.
class ExemplarsJson final : public net::BodySource {
 public:
  ExemplarsJson(std::unique_ptr<tsdb::Querier> querier, SeriesSelection selection,
                tsdb::TimeRange range, TraceIdLabels labels,
                std::shared_ptr<const net::Cancellation> cancellation)
      : querier_(std::move(querier)),
        selection_(std::move(selection)),
        range_(range),
        labels_(labels),
        cancellation_(std::move(cancellation)) {}

  Next next(std::string& out) override {
    const size_t begin = out.size();
    if (!std::exchange(begun_, true)) out += '[';
    for (; at_ < selection_.series.size() && out.size() - begin < kResultPieceBytes; ++at_) {
      if (cancellation_ && cancellation_->cancelled()) return Next::kBroken;
      if (!append_series(out, selection_.series[at_])) return Next::kBroken;
    }
    if (at_ < selection_.series.size()) return Next::kMore;
    out += ']';
    return Next::kEnd;
  }

 private:
  bool append_series(std::string& out, const FoundSeries& found) {
    exemplars_.clear();
    if (!found.set->read_exemplars(found.index, range_, exemplars_)) return false;
    if (exemplars_.empty()) return true;
    if (std::exchange(any_, true)) out += ',';
    out += R"({"seriesLabels":)";
    append_labels(out, found.labels());
    out += R"(,"exemplars":[)";
    for (const model::Exemplar& exemplar : exemplars_) {
      append_separator(out);
      append_exemplar(out, exemplar, labels_);
    }
    out += "]}";
    return true;
  }

  const std::unique_ptr<tsdb::Querier> querier_;
  const SeriesSelection selection_;
  const tsdb::TimeRange range_;
  const TraceIdLabels labels_;
  const std::shared_ptr<const net::Cancellation> cancellation_;
  std::vector<model::Exemplar> exemplars_;
  size_t at_ = 0;
  bool begun_ = false;
  bool any_ = false;
};

}  // namespace

Result<Answer> answer_query_exemplars(const PrometheusApi& api, const net::HttpRequest& request) {
  const std::string_view match = request.params.get("match");
  if (match == "expression") return answer_expression_exemplars(api, request);
  if (!match.empty() && match != "selectors")
    return invalid_parameter(
        "match", {Errc::kInvalidArgument, "not supported value " + promql::go_quote(match) +
                                              ", want expression or selectors"});
  const auto range = time_range(request.params);
  if (!range) return std::unexpected(range.error());
  if (range->max < range->min)
    return fail(Errc::kInvalidArgument, "end timestamp must not be before start timestamp");
  const auto expression = promql::parse(request.params.get("query"));
  if (!expression) return std::unexpected(expression.error());
  const auto selectors = promql::selectors_of(**expression);
  if (selectors.empty()) return Answer{};
  auto querier = api.store.querier(while_client_waits(request));
  if (!querier) return std::unexpected(querier.error());
  auto selection = select_any(**querier, selectors, *range);
  if (!selection) return std::unexpected(selection.error());
  const auto labels = api.exemplar_trace_id_alias ? TraceIdLabels::kBoth : TraceIdLabels::kAsStored;
  return Answer{.rest = std::make_shared<ExemplarsJson>(std::move(*querier), std::move(*selection),
                                                        *range, labels, request.cancellation)};
}

}  // namespace sightline::api::prometheus
