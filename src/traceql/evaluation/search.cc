#include <algorithm>
#include <iterator>
#include <mutex>

#include "traceql/engine.h"
#include "traceql/evaluation/nested_choice.h"
#include "traceql/evaluation/pushdown.h"
#include "traceql/evaluation/query_run.h"
#include "traceql/evaluation/spanset_evaluator.h"

namespace sightline::traceql {
namespace {

using tracestore::kNoRow;

// Turns the groups of one row group into traces of the answer.
class TraceWriter {
 public:
  TraceWriter(FieldEvaluator& fields, const Pipeline& pipeline,
              const std::vector<NamedAttribute>& named, bool names_name, uint32_t spans_max)
      : group_(fields.columns().group()),
        names_name_(names_name),
        spans_max_(spans_max),
        named_(named),
        nested_(fields, pipeline) {
    for (const NamedAttribute& n : named)
      shown_.push_back(fields.columns().load(n.attribute, RowColumns::domain_of(n.attribute)));
  }

  FoundTrace trace(const tracestore::TraceRows& rows) {
    FoundTrace found{.id = rows.id, .start = rows.start};
    found.duration_ns = rows.end.value > rows.start.value ? rows.end.value - rows.start.value : 0;
    found.root_service = kNoRootYet;
    const auto services = group_.service_name();
    if (rows.root != kNoRow) {
      found.root_service = std::string(services.at(rows.root).bytes);
      found.root_name = std::string(group_.name().at(rows.root).bytes);
    }
    const auto status = group_.status();
    for (uint32_t row = rows.begin; row < rows.begin + rows.count; ++row) {
      ServiceStats& stats = found.services[std::string(services.at(row).bytes)];
      ++stats.spans;
      if (status[row] == static_cast<uint8_t>(model::StatusCode::kError)) ++stats.errors;
    }
    return found;
  }

  FoundSpanset spanset(const SpanGroup& group) {
    FoundSpanset found{.matched = static_cast<uint32_t>(group.rows.size()),
                       .attributes = group.attributes};
    const auto starts = group_.start_ns();
    std::vector<uint32_t> rows = group.rows;
    const size_t kept = std::min<size_t>(rows.size(), spans_max_);
    std::ranges::partial_sort(
        rows, rows.begin() + static_cast<ptrdiff_t>(kept),
        [&](uint32_t a, uint32_t b) { return std::pair(starts[a], a) < std::pair(starts[b], b); });
    for (size_t i = 0; i < kept; ++i) found.spans.push_back(span(rows[i]));
    return found;
  }

 private:
  FoundSpan span(uint32_t row) {
    FoundSpan found{.id = group_.span_id()[row],
                    .start = {group_.start_ns()[row]},
                    .duration_ns = group_.duration_ns()[row]};
    if (names_name_) found.name = std::string(group_.name().at(row).bytes);
    for (size_t i = 0; i < named_.size(); ++i) {
      const Value value = named_[i].attribute.is_nested()
                              ? nested_.value(named_[i].attribute, shown_[i], row)
                              : shown_[i].at(row);
      if (!value.is_nil()) found.attributes.emplace_back(named_[i].key, OwnedValue::of(value));
    }
    return found;
  }

  tracestore::RowGroup& group_;
  const bool names_name_;
  const uint32_t spans_max_;
  const std::vector<NamedAttribute>& named_;
  std::vector<Column> shown_;  // of named_, in its domain
  NestedChoice nested_;
};

bool newer(const FoundTrace& a, const FoundTrace& b) {
  return a.start != b.start ? a.start > b.start : a.id > b.id;
}

bool fits_duration(const tracestore::TraceRows& trace, const SearchOptions& options) {
  const std::chrono::nanoseconds duration(static_cast<int64_t>(
      trace.end.value > trace.start.value ? trace.end.value - trace.start.value : 0));
  return duration >= options.duration_min &&
         (!options.duration_max || duration <= *options.duration_max);
}

void keep_newest(std::vector<FoundTrace>& traces, uint32_t limit) {
  std::ranges::sort(traces, newer);
  if (traces.size() > limit) traces.resize(limit);
}

// The pipeline a search evaluates; of a metrics query, the spans it would count.
const Pipeline* searched_pipeline(const Query& query) {
  const Metrics* metrics = query.metrics.get();
  while (metrics != nullptr && metrics->kind == Metrics::Kind::kBinary)
    metrics =
        metrics->left->kind == Metrics::Kind::kNumber ? metrics->right.get() : metrics->left.get();
  return metrics != nullptr ? &metrics->spans : &query.pipeline;
}

}  // namespace

Result<Query> Engine::parse_query(std::string_view text) const {
  auto query = parse(text, options_.parse);
  if (!query) return fail(query.error().code, "invalid TraceQL query: ", query.error().message);
  return query;
}

Result<SearchResult> Engine::search(std::string_view text, const SearchOptions& options) const {
  const auto query = parse_query(text);
  if (!query) return std::unexpected(query.error());
  return search(*query, options);
}

Result<SearchResult> Engine::search(const Query& query, const SearchOptions& options) const {
  const Pipeline& pipeline = *searched_pipeline(query);
  auto run = QueryRun::start(store_, clock_, options_, options);
  if (!run) return std::unexpected(std::move(run).error());
  bool names_name = false;
  const auto named = named_attributes(pipeline, &names_name);
  tracestore::ScanRequest request{.min = options.start, .max = options.end};
  push_down(pipeline, request);

  std::mutex mutex;
  SearchResult result;  // guarded by mutex
  // Once there are enough, a row group can only matter if it may hold a trace newer than the oldest of them.
  request.wanted = [&](TimestampNs newest) {
    const std::lock_guard lock(mutex);
    return result.traces.size() < options.limit || newest > result.traces.back().start;
  };
  const auto visit = [&](tracestore::RowGroup& group) -> Result<bool> {
    RowColumns columns(group);
    FieldEvaluator fields(columns, run->regexes());
    RowMask among = rows_in_time(group, options);
    const auto traces = group.traces();
    for (const auto& trace : traces)
      if (!fits_duration(trace, options)) std::fill_n(among.begin() + trace.begin, trace.count, 0);
    auto groups = SpansetEvaluator(fields).pipeline(pipeline, among);
    if (!groups) return std::unexpected(std::move(groups).error());
    if (groups->empty()) return true;
    // The newest traces of this row group first, so that no more than `limit` are written out.
    std::vector<std::pair<size_t, size_t>> runs;  // groups [first, last) of one trace
    for (size_t i = 0; i < groups->size(); ++i) {
      if (i == 0 || (*groups)[i].trace != (*groups)[i - 1].trace) runs.emplace_back(i, i);
      runs.back().second = i + 1;
    }
    const auto of_trace = [&](const auto& r) -> const tracestore::TraceRows& {
      return traces[(*groups)[r.first].trace];
    };
    std::ranges::sort(runs, [&](const auto& a, const auto& b) {
      return std::pair(of_trace(a).start, of_trace(a).id) >
             std::pair(of_trace(b).start, of_trace(b).id);
    });
    if (runs.size() > options.limit) runs.resize(options.limit);
    TraceWriter writer(fields, pipeline, named, names_name, options.spans_per_spanset);
    std::vector<FoundTrace> found_here;
    for (const auto& r : runs) {
      FoundTrace found = writer.trace(of_trace(r));
      for (size_t i = r.first; i < r.second; ++i)
        found.spansets.push_back(writer.spanset((*groups)[i]));
      found_here.push_back(std::move(found));
    }
    const std::lock_guard lock(mutex);
    std::ranges::move(found_here, std::back_inserter(result.traces));
    if (result.traces.size() >= options.limit) keep_newest(result.traces, options.limit);
    return true;
  };
  if (auto done = run->scan(request, visit); !done) return std::unexpected(std::move(done).error());
  keep_newest(result.traces, options.limit);
  result.inspected_traces = run->inspected_traces();
  result.inspected_bytes = run->querier().inspected_bytes();
  return result;
}

Result<std::vector<uint8_t>> Engine::matching_rows(std::string_view text,
                                                   tracestore::RowGroup& trace) const {
  const auto query = parse_query(text);
  if (!query) return std::unexpected(query.error());
  RowColumns columns(trace);
  RegexCache regexes;
  FieldEvaluator fields(columns, regexes);
  return SpansetEvaluator(fields).rows(*searched_pipeline(*query), RowMask(trace.row_count(), 1));
}

}  // namespace sightline::traceql
