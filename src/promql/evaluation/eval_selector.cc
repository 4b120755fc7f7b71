// Selectors and subqueries: where samples come in.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "promql/evaluation/column_kernels.h"
#include "promql/evaluation/evaluator.h"
#include "promql/functions/extended_range.h"
#include "promql/functions/histogram_math.h"

namespace sightline::promql {
namespace {

using tsdb::SampleColumns;

// Newest sample at or before t, at most `lookback` old, staleness honoured.
class InstantCursor {
 public:
  explicit InstantCursor(const SampleColumns& samples) : samples_(samples) {}

  // Index of the sample in its column; kind says which column.
  CellKind move_to(int64_t t, int64_t lookback, size_t& index) {
    while (float_ < samples_.times.size() && samples_.times[float_] <= t) ++float_;
    while (histogram_ < samples_.histogram_times.size() &&
           samples_.histogram_times[histogram_] <= t)
      ++histogram_;
    const bool has_float = float_ > 0 && samples_.times[float_ - 1] > t - lookback;
    const bool has_histogram =
        histogram_ > 0 && samples_.histogram_times[histogram_ - 1] > t - lookback;
    if (!has_float && !has_histogram) return CellKind::kNone;
    if (has_float &&
        (!has_histogram || samples_.times[float_ - 1] > samples_.histogram_times[histogram_ - 1])) {
      index = float_ - 1;
      return model::is_stale_marker(samples_.values[index]) ? CellKind::kNone : CellKind::kFloat;
    }
    index = histogram_ - 1;
    return model::is_stale_marker(samples_.histograms[index]->sum) ? CellKind::kNone
                                                                   : CellKind::kHistogram;
  }

 private:
  const SampleColumns& samples_;
  size_t float_ = 0;
  size_t histogram_ = 0;
};

struct SelectorTimes {
  bool fixed = false;
  int64_t fixed_ms = 0;
  int64_t offset_ms = 0;
  int64_t at(int64_t t) const { return (fixed ? fixed_ms : t) - offset_ms; }
};

SelectorTimes times_of(const AtModifier& at, const DurationValue& offset) {
  return {at.timestamp_ms.has_value(), at.timestamp_ms.value_or(0), offset.ms};
}

tsdb::TimeRange reach(int64_t first, int64_t last) { return {{first}, {last}}; }

// What a subquery picks may have other neighbours than what was stored: no hint of a reset holds.
HistogramPtr with_unknown_hint(const HistogramPtr& h) {
  if (h->reset_hint == model::ResetHint::kUnknown || h->reset_hint == model::ResetHint::kGauge)
    return h;
  model::Histogram copy = *h;
  copy.reset_hint = model::ResetHint::kUnknown;
  return std::make_shared<const model::Histogram>(std::move(copy));
}

// Where only counts and sums are asked for, the peer finds resets while it reads, and says so in the hints.
void derive_hints(SampleColumns& samples) {
  const model::Histogram* previous = nullptr;
  HistogramPtr kept;  // what `previous` points into
  for (HistogramPtr& h : samples.histograms) {
    if (model::is_stale_marker(h->sum)) continue;
    HistogramPtr original = h;
    if (h->reset_hint == model::ResetHint::kUnknown && previous != nullptr) {
      model::Histogram copy = *h;
      copy.reset_hint =
          is_reset(*h, *previous) ? model::ResetHint::kReset : model::ResetHint::kNotReset;
      h = std::make_shared<const model::Histogram>(std::move(copy));
    }
    kept = std::move(original);
    previous = kept.get();
  }
}

// Sources of a series over a subquery's steps, as steps of the grid around it: those whose window has one.
Sources seen_from_outside(const Series& series, const StepGrid& inner, const WindowPlan& plan,
                          const StepGrid& outer) {
  Sources out;
  if (series.sources.empty()) return out;
  const StepSet present = series.present();
  for (const SeriesSource& source : series.sources) {
    const StepSet steps = source.steps.intersected(present);
    if (steps.is_all()) {
      out.push_back({source.input, {}});
      continue;
    }
    std::vector<uint32_t> before(inner.count + 1);  // how many steps before each one
    for (size_t i = 0; i < inner.count; ++i) before[i + 1] = before[i] + (steps.has(i) ? 1 : 0);
    const auto up_to = [&](int64_t t) {
      if (t < inner.start_ms) return size_t{0};
      return std::min(static_cast<size_t>((t - inner.start_ms) / inner.step_ms) + 1, inner.count);
    };
    out.push_back({source.input, StepSet::where(outer.count, [&](size_t step) {
                     const int64_t end = plan.end_at(outer.at(step));
                     return before[up_to(end)] > before[up_to(end - plan.range_ms)];
                   })});
  }
  return out;
}

}  // namespace

Status Evaluator::SelectorRead::produce(size_t i, SelectorScratch& scratch, Series& out) const {
  SampleColumns& samples = scratch.samples;
  if (auto ok = presence ? set->read_presence(i, range, samples) : set->read(i, range, samples);
      !ok)
    return ok;
  if (expr->smoothed) drop_stale(samples);
  if (expr->histogram_stats) derive_hints(samples);
  if (expr->smoothed) {
    for (size_t step = 0; step < grid.count; ++step)
      out.set(step, smoothed_instant(
                        samples,
                        {time_of(step), lookback_ms, expr->position, set->labels(i).metric_name()},
                        evaluator->annotations()));
  } else if (samples.histogram_times.empty()) {
    pick_floats(scratch, out);
  } else {
    InstantCursor cursor(samples);
    for (size_t step = 0; step < grid.count; ++step) {
      size_t index = 0;
      const CellKind kind = cursor.move_to(time_of(step), lookback_ms, index);
      if (kind == CellKind::kNone) continue;
      if (kind == CellKind::kFloat)
        out.set_float(step, samples.values[index]);
      else
        out.set_histogram(step, samples.histograms[index]);
    }
  }
  evaluator->context().ledger->note_points(out);
  evaluator->note_source(first_input, i, out.sources);
  return {};
}

void Evaluator::SelectorRead::find_picks(const std::vector<int64_t>& times, Picks& picks) const {
  if (picks.samples.size() == grid.count && picks.times == times) return;
  picks.times = times;
  picks.samples.assign(grid.count, 0);
  picks.each_step = true;
  const size_t n = times.size();
  size_t next = 0;
  for (size_t step = 0; step < grid.count; ++step) {
    const int64_t t = time_of(step);
    while (next < n && times[next] <= t) ++next;
    if (next > 0 && times[next - 1] > t - lookback_ms)
      picks.samples[step] = static_cast<uint32_t>(next);
    else
      picks.each_step = false;
  }
}

void Evaluator::SelectorRead::pick_floats(SelectorScratch& scratch, Series& out) const {
  find_picks(scratch.samples.times, scratch.picks);
  const uint32_t* picks = scratch.picks.samples.data();
  const double* values = scratch.samples.values.data();
  if (scratch.picks.each_step && !any_nan(scratch.samples.values)) {
    for (size_t step = 0; step < grid.count; ++step) out.floats[step] = values[picks[step] - 1];
    std::ranges::fill(out.cells, CellKind::kFloat);
    return;
  }
  for (size_t step = 0; step < grid.count; ++step)
    if (picks[step] != 0 && !model::is_stale_marker(values[picks[step] - 1]))
      out.set_float(step, values[picks[step] - 1]);
}

Result<Evaluator::SelectorRead> Evaluator::read_selector(const VectorSelector& expr,
                                                         const StepGrid& grid) {
  const SelectorTimes times = times_of(expr.at, expr.offset);
  SelectorRead out{.evaluator = this,
                   .expr = &expr,
                   .grid = grid,
                   .lookback_ms = context_.lookback_ms,
                   .fixed_ms = expr.at.timestamp_ms,
                   .offset_ms = times.offset_ms};
  out.range = reach(times.at(grid.start_ms) - out.lookback_ms + 1,
                    times.at(grid.end_ms()) + (expr.smoothed ? out.lookback_ms : 0));
  auto set = select(expr.matchers, out.range);
  if (!set) return std::unexpected(set.error());
  out.set = std::move(*set);
  out.first_input = enter_inputs(*out.set, out.lookback_ms, expr.at, expr.offset.ms);
  return out;
}

Result<Value> Evaluator::eval_selector(const VectorSelector& expr, const StepGrid& grid) {
  const auto read = read_selector(expr, grid);
  if (!read) return std::unexpected(read.error());
  Value out;
  out.series.resize(read->set->size());
  const Status done = for_blocks(out.series.size(), [&](size_t begin, size_t end) -> Status {
    SelectorScratch scratch;
    for (size_t i = begin; i < end; ++i) {
      if (auto ok = context_.alive(); !ok) return ok;
      Series series(read->set->labels(i), grid.count);
      if (auto ok = read->produce(i, scratch, series); !ok) return ok;
      if (!series.any()) continue;
      if (auto ok = context_.hold(series); !ok) return ok;
      out.series[i] = std::move(series);
    }
    return {};
  });
  context_.release_held();
  if (!done) return std::unexpected(done.error());
  remove_empty(out.series);
  return out;
}

Result<Value> Evaluator::eval_sample_times(const VectorSelector& expr, const StepGrid& grid,
                                           bool start_times) {
  const SelectorTimes times = times_of(expr.at, expr.offset);
  const int64_t lookback = context_.lookback_ms;
  const auto range = reach(times.at(grid.start_ms) - lookback + 1, times.at(grid.end_ms()));
  auto set = select(expr.matchers, range);
  if (!set) return std::unexpected(set.error());
  const uint32_t first_input = enter_inputs(**set, lookback, expr.at, expr.offset.ms);
  Value out;
  out.series.resize((*set)->size());
  const Status done = for_each(out.series.size(), [&](size_t i) -> Status {
    SampleColumns samples;
    if (auto ok = (*set)->read(i, range, samples); !ok) return ok;
    Series series((*set)->labels(i), grid.count);
    series.drop_name = true;
    InstantCursor cursor(samples);
    for (size_t step = 0; step < grid.count; ++step) {
      size_t index = 0;
      const CellKind kind = cursor.move_to(times.at(grid.at(step)), lookback, index);
      if (kind == CellKind::kNone) continue;
      const bool histogram = kind == CellKind::kHistogram;
      int64_t t = histogram ? samples.histogram_times[index] : samples.times[index];
      if (start_times) {
        const auto& created = histogram ? samples.histogram_created : samples.created;
        t = index < created.size() ? created[index] : 0;
      }
      series.set_float(step, static_cast<double>(t) / 1000);
    }
    context_.ledger->note_points(series);
    note_source(first_input, i, series.sources);
    out.series[i] = std::move(series);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  remove_empty(out.series);
  return out;
}

Result<RangeSource> Evaluator::range_source(const Expr& expr, const StepGrid& grid) {
  const Expr& inner = unwrap_parens(expr);
  if (inner.kind == ExprKind::kMatrixSelector)
    return selector_source(as<MatrixSelector>(inner), grid);
  if (inner.kind == ExprKind::kSubquery) return subquery_source(as<SubqueryExpr>(inner), grid);
  return fail(Errc::kInternal, "not a range vector");
}

Result<RangeSource> Evaluator::selector_source(const MatrixSelector& expr, const StepGrid& grid) {
  const VectorSelector& selector = *expr.selector;
  const SelectorTimes times = times_of(selector.at, selector.offset);
  RangeSource out;
  out.plan = {expr.range.ms,     times.offset_ms,   times.fixed,         times.fixed_ms,
              selector.anchored, selector.smoothed, context_.lookback_ms};
  const int64_t before = selector.anchored || selector.smoothed ? context_.lookback_ms : 0;
  const int64_t after = selector.smoothed ? context_.lookback_ms : 0;
  const auto range =
      reach(times.at(grid.start_ms) - expr.range.ms - before + 1, times.at(grid.end_ms()) + after);
  auto selected = select(selector.matchers, range);
  if (!selected) return std::unexpected(selected.error());
  const std::shared_ptr<tsdb::SeriesSet> set = std::move(*selected);
  out.series_count = set->size();
  const uint32_t first_input =
      enter_inputs(*set, expr.range.ms + before, selector.at, selector.offset.ms);
  out.load = [this, set, range, first_input, stats = selector.histogram_stats](
                 size_t i, RangeSeries& series) -> Status {
    if (auto ok = set->read(i, range, series.samples); !ok) return ok;
    series.labels = set->labels(i);
    series.sources.clear();
    note_source(first_input, i, series.sources);
    if (!context_.engine.start_timestamps) {
      series.samples.created.clear();
      series.samples.histogram_created.clear();
    }
    drop_stale(series.samples);
    if (stats) derive_hints(series.samples);
    return {};
  };
  out.labels = [set](size_t i) -> const model::Labels& { return set->labels(i); };
  return out;
}

Result<RangeSource> Evaluator::subquery_source(const SubqueryExpr& expr, const StepGrid& grid) {
  const SelectorTimes times = times_of(expr.at, expr.offset);
  const int64_t step = expr.step.ms > 0 ? expr.step.ms : context_.engine.subquery_step.count();
  const int64_t left = times.at(grid.start_ms) - expr.range.ms;
  const int64_t last = times.at(grid.end_ms());
  // Absolute multiples of the step, the first one right of the open left edge.
  int64_t first = left - ((left % step) + step) % step;
  if (first <= left) first += step;
  RangeSource out;
  out.plan = {expr.range.ms, times.offset_ms, times.fixed, times.fixed_ms, false, false, 0};
  if (first > last) return out;
  const auto count = static_cast<uint64_t>((last - first) / step) + 1;
  if (auto ok = context_.afford(count); !ok) return std::unexpected(ok.error());
  const Surroundings outer = around_;
  around_.window_ms += expr.range.ms;
  if (!around_.at_ms || times.fixed) {
    around_.offset_ms = times.fixed ? expr.offset.ms : around_.offset_ms + expr.offset.ms;
    if (times.fixed) around_.at_ms = times.fixed_ms;
  }
  const StepGrid inner{first, step, static_cast<size_t>(count)};
  SampleLedger ledger(inner, StepCounts::kEachStep);
  SampleLedger& outer_ledger = *std::exchange(context_.ledger, &ledger);
  auto value = eval(*expr.expr, inner);
  context_.ledger = &outer_ledger;
  around_ = outer;
  if (!value) return std::unexpected(value.error());
  outer_ledger.add_subquery(ledger, {expr.offset.ms, expr.range.ms, expr.at.timestamp_ms});
  const auto held = std::make_shared<Value>(std::move(*value));
  out.series_count = held->series.size();
  out.load = [held, first, step, inner, grid, plan = out.plan](size_t i,
                                                               RangeSeries& series) -> Status {
    const Series& from = held->series[i];
    series.samples.clear();
    series.labels = from.labels;
    series.drop_name = from.drop_name;
    series.sources = seen_from_outside(from, inner, plan, grid);
    for (size_t s = 0; s < from.cells.size(); ++s) {
      const int64_t t = first + static_cast<int64_t>(s) * step;
      if (from.cells[s] == CellKind::kFloat) {
        series.samples.times.push_back(t);
        series.samples.values.push_back(from.floats[s]);
      } else if (from.cells[s] == CellKind::kHistogram) {
        series.samples.histogram_times.push_back(t);
        series.samples.histograms.push_back(with_unknown_hint(from.histograms[s]));
      }
    }
    return {};
  };
  out.is_subquery = true;
  out.labels = [held](size_t i) -> const model::Labels& { return held->series[i].labels; };
  return out;
}

Result<std::vector<RawSeries>> Evaluator::eval_raw(const Expr& expr, const StepGrid& grid) {
  auto source = range_source(expr, grid);
  if (!source) return std::unexpected(source.error());
  std::vector<RawSeries> out;
  const int64_t end = source->plan.end_at(grid.start_ms);
  uint64_t held = 0;
  for (size_t i = 0; i < source->series_count; ++i) {
    if (auto ok = context_.alive(); !ok) return std::unexpected(ok.error());
    RangeSeries loaded;
    RangeSeries* series = &loaded;
    if (auto ok = source->load(i, loaded); !ok) return std::unexpected(ok.error());
    if (source->plan.anchored || source->plan.smoothed) {
      if (!series->samples.histograms.empty())
        return fail(Errc::kExecution, source->plan.anchored ? "anchored" : "smoothed",
                    " modifier is not supported with histograms");
      series->samples = extended_samples(series->samples, source->plan, end);
    }
    const int64_t start = source->plan.anchored || source->plan.smoothed
                              ? end - source->plan.range_ms - 1
                              : end - source->plan.range_ms;
    const Window w = WindowCursor(series->samples).move_to(start, end);
    if (w.empty()) continue;
    uint64_t weight = w.times.size();
    for (const HistogramPtr& h : w.histograms) weight += sample_weight(*h);
    if (!source->is_subquery) context_.ledger->note_steps(std::array{SampleCount{weight, weight}});
    held += weight;
    if (auto ok = context_.afford(held); !ok) return std::unexpected(ok.error());
    if (series->drop_name) series->labels = without_identity(series->labels);
    out.push_back({std::move(series->labels),
                   {w.times.begin(), w.times.end()},
                   {w.values.begin(), w.values.end()},
                   {w.histogram_times.begin(), w.histogram_times.end()},
                   {w.histograms.begin(), w.histograms.end()}});
  }
  std::ranges::sort(out, {}, &RawSeries::labels);
  return out;
}

Window WindowCursor::move_to(int64_t start_ms, int64_t end_ms) {
  const auto slide = [&](const std::vector<int64_t>& times, size_t& from, size_t& to) {
    while (to < times.size() && times[to] <= end_ms) ++to;
    while (from < times.size() && times[from] <= start_ms) ++from;
    from = std::min(from, to);
    return to - from;
  };
  const size_t n = slide(samples_.times, from_, to_);
  const size_t m = slide(samples_.histogram_times, histogram_from_, histogram_to_);
  Window w;
  w.start_ms = start_ms;
  w.end_ms = end_ms;
  w.times = std::span(samples_.times).subspan(from_, n);
  w.values = std::span(samples_.values).subspan(from_, n);
  if (!samples_.created.empty()) w.created = std::span(samples_.created).subspan(from_, n);
  w.histogram_times = std::span(samples_.histogram_times).subspan(histogram_from_, m);
  w.histograms = std::span(samples_.histograms).subspan(histogram_from_, m);
  if (!samples_.histogram_created.empty())
    w.histogram_created = std::span(samples_.histogram_created).subspan(histogram_from_, m);
  return w;
}

void drop_stale(SampleColumns& s) {
  const auto stale_float = [](double v) { return model::is_stale_marker(v); };
  const auto stale_histogram = [](const HistogramPtr& h) { return model::is_stale_marker(h->sum); };
  if ((!any_nan(s.values) || std::ranges::none_of(s.values, stale_float)) &&
      std::ranges::none_of(s.histograms, stale_histogram))
    return;
  size_t kept = 0;
  for (size_t i = 0; i < s.times.size(); ++i) {
    if (model::is_stale_marker(s.values[i])) continue;
    s.times[kept] = s.times[i];
    s.values[kept] = s.values[i];
    if (!s.created.empty()) s.created[kept] = s.created[i];
    ++kept;
  }
  s.times.resize(kept);
  s.values.resize(kept);
  if (!s.created.empty()) s.created.resize(kept);
  kept = 0;
  for (size_t i = 0; i < s.histogram_times.size(); ++i) {
    if (model::is_stale_marker(s.histograms[i]->sum)) continue;
    s.histogram_times[kept] = s.histogram_times[i];
    s.histograms[kept] = std::move(s.histograms[i]);
    if (!s.histogram_created.empty()) s.histogram_created[kept] = s.histogram_created[i];
    ++kept;
  }
  s.histogram_times.resize(kept);
  s.histograms.resize(kept);
  if (!s.histogram_created.empty()) s.histogram_created.resize(kept);
}

}  // namespace sightline::promql
