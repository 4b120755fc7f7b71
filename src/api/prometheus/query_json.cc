#include "api/prometheus/query_json.h"

#include <algorithm>

#include "api/prometheus/answer.h"
#include "base/number_text.h"
#include "promql/histogram_math.h"

namespace sightline::api::prometheus {
namespace {

using promql::QueryResult;
using promql::ValueType;

void append_value(std::string& out, double value) {
  out += '"';
  append_float_json(out, value);
  out += '"';
}

void append_point(std::string& out, int64_t time_ms, double value) {
  out += '[';
  append_timestamp_json(out, time_ms);
  out += ',';
  append_value(out, value);
  out += ']';
}

void append_point(std::string& out, int64_t time_ms, const model::Histogram& histogram) {
  out += '[';
  append_timestamp_json(out, time_ms);
  out += ',';
  append_histogram(out, histogram);
  out += ']';
}

void append_metric(std::string& out, const model::Labels& labels) {
  out += R"({"metric":)";
  append_labels(out, labels);
}

void append_vector(std::string& out, const QueryResult& result, size_t limit) {
  const int64_t time = result.grid.at(0);
  size_t count = 0;
  for (const promql::Series& series : result.series) {
    if (series.cells.empty() || !series.has(0)) continue;
    if (count++ == limit) break;
    append_separator(out);
    append_metric(out, series.labels);
    append_key(out, series.is_float(0) ? "value" : "histogram");
    if (series.is_float(0)) append_point(out, time, series.floats[0]);
    else append_point(out, time, *series.histograms[0]);
    out += '}';
  }
}

void append_steps(std::string& out, const promql::StepGrid& grid, const promql::Series& series) {
  append_metric(out, series.labels);
  bool any = false;
  for (size_t step = 0; step < series.cells.size(); ++step) {
    if (!series.is_float(step)) continue;
    out += std::exchange(any, true) ? "," : R"(,"values":[)";
    append_point(out, grid.at(step), series.floats[step]);
  }
  if (any) out += ']';
  any = false;
  for (size_t step = 0; step < series.histograms.size(); ++step) {
    if (series.cells[step] != promql::CellKind::kHistogram) continue;
    out += std::exchange(any, true) ? "," : R"(,"histograms":[)";
    append_point(out, grid.at(step), *series.histograms[step]);
  }
  if (any) out += ']';
  out += '}';
}

void append_raw(std::string& out, const promql::RawSeries& series) {
  append_metric(out, series.labels);
  for (size_t i = 0; i < series.times.size(); ++i) {
    out += i > 0 ? "," : R"(,"values":[)";
    append_point(out, series.times[i], series.values[i]);
  }
  if (!series.times.empty()) out += ']';
  for (size_t i = 0; i < series.histogram_times.size(); ++i) {
    out += i > 0 ? "," : R"(,"histograms":[)";
    append_point(out, series.histogram_times[i], *series.histograms[i]);
  }
  if (!series.histogram_times.empty()) out += ']';
  out += '}';
}

void append_matrix(std::string& out, const QueryResult& result, size_t limit) {
  const size_t count = std::min(limit, result.is_range ? result.series.size() : result.raw.size());
  for (size_t i = 0; i < count; ++i) {
    append_separator(out);
    if (result.is_range) append_steps(out, result.grid, result.series[i]);
    else append_raw(out, result.raw[i]);
  }
}

void append_statistics(std::string& out, const promql::QueryStats& stats) {
  const auto number = [&](std::string_view key, double value) {
    append_key(out, key);
    append_float_json(out, value);
  };
  append_key(out, "stats");
  out += R"({"timings":{)";
  const double whole = stats.preparation_seconds + stats.evaluation_seconds + stats.sort_seconds;
  number("evalTotalTime", whole);
  number("resultSortTime", stats.sort_seconds);
  number("queryPreparationTime", stats.preparation_seconds);
  number("innerEvalTime", stats.evaluation_seconds);
  number("execQueueTime", 0);  // a query starts as soon as its handler runs
  number("execTotalTime", whole);
  out += R"(},"samples":{"totalQueryableSamples":)" + std::to_string(stats.samples_read);
  out += R"(,"samplesRead":)" + std::to_string(stats.samples_read);
  out += R"(,"peakSamples":)" + std::to_string(stats.samples_peak) + "}}";
}

}  // namespace

bool exceeds_limit(const QueryResult& result, size_t limit) {
  if (result.type == ValueType::kMatrix && !result.is_range) return result.raw.size() > limit;
  return result.series.size() > limit;
}

std::string query_data(const QueryResult& result, size_t limit, QueryStatistics statistics) {
  std::string out = R"({"resultType":)";
  append_string(out, promql::type_name(result.type));
  out += R"(,"result":[)";
  switch (result.type) {
    case ValueType::kScalar:
      append_timestamp_json(out, result.grid.at(0));
      out += ",\"" + format_float_plain(result.scalars.at(0)) + "\"";
      break;
    case ValueType::kString:
      append_timestamp_json(out, result.grid.at(0));
      out += ',';
      append_string(out, result.text);
      break;
    case ValueType::kMatrix: append_matrix(out, result, limit); break;
    case ValueType::kVector:
    case ValueType::kNone: append_vector(out, result, limit); break;
  }
  out += ']';
  if (statistics == QueryStatistics::kShown) append_statistics(out, result.stats);
  out += '}';
  return out;
}

void append_histogram(std::string& out, const model::Histogram& histogram) {
  out += R"({"count":)";
  append_value(out, histogram.count);
  out += R"(,"sum":)";
  append_value(out, histogram.sum);
  bool any = false;
  for (const promql::BoundedBucket& bucket : promql::bounded_buckets(histogram)) {
    if (bucket.count == 0) continue;
    out += std::exchange(any, true) ? "," : R"(,"buckets":[)";
    const int rule = bucket.lower_inclusive ? (bucket.upper_inclusive ? 3 : 1) : (bucket.upper_inclusive ? 0 : 2);
    out += '[' + std::to_string(rule) + ',';
    append_value(out, bucket.lower);
    out += ',';
    append_value(out, bucket.upper);
    out += ',';
    append_value(out, bucket.count);
    out += ']';
  }
  if (any) out += ']';
  out += '}';
}

void append_exemplar(std::string& out, const model::Exemplar& exemplar, TraceIdLabels labels) {
  model::Labels all = exemplar.all_labels();
  if (labels == TraceIdLabels::kBoth) {
    const std::string_view now = all.get(model::kTraceIdLabel);
    const std::string_view old = all.get(model::kTraceIdLabelOld);
    model::LabelsBuilder both(all);
    const std::string id(now.empty() ? old : now);
    if (!id.empty()) all = both.set(model::kTraceIdLabel, id).set(model::kTraceIdLabelOld, id).build();
  }
  out += R"({"labels":)";
  append_labels(out, all);
  append_key(out, "value");
  append_value(out, exemplar.value);
  append_key(out, "timestamp");
  append_timestamp_json(out, exemplar.time.value);
  out += '}';
}

}  // namespace sightline::api::prometheus
