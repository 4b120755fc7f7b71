// Functions of histograms, native and classic.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "base/number_text.h"
#include "base/text_codec.h"
#include "promql/evaluation/evaluator.h"
#include "promql/evaluation/label_filter.h"
#include "promql/functions/histogram_quantile.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";

// One histogram as histogram_quantile meets it: buckets of a classic one, a native one, or both.
struct HistogramGroup {
  model::Labels labels;  // without le
  bool drop_name = false;
  const Series* native = nullptr;
  std::vector<std::pair<double, const Series*>> buckets;
  SourceUnion feeds;  // gathered while grouping
  Sources sources;
};

Result<std::vector<HistogramGroup>> histogram_groups(const std::vector<Series>& series,
                                                     QueryContext& context, PositionRange at) {
  Annotations& annotations = context.annotations;
  std::vector<HistogramGroup> out;
  PackedMap<size_t> known;
  const auto group_of = [&](std::string_view packed, const Series& s) -> HistogramGroup& {
    auto found = known.find(packed);
    if (found == known.end()) {
      found = known.emplace(packed, out.size()).first;
      out.push_back({model::Labels::from_packed(std::string(packed))});
    }
    HistogramGroup& g = out[found->second];
    g.drop_name = true;
    if (!s.sources.empty()) g.feeds.add(s.sources, s.present());
    return g;
  };
  std::string key;
  Pacer pacer(context.wanted);
  for (const Series& s : series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    if (!s.histograms.empty()) group_of(s.labels.packed(), s).native = &s;
    if (std::ranges::find(s.cells, CellKind::kFloat) == s.cells.end()) continue;
    const std::string_view le = s.labels.get(kBucketLabel);
    const auto bound = parse_float(le);
    if (!bound || std::isnan(*bound)) {
      annotations.warn(at, "bucket label \"le\" is missing or has a malformed value of " +
                               go_quote(le) + for_metric(s.labels.metric_name()));
      continue;
    }
    key.clear();
    for (const model::LabelView label : s.labels)
      if (label.name != kBucketLabel) append_packed(key, label);
    group_of(key, s).buckets.emplace_back(*bound, &s);
  }
  for (HistogramGroup& g : out) {
    g.sources = g.feeds.take();
    std::ranges::stable_sort(
        g.buckets, {}, [](const auto& bucket) { return bucket.first; });  // so that no step has to
  }
  return out;
}

std::string short_number(const char* format, double v) {
  char text[64];
  std::snprintf(text, sizeof text, format, v);
  return text;
}

// One call of histogram_quantile, histogram_quantiles or histogram_fraction.
struct HistogramJob {
  FunctionId function{};
  Annotations& annotations;
  PositionRange at;        // of the vector
  PositionRange param_at;  // of the φ
  const StepGrid& grid;
  const QueryContext& context;

  std::vector<ClassicBucket> scratch{};

  void annotate(const MonotonicityFix& fix, const HistogramGroup& g, int64_t time_ms) const {
    const std::string time = format_rfc3339(static_cast<uint64_t>(time_ms) * 1'000'000);
    annotations.info(at,
                     "input to histogram_quantile needed to be fixed for monotonicity (see "
                     "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                     "#histogram_quantile), from buckets " +
                         short_number("%g", fix.lowest) + " to " + short_number("%g", fix.highest) +
                         ", with a max diff of " + short_number("%.2g", fix.most) +
                         ", over 1 samples from " + time + " to " + time +
                         for_metric(g.labels.metric_name()));
  }

  void annotate(NanObservations nans, const HistogramGroup& g) const {
    const std::string metric = for_metric(g.labels.metric_name());
    if (nans == NanObservations::kResultNan)
      annotations.info(at,
                       "input to histogram_quantile has NaN observations, result is NaN" + metric);
    if (nans == NanObservations::kResultSkewed)
      annotations.info(
          at, "input to histogram_quantile has NaN observations, result is skewed higher" + metric);
  }

  Cell native(const model::Histogram& h, const HistogramGroup& g, double a, double b) const {
    if (function == FunctionId::kHistogramFraction) {
      if (std::isnan(h.sum) && observed(h) < h.count)
        annotations.info(at,
                         "input to histogram_fraction has NaN observations, which are excluded "
                         "from all fractions" +
                             for_metric(g.labels.metric_name()));
      return Cell::of(native_fraction(a, b, h));
    }
    const NativeQuantile q = native_quantile(a, h);
    annotate(q.nans, g);
    return Cell::of(q.value);
  }

  Cell classic(const HistogramGroup& g, size_t step, double a, double b) {
    scratch.clear();
    for (const auto& [bound, series] : g.buckets)
      if (series->is_float(step)) scratch.push_back({bound, series->floats[step]});
    if (scratch.empty()) return Cell::none();
    if (function == FunctionId::kHistogramFraction)
      return Cell::of(classic_fraction(a, b, scratch));
    const ClassicQuantile q = classic_quantile(a, scratch);
    if (q.fixed) annotate(*q.fixed, g, grid.at(step));
    return Cell::of(q.value);
  }

  Cell at_step(const HistogramGroup& g, size_t step, double a, double b) {
    const bool has_native = g.native != nullptr && g.native->cells[step] == CellKind::kHistogram;
    const bool has_classic =
        std::ranges::any_of(g.buckets, [step](const auto& x) { return x.second->is_float(step); });
    if (has_native && has_classic) {
      annotations.warn(at, "vector contains a mix of classic and native histograms" +
                               for_metric(g.labels.metric_name()));
      return Cell::none();
    }
    if (has_native) return native(*g.native->histograms[step], g, a, b);
    return has_classic ? classic(g, step, a, b) : Cell::none();
  }

  void check_quantile(const std::vector<double>& phis) const {
    for (const double phi : phis)
      if (std::isnan(phi) || phi < 0 || phi > 1)
        annotations.warn(param_at,
                         "quantile value should be between 0 and 1, got " + format_float_go(phi));
  }

  // The φ of a step becomes a label of what came out there.
  static void split_by_quantile(Series& all, const std::vector<double>& phis,
                                std::string_view label, std::vector<Series>& out) {
    std::map<std::string, size_t> known;
    for (size_t step = 0; step < phis.size(); ++step) {
      if (!all.has(step)) continue;
      const auto [at, fresh] = known.try_emplace(format_float_openmetrics(phis[step]), out.size());
      if (fresh) {
        Series one(model::LabelsBuilder(all.labels).set(label, at->first).build(), phis.size());
        one.drop_name = all.drop_name;
        one.sources = all.sources;
        out.push_back(std::move(one));
      }
      out[at->second].set(step, all.cell(step));
    }
  }

  Status run(const std::vector<HistogramGroup>& groups, const std::vector<double>& a,
             const std::vector<double>& b, std::string_view label, std::vector<Series>& out) {
    for (const HistogramGroup& g : groups) {
      if (auto ok = context.alive(); !ok) return ok;
      Series series(g.labels, grid.count);
      series.drop_name = true;
      series.sources = g.sources;
      for (size_t step = 0; step < grid.count; ++step)
        series.set(step, at_step(g, step, a[step], b.empty() ? 0 : b[step]));
      if (label.empty())
        out.push_back(std::move(series));
      else
        split_by_quantile(series, a, label, out);
    }
    return {};
  }
};

double part_of(FunctionId id, const model::Histogram& h) {
  switch (id) {
    case FunctionId::kHistogramCount: return h.count;
    case FunctionId::kHistogramSum: return h.sum;
    case FunctionId::kHistogramAvg: return h.sum / h.count;
    case FunctionId::kHistogramStdvar: return native_variance(h);
    default: return std::sqrt(native_variance(h));
  }
}

}  // namespace

Result<Value> Evaluator::eval_histogram_part(const Call& call, const StepGrid& grid) {
  auto input = eval(*call.args[0], grid);
  if (!input) return input;
  Pacer pacer(context_.wanted);
  for (Series& s : input->series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    s.drop_name = true;
    for (size_t step = 0; step < grid.count; ++step) {
      if (s.cells[step] == CellKind::kHistogram)
        s.set_float(step, part_of(call.function->id, *s.histograms[step]));
      else
        s.clear(step);
    }
    s.histograms.clear();
  }
  remove_empty(input->series);
  if (auto ok = merge_same_labels(input->series, context_); !ok) return std::unexpected(ok.error());
  return input;
}

Result<Value> Evaluator::eval_histogram_quantile(const Call& call, const StepGrid& grid) {
  const FunctionId id = call.function->id;
  const bool many = id == FunctionId::kHistogramQuantiles;
  std::vector<std::vector<double>> params;
  std::vector<PositionRange> places;
  std::string label;
  const Expr* vector = nullptr;
  for (size_t i = 0; i < call.args.size(); ++i) {
    const ValueType type = type_of(*call.args[i]);
    if (type == ValueType::kVector) {
      vector = call.args[i].get();
    } else if (type == ValueType::kString) {
      auto text = string_arg(call, i);
      if (!text) return std::unexpected(text.error());
      label = std::move(*text);
      if (label.empty() || !is_valid_utf8(label))
        return fail(Errc::kExecution, "invalid label name ", go_quote(label));
    } else {
      auto param = eval(*call.args[i], grid);
      if (!param) return param;
      params.push_back(std::move(param->scalars));
      places.push_back(unwrap_parens(*call.args[i]).position);
    }
  }
  auto input = eval(*vector, grid);
  if (!input) return input;
  const PositionRange vector_at = unwrap_parens(*vector).position;
  HistogramJob job{id, annotations(), vector_at, places[0], grid, context_};
  const auto grouped = histogram_groups(input->series, context_, vector_at);
  if (!grouped) return std::unexpected(grouped.error());
  const std::vector<HistogramGroup>& groups = *grouped;
  Value out;
  if (id == FunctionId::kHistogramFraction) {
    if (auto ok = job.run(groups, params[0], params[1], {}, out.series); !ok)
      return std::unexpected(ok.error());
  } else {
    for (size_t i = 0; i < params.size(); ++i) {
      job.param_at = places[i];
      job.check_quantile(params[i]);
      const auto named = many ? std::string_view(label) : std::string_view();
      if (auto ok = job.run(groups, params[i], {}, named, out.series); !ok)
        return std::unexpected(ok.error());
    }
  }
  remove_empty(out.series);
  if (auto ok = merge_same_labels(out.series, context_); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace sightline::promql
