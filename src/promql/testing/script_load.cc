#include "promql/testing/script_load.h"

#include <cmath>

#include "base/number_text.h"
#include "model/sample.h"
#include "promql/functions/histogram_math.h"

namespace sightline::promql {
namespace {

// One classic histogram at one time.
struct ClassicSample {
  std::map<double, double> buckets;  // by upper bound, cumulative
  std::optional<double> count;
  double sum = 0;
};
using ClassicSeries = std::map<int64_t, ClassicSample>;

Result<model::Histogram> to_custom_buckets(ClassicSample sample) {
  const double infinity = HUGE_VAL;
  if (!sample.count && !sample.buckets.empty()) sample.count = sample.buckets.rbegin()->second;
  if (!sample.buckets.contains(infinity)) sample.buckets[infinity] = sample.count.value_or(0);
  model::Histogram h;
  h.schema = model::kCustomBucketsSchema;
  h.count = sample.count.value_or(0);
  h.sum = sample.sum;
  double before = 0;
  for (const auto& [upper, count] : sample.buckets) {
    if (!std::isinf(upper)) h.custom_values.push_back(upper);
    if (count < before)
      return fail(Errc::kInvalidArgument, "bucket counts are not cumulative at le=", upper);
    h.positive_buckets.push_back(count - before);
    before = count;
  }
  if (h.count != before)
    return fail(Errc::kInvalidArgument, "count ", h.count, " is not that of le=+Inf, ", before);
  h.positive_spans = {{0, static_cast<uint32_t>(h.positive_buckets.size())}};
  return compact(h);
}

Status load_custom_buckets(const LoadCommand& load, MemoryStore& store) {
  std::map<model::Labels, ClassicSeries> found;
  for (const LoadCommand::Line& line : load.lines) {
    const model::Labels& labels = line.series.labels;
    std::string_view name = labels.metric_name();
    const auto cut = [&](std::string_view suffix) {
      return name.ends_with(suffix) && (name.remove_suffix(suffix.size()), true);
    };
    const bool bucket = cut("_bucket");
    const bool sum = !bucket && cut("_sum");
    if (!bucket && !sum && !cut("_count")) continue;
    const auto le = parse_float(labels.get("le"));
    if (bucket && (!le || std::isnan(*le))) continue;
    model::LabelsBuilder builder(labels);
    ClassicSeries& series = found[builder.set(model::kMetricName, name).remove("le").build()];
    for (size_t i = 0; i < line.series.values.size(); ++i) {
      const ScriptValue& v = line.series.values[i];
      if (v.omitted || v.histogram) continue;
      ClassicSample& sample = series[static_cast<int64_t>(i) * load.step_ms];
      if (bucket)
        sample.buckets.emplace(*le, v.value);
      else if (sum)
        sample.sum = v.value;
      else
        sample.count = v.value;
    }
  }
  for (const auto& [labels, series] : found)
    for (const auto& [time, sample] : series) {
      auto histogram = to_custom_buckets(sample);
      if (!histogram) return in_context(labels.to_string(), std::move(histogram).error());
      if (auto ok = store.add(labels, time,
                              std::make_shared<const model::Histogram>(std::move(*histogram)));
          !ok)
        return ok;
    }
  return {};
}

}  // namespace

Status run_load(const LoadCommand& load, MemoryStore& store) {
  std::map<model::Labels, const LoadCommand::Line*>
      last;  // of two lines with equal labels the second counts
  for (const LoadCommand::Line& line : load.lines) last[line.series.labels] = &line;
  for (const LoadCommand::Line& line : load.lines) {
    if (last[line.series.labels] != &line) continue;
    for (size_t i = 0; i < line.series.values.size(); ++i) {
      const ScriptValue& v = line.series.values[i];
      if (v.omitted) continue;
      const int64_t time = static_cast<int64_t>(i) * load.step_ms;
      int64_t created = 0;
      if (!line.start_offsets_ms.empty() && line.start_offsets_ms[i])
        created = time + *line.start_offsets_ms[i];
      const Status ok = v.histogram ? store.add(line.series.labels, time, v.histogram, created)
                                    : store.add(line.series.labels, time, v.value, created);
      if (!ok) return ok;
    }
  }
  return load.with_custom_buckets ? load_custom_buckets(load, store) : Status();
}

}  // namespace sightline::promql
