#include "api/prometheus/query_json.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "api/prometheus/answer.h"
#include "api/prometheus/point_writer.h"
#include "base/number_text.h"
#include "promql/functions/histogram_math.h"

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

void append_element(std::string& out, int64_t time, const promql::Series& series) {
  append_metric(out, series.labels);
  append_key(out, series.is_float(0) ? "value" : "histogram");
  if (series.is_float(0))
    append_point(out, time, series.floats[0]);
  else
    append_point(out, time, *series.histograms[0]);
  out += '}';
}

void append_steps(std::string& out, const promql::StepGrid& grid, const StepTimes& times,
                  const promql::Series& series) {
  append_metric(out, series.labels);
  constexpr std::string_view kValues = R"(,"values":[)";
  out += kValues;
  if (append_float_points(out, times, series))
    out += ']';
  else
    out.resize(out.size() - kValues.size());
  bool any = false;
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

// Go writes the time of a scalar or string as any float: 1.5, not 1.500.
void append_single_time(std::string& out, const promql::StepGrid& grid) {
  append_float_json(out, static_cast<double>(grid.at(0)) / 1000);
}

class ResultJson final : public net::BodySource {
 public:
  ResultJson(QueryResult result, const ResultShape& shape)
      : result_(std::move(result)), shape_(shape) {
    // An instant vector keeps a series that has nothing at its only step; it is no element.
    if (!is_raw() && !result_.is_range)
      std::erase_if(result_.series, [](const promql::Series& series) {
        return series.cells.empty() || !series.has(0);
      });
    count_ = std::min(shape.limit, is_raw() ? result_.raw.size() : result_.series.size());
    if (result_.is_range) times_.emplace(result_.grid);
  }

  Next next(std::string& out) override {
    if (!std::exchange(begun_, true)) begin(out);
    const size_t begin = out.size();
    while (at_ < count_ && out.size() - begin < kResultPieceBytes) append_batch(out);
    if (at_ < count_) return Next::kMore;
    out += ']';
    if (shape_.statistics == QueryStatistics::kShown) {
      append_key(out, "stats");
      append_statistics(out, result_.stats, shape_.queued);
    }
    out += '}';
    return Next::kEnd;
  }

 private:
  bool is_raw() const { return result_.type == ValueType::kMatrix && !result_.is_range; }

  void begin(std::string& out) const {
    out += R"({"resultType":)";
    append_text(out, promql::type_name(result_.type));
    out += R"(,"result":[)";
    if (result_.type == ValueType::kScalar) {
      append_single_time(out, result_.grid);
      out += ",\"" + format_float_plain(result_.scalars.at(0)) + "\"";
    } else if (result_.type == ValueType::kString) {
      append_single_time(out, result_.grid);
      out += ',';
      append_text(out, result_.text);
    }
  }

  // As many series as make about a piece for each thread, and their memory goes.
  void append_batch(std::string& out) {
    const size_t points = result_.is_range ? std::max<size_t>(result_.grid.count, 8)
                          : is_raw()       ? 256
                                           : 8;
    const size_t group = std::max<size_t>(1, kResultPieceBytes / 32 / points);
    const size_t threads =
        shape_.pool == nullptr || count_ - at_ <= group ? 1 : shape_.pool->thread_count();
    const size_t groups = std::min(threads, (count_ - at_ + group - 1) / group);
    const size_t end = std::min(count_, at_ + groups * group);
    if (groups == 1) {
      append_range(out, at_, end);
    } else {
      std::vector<std::string> texts(groups);
      shape_.pool->parallel_for(groups, [&](size_t g) {
        append_range(texts[g], at_ + g * group, std::min(end, at_ + (g + 1) * group));
      });
      for (const std::string& text : texts) out += text;
    }
    at_ = end;
  }

  void append_range(std::string& out, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (i > 0) out += ',';
      if (is_raw()) {
        append_raw(out, result_.raw[i]);
        result_.raw[i] = {};
        continue;
      }
      promql::Series series = std::move(result_.series[i]);
      if (result_.is_range)
        append_steps(out, result_.grid, *times_, series);
      else
        append_element(out, result_.grid.at(0), series);
    }
  }

  QueryResult result_;
  const ResultShape shape_;
  std::optional<StepTimes> times_;
  size_t count_ = 0;
  size_t at_ = 0;
  bool begun_ = false;
};

}  // namespace

bool exceeds_limit(const QueryResult& result, size_t limit) {
  if (result.type == ValueType::kMatrix && !result.is_range) return result.raw.size() > limit;
  if (result.is_range) return result.series.size() > limit;
  const auto shown = [](const promql::Series& series) {
    return !series.cells.empty() && series.has(0);
  };
  return static_cast<size_t>(std::ranges::count_if(result.series, shown)) > limit;
}

std::shared_ptr<net::BodySource> query_data(QueryResult result, const ResultShape& shape) {
  return std::make_shared<ResultJson>(std::move(result), shape);
}

void append_statistics(std::string& out, const promql::QueryStats& stats,
                       std::chrono::nanoseconds queued) {
  const auto number = [&](std::string_view key, double value) {
    append_key(out, key);
    append_float_json(out, value);
  };
  out += R"({"timings":{)";
  const double whole = stats.preparation_seconds + stats.evaluation_seconds + stats.sort_seconds;
  const double waited = std::chrono::duration<double>(queued).count();
  number("evalTotalTime", whole);
  number("resultSortTime", stats.sort_seconds);
  number("queryPreparationTime", stats.preparation_seconds);
  number("innerEvalTime", stats.evaluation_seconds);
  number("execQueueTime", waited);
  number("execTotalTime", whole + waited);
  const auto per_step = [&](std::string_view key, uint64_t promql::SampleCount::* count) {
    if (stats.steps.empty()) return;
    append_key(out, key);
    out += '[';
    for (const promql::StepSamples& step : stats.steps) {
      out += out.back() == '[' ? "[" : ",[";
      append_float_json(out, static_cast<double>(step.time_ms) / 1000);
      out += ',' + std::to_string(step.samples.*count) + ']';
    }
    out += ']';
  };
  const auto total = [&](std::string_view key, uint64_t value) {
    append_key(out, key);
    out += std::to_string(value);
  };
  out += R"(},"samples":{)";
  per_step("totalQueryableSamplesPerStep", &promql::SampleCount::queried);
  total("totalQueryableSamples", stats.samples_queried);
  per_step("samplesReadPerStep", &promql::SampleCount::read);
  total("samplesRead", stats.samples_read);
  total("seriesTouched", stats.series_touched);
  total("peakSamples", stats.samples_peak);
  out += "}}";
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
    const int rule = bucket.lower_inclusive ? (bucket.upper_inclusive ? 3 : 1)
                                            : (bucket.upper_inclusive ? 0 : 2);
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
    if (!id.empty())
      all = both.set(model::kTraceIdLabel, id).set(model::kTraceIdLabelOld, id).build();
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
