#include "api/prometheus/expression_exemplars.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "api/prometheus/exemplar_choice.h"
#include "api/prometheus/parameters.h"
#include "api/prometheus/query_json.h"
#include "api/prometheus/query_routes.h"
#include "api/prometheus/series_selection.h"
#include "base/number_text.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/go_text.h"
#include "promql/syntax/parser.h"

namespace sightline::api::prometheus {
namespace {

constexpr int64_t kDefaultSteps = 250;  // of the grid when no step is given
constexpr int64_t kDefaultStepMsMin = 1000;

struct Wanted {
  RangeParameters range;
  size_t limit = SIZE_MAX;
  double min_value = -std::numeric_limits<double>::infinity();
  double max_value = std::numeric_limits<double>::infinity();
  ExemplarStrategy strategy = ExemplarStrategy::kSpread;
};

Result<double> number_parameter(const net::Params& params, std::string_view name, double absent) {
  const std::string_view text = params.get(name);
  if (text.empty()) return absent;
  const auto number = parse_float(text);
  if (number && !std::isnan(*number)) return *number;
  return invalid_parameter(
      name, {Errc::kInvalidArgument, "cannot parse " + promql::go_quote(text) + " to a number"});
}

// start and end as /query_range wants them; step may be left out.
Result<RangeParameters> grid_parameters(const net::Params& params) {
  net::Params with_step = params;
  if (params.get("step").empty()) {
    const auto start = parse_time(params.get("start"));
    const auto end = parse_time(params.get("end"));
    const double span_ms =
        start && end ? static_cast<double>(end->value) - static_cast<double>(start->value) : 0;
    const double step_ms = std::max<double>(kDefaultStepMsMin, std::ceil(span_ms / kDefaultSteps));
    with_step = {};
    with_step.add("start", std::string(params.get("start")));
    with_step.add("end", std::string(params.get("end")));
    with_step.add("step", format_float_plain(step_ms / 1000));
  }
  return range_parameters(with_step);
}

Result<Wanted> wanted_of(const net::Params& params) {
  Wanted out;
  const auto range = grid_parameters(params);
  if (!range) return std::unexpected(range.error());
  out.range = *range;
  const auto limit = limit_parameter(params);
  if (!limit) return std::unexpected(limit.error());
  out.limit = *limit;
  const auto low = number_parameter(params, "min_value", out.min_value);
  if (!low) return std::unexpected(low.error());
  const auto high = number_parameter(params, "max_value", out.max_value);
  if (!high) return std::unexpected(high.error());
  out.min_value = *low;
  out.max_value = *high;
  if (const std::string_view text = params.get("strategy"); !text.empty()) {
    const auto strategy = parse_strategy(text);
    if (!strategy)
      return invalid_parameter(
          "strategy", {Errc::kInvalidArgument, "not supported value " + promql::go_quote(text) +
                                                   ", want spread, extreme or typical"});
    out.strategy = *strategy;
  }
  return out;
}

// Whether the expression's value is of its exemplars' kind: a quantile, as it is or sorted out.
bool shows_measured_values(const promql::Expr& expr) {
  const promql::Expr& inner = promql::unwrap_parens(expr);
  if (inner.kind == promql::ExprKind::kCall) {
    const auto& call = promql::as<promql::Call>(inner);
    using promql::FunctionId;
    switch (call.function->id) {
      case FunctionId::kHistogramQuantile:
      case FunctionId::kHistogramQuantiles: return true;
      case FunctionId::kLabelReplace:
      case FunctionId::kLabelJoin:
      case FunctionId::kSort:
      case FunctionId::kSortDesc: return shows_measured_values(*call.args[0]);
      default: return false;
    }
  }
  if (inner.kind != promql::ExprKind::kAggregate) return false;
  const auto& aggregate = promql::as<promql::AggregateExpr>(inner);
  using promql::AggregateOp;
  const bool keeps = aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk ||
                     aggregate.op == AggregateOp::kMax || aggregate.op == AggregateOp::kMin ||
                     aggregate.op == AggregateOp::kAvg;
  return keeps && shows_measured_values(*aggregate.expr);
}

int64_t saturated(double ms) {
  return ms >= 9e18    ? std::numeric_limits<int64_t>::max()
         : ms <= -9e18 ? std::numeric_limits<int64_t>::min()
                       : static_cast<int64_t>(ms);
}

// Reads each input's exemplars once.
class InputExemplars {
 public:
  InputExemplars(const std::vector<promql::QueryInput>& inputs, const RangeParameters& range)
      : inputs_(inputs), read_(inputs.size()) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const promql::QueryInput& input : inputs) {
      const auto offset = static_cast<double>(input.offset_ms);
      low = std::min(low, static_cast<double>(input.at_ms.value_or(range.start.value)) - offset -
                              static_cast<double>(input.window_ms));
      high = std::max(high, static_cast<double>(input.at_ms.value_or(range.end.value)) - offset);
    }
    range_ = {{saturated(low)}, {saturated(high)}};
  }

  Status select(const tsdb::Queryable& store, const MatcherSets& selectors, StillWanted wanted) {
    auto querier = store.querier(std::move(wanted));
    if (!querier) return std::unexpected(querier.error());
    querier_ = std::move(*querier);
    auto selection = select_any(*querier_, selectors, range_);
    if (!selection) return std::unexpected(selection.error());
    selection_ = std::move(*selection);
    for (const FoundSeries& found : selection_.series) by_labels_.emplace(found.labels(), &found);
    return {};
  }

  Result<const std::vector<model::Exemplar>*> of(uint32_t input) {
    auto& read = read_[input];
    if (read) return &*read;
    read.emplace();
    const auto found = by_labels_.find(inputs_[input].labels);
    if (found == by_labels_.end()) return &*read;
    if (auto status = found->second->set->read_exemplars(found->second->index, range_, *read);
        !status)
      return std::unexpected(status.error());
    count_ += read->size();
    if (count_ > kExemplarCandidatesMax)
      return fail(Errc::kExecution, "more than ", kExemplarCandidatesMax,
                  " exemplars fed the result; ask for a shorter time or fewer series");
    return &*read;
  }

 private:
  const std::vector<promql::QueryInput>& inputs_;
  tsdb::TimeRange range_;
  std::unique_ptr<tsdb::Querier> querier_;
  SeriesSelection selection_;
  std::unordered_map<model::Labels, const FoundSeries*, model::LabelsHash> by_labels_;
  std::vector<std::optional<std::vector<model::Exemplar>>> read_;
  size_t count_ = 0;
};

// The first step that the exemplar fed through this source, if any.
std::optional<size_t> fed_step(const model::Exemplar& exemplar, const promql::QueryInput& input,
                               const promql::SeriesSource& source, const promql::Series& series,
                               const promql::StepGrid& grid) {
  const int64_t time = exemplar.time.value;
  size_t first = 0, last = grid.count - 1;
  if (input.at_ms) {
    const int64_t end = *input.at_ms - input.offset_ms;
    if (time > end || time <= end - input.window_ms) return std::nullopt;
  } else {
    // A step at t read (t - offset - window, t - offset]; what fed the first steps but lies before the grid is not shown.
    const int64_t from_start = time + input.offset_ms - grid.start_ms;
    if (from_start < 0) return std::nullopt;
    const int64_t step_ms = std::max<int64_t>(grid.step_ms, 1);
    first = static_cast<size_t>((from_start + step_ms - 1) / step_ms);
    const int64_t reach = from_start + input.window_ms - 1;
    if (first > last || reach < 0) return std::nullopt;
    last = std::min(last, static_cast<size_t>(reach / step_ms));
  }
  for (size_t step = first; step <= last; ++step)
    if (series.has(step) && source.steps.has(step)) return step;
  return std::nullopt;
}

struct Output {
  const promql::Series* series;
  std::vector<ExemplarCandidate> candidates;
};

bool is_before(const ExemplarCandidate& a, const ExemplarCandidate& b) {
  const auto key = [](const ExemplarCandidate& c) {
    return std::tie(c.exemplar.time, c.exemplar.value, c.exemplar.trace_id, c.exemplar.span_id);
  };
  return key(a) < key(b);
}

Status gather(const promql::QueryResult& result, const Wanted& wanted, bool measured,
              InputExemplars& inputs, Output& out) {
  for (const promql::SeriesSource& source : out.series->sources) {
    const auto exemplars = inputs.of(source.input);
    if (!exemplars) return std::unexpected(exemplars.error());
    for (const model::Exemplar& exemplar : **exemplars) {
      if (!(exemplar.value >= wanted.min_value && exemplar.value <= wanted.max_value)) continue;
      const auto step =
          fed_step(exemplar, result.inputs[source.input], source, *out.series, result.grid);
      if (!step) continue;
      ExemplarCandidate candidate{exemplar, std::nullopt};
      if (measured && out.series->is_float(*step)) candidate.shown = out.series->floats[*step];
      out.candidates.push_back(std::move(candidate));
    }
  }
  // Two selectors may have read one series: its exemplars count once.
  std::ranges::stable_sort(out.candidates, is_before);
  const auto repeated = std::ranges::unique(out.candidates, {}, &ExemplarCandidate::exemplar);
  out.candidates.erase(repeated.begin(), repeated.end());
  return {};
}

void append_output(std::string& out, const Output& output, TraceIdLabels labels) {
  append_separator(out);
  out += R"({"seriesLabels":)";
  append_labels(out, output.series->labels);
  out += R"(,"exemplars":[)";
  for (const ExemplarCandidate& candidate : output.candidates) {
    append_separator(out);
    append_exemplar(out, candidate.exemplar, labels);
  }
  out += "]}";
}

// Keeps what the limit allows, and returns how many it left out.
size_t apply_limit(std::vector<Output>& outputs, const Wanted& wanted) {
  std::vector<size_t> available;
  size_t all = 0, kept = 0;
  for (const Output& output : outputs)
    available.push_back(output.candidates.size()), all += output.candidates.size();
  const std::vector<size_t> shares = share_limit(available, wanted.limit);
  for (size_t i = 0; i < outputs.size(); ++i) {
    choose_exemplars(outputs[i].candidates, shares[i], wanted.strategy);
    kept += outputs[i].candidates.size();
  }
  return all - kept;
}

}  // namespace

Result<Answer> answer_expression_exemplars(const PrometheusApi& api,
                                           const net::HttpRequest& request) {
  const auto wanted = wanted_of(request.params);
  if (!wanted) return std::unexpected(wanted.error());
  const std::string_view query = request.params.get("query");
  const auto expression = promql::parse(query);
  if (!expression) return invalid_parameter("query", expression.error());
  auto result = run_range_query(api, request, query, wanted->range, Provenance::kKept);
  if (!result) return std::unexpected(std::move(result).error());
  InputExemplars inputs(result->inputs, wanted->range);
  if (!result->inputs.empty())
    if (auto status = inputs.select(api.store, promql::selectors_of(**expression),
                                    while_client_waits(request));
        !status)
      return std::unexpected(status.error());
  const bool measured = shows_measured_values(**expression);
  std::vector<Output> outputs;
  for (const promql::Series& series : result->series) {
    if (request.cancellation && request.cancellation->cancelled())
      return fail(Errc::kCancelled, "query was canceled in exemplar selection");
    Output output{&series, {}};
    if (auto status = gather(*result, *wanted, measured, inputs, output); !status)
      return std::unexpected(status.error());
    if (!output.candidates.empty()) outputs.push_back(std::move(output));
  }
  const size_t omitted = apply_limit(outputs, *wanted);
  const auto labels = api.exemplar_trace_id_alias ? TraceIdLabels::kBoth : TraceIdLabels::kAsStored;
  Answer answer{
      .data = "[", .warnings = std::move(result->warnings), .infos = std::move(result->infos)};
  for (const Output& output : outputs)
    if (!output.candidates.empty()) append_output(answer.data, output, labels);
  answer.data += ']';
  append_integer_member(answer.members, "omitted", omitted);
  return answer;
}

}  // namespace sightline::api::prometheus
