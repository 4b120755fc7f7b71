// Aggregations: series are grouped once, then each group works step by step.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/checksum.h"
#include "base/number_text.h"
#include "base/text_codec.h"
#include "promql/evaluation/evaluator.h"
#include "promql/evaluation/label_filter.h"
#include "promql/functions/aggregate_state.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/quantile.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

constexpr double kInt64Limit = 9223372036854775808.0;

struct Group {
  model::Labels labels;
  bool drop_name = false;
  std::vector<size_t> members;
};

Result<std::vector<Group>> make_groups(const std::vector<Series>& series, const AggregateExpr& expr,
                                       const QueryContext& context) {
  std::vector<Group> out;
  PackedMap<size_t> known;
  const LabelFilter filter(
      expr.without ? LabelFilter::Mode::kDropIdentity : LabelFilter::Mode::kKeep, expr.grouping);
  std::string key;
  Pacer pacer(context.wanted);
  for (size_t i = 0; i < series.size(); ++i) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    filter.key(series[i].labels, key);
    auto at = known.find(std::string_view(key));
    if (at == known.end()) {
      at = known.emplace(key, out.size()).first;
      out.push_back({model::Labels::from_packed(key), false, {}});
    }
    out[at->second].members.push_back(i);
    out[at->second].drop_name = out[at->second].drop_name || series[i].drop_name;
  }
  return out;
}

// What one aggregation shares among its groups.
struct Job {
  const AggregateExpr& expr;
  const std::vector<Series>& series;
  const std::vector<double>& params;
  size_t steps;
  Annotations& annotations;
  const QueryContext& context;
};

Series group_series(const Job& job, const Group& g) {
  Series out(g.labels, job.steps);
  out.drop_name = g.drop_name;
  if (!job.context.options.provenance) return out;
  SourceUnion sources;
  for (const size_t i : g.members) {
    if (!job.context.alive()) break;
    if (!job.series[i].sources.empty()) sources.add(job.series[i].sources, job.series[i].present());
  }
  out.sources = sources.take();
  return out;
}

template <typename State>
void fold_floats(const Job& job, const Group& g, std::vector<State>& states,
                 std::vector<uint32_t>& counts, auto&& add) {
  states.assign(job.steps, State());
  counts.assign(job.steps, 0);
  for (const size_t i : g.members) {
    if (!job.context.alive()) return;  // who waits for the group finds out
    const Series& s = job.series[i];
    for (size_t step = 0; step < job.steps; ++step) {
      if (!s.is_float(step)) continue;
      add(states[step], s.floats[step], counts[step]);
      ++counts[step];
    }
  }
}

bool any_histogram(const Job& job, const Group& g) {
  return std::ranges::any_of(g.members,
                             [&](size_t i) { return !job.series[i].histograms.empty(); });
}

// sum and avg of the histograms at a step; floats beside them are a mixture.
void sum_histograms(const Job& job, const Group& g, const std::vector<uint32_t>& floats,
                    Series& out) {
  const bool mean = job.expr.op == AggregateOp::kAvg;
  for (size_t step = 0; step < job.steps; ++step) {
    if (!job.context.alive()) return;
    HistogramSum sum(mean ? HistogramSum::Result::kMean : HistogramSum::Result::kSum);
    for (const size_t i : g.members)
      if (job.series[i].cells[step] == CellKind::kHistogram)
        sum.add(*job.series[i].histograms[step]);
    if (sum.count() == 0) continue;
    const PositionRange at = unwrap_parens(*job.expr.expr).position;
    sum.annotate(job.annotations, at, "aggregation");
    if (floats[step] > 0) {
      job.annotations.warn(at, "encountered a mix of histograms and floats for aggregation");
      out.clear(step);
    } else if (sum.failed()) {
      const std::string name(job.series[g.members[0]].labels.metric_name());
      job.annotations.warn(
          at, "vector contains a mix of histograms with exponential and custom buckets schemas" +
                  for_metric(name));
      out.clear(step);
    } else {
      out.set(step, Cell::of(sum.value()));
    }
  }
}

template <typename State>
Series total(const Job& job, const Group& g) {
  std::vector<State> states;
  std::vector<uint32_t> counts;
  fold_floats(job, g, states, counts, [](State& s, double v, uint32_t) { s.add(v); });
  Series out = group_series(job, g);
  for (size_t step = 0; step < job.steps; ++step)
    if (counts[step] > 0) out.set_float(step, states[step].value());
  if (any_histogram(job, g)) sum_histograms(job, g, counts, out);
  return out;
}

void ignored_histograms(const Job& job, const Group& g) {
  for (const size_t i : g.members)
    for (const CellKind kind : job.series[i].cells)
      if (kind == CellKind::kHistogram) {
        job.annotations.info(
            unwrap_parens(*job.expr.expr).position,
            "ignored histogram in " + std::string(aggregate_name(job.expr.op)) + " aggregation");
        return;
      }
}

Series extreme(const Job& job, const Group& g) {
  const bool lowest = job.expr.op == AggregateOp::kMin;
  std::vector<double> states;
  std::vector<uint32_t> counts;
  fold_floats(job, g, states, counts, [lowest](double& s, double v, uint32_t n) {
    if (n == 0 || (lowest ? v < s : v > s) || std::isnan(s)) s = v;
  });
  Series out = group_series(job, g);
  for (size_t step = 0; step < job.steps; ++step)
    if (counts[step] > 0) out.set_float(step, states[step]);
  return out;
}

Series spread(const Job& job, const Group& g) {
  const bool root = job.expr.op == AggregateOp::kStddev;
  std::vector<Variance> states;
  std::vector<uint32_t> counts;
  fold_floats(job, g, states, counts, [](Variance& s, double v, uint32_t) { s.add(v); });
  Series out = group_series(job, g);
  for (size_t step = 0; step < job.steps; ++step)
    if (counts[step] > 0)
      out.set_float(step, root ? std::sqrt(states[step].value()) : states[step].value());
  return out;
}

Series count(const Job& job, const Group& g) {
  Series out = group_series(job, g);
  for (const size_t i : g.members) {
    if (!job.context.alive()) break;  // who waits for the group finds out
    for (size_t step = 0; step < job.steps; ++step)
      if (job.series[i].has(step))
        out.set_float(step, job.expr.op == AggregateOp::kGroup ? 1 : out.floats[step] + 1);
  }
  return out;
}

Series quantile_of(const Job& job, const Group& g) {
  Series out = group_series(job, g);
  std::vector<double> values;
  for (size_t step = 0; step < job.steps; ++step) {
    if (!job.context.alive()) break;
    values.clear();
    for (const size_t i : g.members)
      if (job.series[i].is_float(step)) values.push_back(job.series[i].floats[step]);
    if (!values.empty()) out.set_float(step, quantile(job.params[step], values));
  }
  return out;
}

Series aggregate_group(const Job& job, const Group& g) {
  switch (job.expr.op) {
    case AggregateOp::kSum: return total<CompensatedSum>(job, g);
    case AggregateOp::kAvg: return total<CompensatedMean>(job, g);
    case AggregateOp::kMin:
    case AggregateOp::kMax: return ignored_histograms(job, g), extreme(job, g);
    case AggregateOp::kStddev:
    case AggregateOp::kStdvar: return ignored_histograms(job, g), spread(job, g);
    case AggregateOp::kQuantile: return ignored_histograms(job, g), quantile_of(job, g);
    default: return count(job, g);
  }
}

// XXH64 of the labels as the peer lays them out, so that it lets the same series through: each string
// after its length, in one byte, or from 255 on in the byte 255 and three more.
uint64_t sampling_hash(const model::Labels& labels) {
  std::string bytes;
  const auto append = [&](std::string_view text) {
    if (text.size() < 255) {
      bytes += static_cast<char>(text.size());
    } else {
      bytes += static_cast<char>(255);
      for (int shift = 0; shift < 24; shift += 8)
        bytes += static_cast<char>((text.size() >> shift) & 0xff);
    }
    bytes += text;
  };
  for (const model::LabelView label : labels) append(label.name), append(label.value);
  return xxh64(bytes);
}

struct Ranked {
  double value;
  size_t index;
};

// NaN is the worst; of equals the first.
inline bool is_better(const Ranked& a, const Ranked& b, bool top) {
  if (std::isnan(a.value) || std::isnan(b.value)) {
    if (std::isnan(a.value) != std::isnan(b.value)) return std::isnan(b.value);
    return a.index < b.index;
  }
  if (a.value != b.value) return top ? a.value > b.value : a.value < b.value;
  return a.index < b.index;
}

// k of topk(k, ...), which is checked not to overflow.
size_t wanted(double k) { return k >= 1 ? static_cast<size_t>(k) : 0; }

// Which members of a group an aggregation that keeps series lets through at a step.
class Selection {
 public:
  Selection(const Job& job, std::vector<Series>& out) : job_(job), out_(out) {}

  void apply(const Group& g, size_t step) {
    const double param = job_.params[step];
    if (job_.expr.op == AggregateOp::kLimitRatio) return by_ratio(g, step, param);
    const size_t k = std::min(wanted(param), g.members.size());
    if (job_.expr.op == AggregateOp::kLimitk) return first(g, step, k);
    ranked(g, step, k);
  }

  void keep_all(std::span<const Ranked> ranked, size_t step) {
    for (const Ranked& r : ranked) keep(r.index, step);
  }
  const std::vector<size_t>& order() const { return order_; }

 private:
  void keep(size_t i, size_t step) {
    if (out_[i].cells.empty()) {
      out_[i] = Series(job_.series[i].labels, job_.steps);
      out_[i].drop_name = job_.series[i].drop_name;
      out_[i].sources = job_.series[i].sources;
    }
    out_[i].set(step, job_.series[i].cell(step));
    if (job_.steps == 1) order_.push_back(i);
  }
  void first(const Group& g, size_t step, size_t k) {
    for (const size_t i : g.members) {
      if (k == 0) return;
      if (!job_.series[i].has(step)) continue;
      keep(i, step);
      --k;
    }
  }
  void by_ratio(const Group& g, size_t step, double ratio) {
    for (const size_t i : g.members) {
      if (!job_.series[i].has(step)) continue;
      const double offset = static_cast<double>(sampling_hash(job_.series[i].labels)) /
                            static_cast<double>(UINT64_MAX);
      if (ratio >= 0 ? offset < ratio : offset >= 1 + ratio) keep(i, step);
    }
  }
  // The best k by one pass over the values at a step: a heap of those kept so far, the worst on top.
  void ranked(const Group& g, size_t step, size_t k) {
    best_.clear();
    if (k == 0) return;
    const bool top = job_.expr.op == AggregateOp::kTopk;
    const auto better = [top](const Ranked& a, const Ranked& b) { return is_better(a, b, top); };
    for (const size_t i : g.members) {
      if (!job_.series[i].is_float(step)) continue;
      const Ranked candidate{job_.series[i].floats[step], i};
      if (best_.size() == k) {
        if (!better(candidate, best_.front())) continue;
        std::ranges::pop_heap(best_, better);
        best_.pop_back();
      }
      best_.push_back(candidate);
      std::ranges::push_heap(best_, better);
    }
    std::ranges::sort(best_, better);
    keep_all(best_, step);
  }

  const Job& job_;
  std::vector<Series>& out_;
  std::vector<Ranked> best_;
  std::vector<size_t> order_;
};

// topk and bottomk over many steps: series by series, with the best of each step so far beside each other, as values
// are read in the order in which they lie in memory.
class BestOfSteps {
 public:
  BestOfSteps(const Job& job, size_t room)
      : job_(job),
        top_(job.expr.op == AggregateOp::kTopk),
        room_(room),
        counts_(job.steps),
        best_(job.steps * room) {}

  void offer(size_t index) {
    const Series& s = job_.series[index];
    for (size_t step = 0; step < job_.steps; ++step)
      if (s.is_float(step)) offer(step, {s.floats[step], index});
  }
  std::span<const Ranked> best(size_t step) const {
    return std::span(best_).subspan(step * room_, counts_[step]);
  }
  void clear() { std::ranges::fill(counts_, 0); }

 private:
  // Kept in order, the best first: there are few.
  void offer(size_t step, const Ranked& candidate) {
    const auto k = std::min(room_, wanted(job_.params[step]));
    Ranked* list = best_.data() + step * room_;
    uint32_t& count = counts_[step];
    if (k == 0 || (count == k && !is_better(candidate, list[k - 1], top_))) return;
    size_t at = count < k ? count++ : k - 1;
    for (; at > 0 && is_better(candidate, list[at - 1], top_); --at) list[at] = list[at - 1];
    list[at] = candidate;
  }

  const Job& job_;
  const bool top_;
  const size_t room_;  // of each step
  std::vector<uint32_t> counts_;
  std::vector<Ranked> best_;
};

// More than this is better kept in a heap.
constexpr size_t kListedMax = 16;

bool is_ranking(AggregateOp op) { return op == AggregateOp::kTopk || op == AggregateOp::kBottomk; }

Status rank_by_series(const Job& job, const std::vector<Group>& groups, Selection& selection) {
  size_t room = 0;
  for (const double param : job.params) room = std::max(room, wanted(param));
  BestOfSteps best(job, room);
  for (const Group& g : groups) {
    ignored_histograms(job, g);
    best.clear();
    for (const size_t i : g.members) {
      if (auto ok = job.context.alive(); !ok) return ok;
      best.offer(i);
    }
    for (size_t step = 0; step < job.steps; ++step) selection.keep_all(best.best(step), step);
  }
  return {};
}

Status select_by_step(const Job& job, const std::vector<Group>& groups, Selection& selection) {
  for (const Group& g : groups) {
    if (is_ranking(job.expr.op)) ignored_histograms(job, g);
    for (size_t step = 0; step < job.steps; ++step) {
      if (auto ok = job.context.alive(); !ok) return ok;
      selection.apply(g, step);
    }
  }
  return {};
}

Result<std::vector<Series>> select_series(const Job& job, const std::vector<Group>& groups) {
  std::vector<Series> out(job.series.size());  // those that nothing is kept of stay empty
  Selection selection(job, out);
  const bool listed =
      is_ranking(job.expr.op) && job.steps > 1 &&
      std::ranges::all_of(job.params, [](double k) { return wanted(k) <= kListedMax; });
  const Status done =
      listed ? rank_by_series(job, groups, selection) : select_by_step(job, groups, selection);
  if (!done) return std::unexpected(done.error());
  if (job.steps == 1) {
    std::vector<Series> ordered;
    for (const size_t i : selection.order()) ordered.push_back(std::move(out[i]));
    return ordered;
  }
  remove_empty(out);
  return out;
}

StepSet only(size_t step, size_t count) {
  return StepSet::where(count, [step](size_t other) { return other == step; });
}

std::vector<Series> count_values(const Job& job, const std::vector<Group>& groups,
                                 const std::string& label) {
  std::vector<Series> out;
  std::unordered_map<model::Labels, size_t, model::LabelsHash>
      known;                       // groups may meet once the label is overwritten
  std::vector<SourceUnion> feeds;  // per series of `out`
  const bool keeps_label =
      !job.expr.without || std::ranges::find(job.expr.grouping, label) == job.expr.grouping.end();
  for (const Group& g : groups) {
    for (const size_t i : g.members) {
      if (!job.context.alive()) return out;
      const Series& s = job.series[i];
      for (size_t step = 0; step < job.steps; ++step) {
        if (!s.has(step)) continue;
        const std::string text =
            s.is_float(step) ? format_float_plain(s.floats[step]) : to_string(*s.histograms[step]);
        model::Labels labels =
            keeps_label ? model::LabelsBuilder(g.labels).set(label, text).build() : g.labels;
        const auto [at, fresh] = known.try_emplace(std::move(labels), out.size());
        if (fresh) {
          Series counted(at->first, job.steps);
          counted.drop_name = g.drop_name;
          out.push_back(std::move(counted));
          feeds.emplace_back();
        }
        Series& counted = out[at->second];
        if (!s.sources.empty()) feeds[at->second].add(s.sources, only(step, job.steps));
        counted.set_float(step, counted.has(step) ? counted.floats[step] + 1 : 1);
      }
    }
  }
  for (size_t i = 0; i < out.size(); ++i) out[i].sources = feeds[i].take();
  return out;
}

// Refuses what k and the ratio may not be, and warns of what is merely odd.
Status check_params(const Job& job, std::vector<double>& params) {
  const AggregateOp op = job.expr.op;
  const PositionRange at = unwrap_parens(*job.expr.param).position;
  for (double& p : params) {
    if (op == AggregateOp::kQuantile) {
      if (std::isnan(p) || p < 0 || p > 1)
        job.annotations.warn(at,
                             "quantile value should be between 0 and 1, got " + format_float_go(p));
    } else if (op == AggregateOp::kLimitRatio) {
      if (std::isnan(p)) return fail(Errc::kExecution, "Ratio value is NaN");
      const double capped = std::clamp(p, -1.0, 1.0);
      if (capped != p)
        job.annotations.warn(at, "ratio value should be between -1 and 1, got " +
                                     format_float_go(p) + ", capping to " +
                                     format_float_go(capped));
      p = capped;
    } else {
      if (std::isnan(p)) return fail(Errc::kExecution, "Parameter value is NaN");
      if (p >= kInt64Limit)
        return fail(Errc::kExecution, "Scalar value ", format_float_go(p), " overflows int64");
      if (p <= -kInt64Limit)
        return fail(Errc::kExecution, "Scalar value ", format_float_go(p), " underflows int64");
    }
  }
  return {};
}

}  // namespace

Result<Value> Evaluator::eval_aggregate(const AggregateExpr& expr, const StepGrid& grid) {
  std::vector<double> params;
  std::string label;
  if (expr.param) {
    auto param = eval(*expr.param, grid);
    if (!param) return param;
    params = std::move(param->scalars);
    label = std::move(param->text);
  }
  auto fused = eval_fused(expr, grid);
  if (!fused) return std::unexpected(fused.error());
  if (*fused) return std::move(**fused);
  auto input = eval(*expr.expr, grid);
  if (!input) return input;
  const Job job{expr, input->series, params, grid.count, annotations(), context_};
  if (expr.op == AggregateOp::kCountValues) {
    if (label.empty() || !is_valid_utf8(label))
      return fail(Errc::kExecution, "invalid label name ", go_quote(label));
  } else if (expr.param) {
    if (auto ok = check_params(job, params); !ok) return std::unexpected(ok.error());
  }
  const auto grouped = make_groups(input->series, expr, context_);
  if (!grouped) return std::unexpected(grouped.error());
  const std::vector<Group>& groups = *grouped;
  Value out;
  if (expr.op == AggregateOp::kCountValues) {
    out.series = count_values(job, groups, label);
  } else if (expr.op == AggregateOp::kTopk || expr.op == AggregateOp::kBottomk ||
             expr.op == AggregateOp::kLimitk || expr.op == AggregateOp::kLimitRatio) {
    auto kept = select_series(job, groups);
    if (!kept) return std::unexpected(kept.error());
    out.series = std::move(*kept);
  } else {
    out.series.resize(groups.size());
    const Status done = for_each(groups.size(), [&](size_t i) -> Status {
      out.series[i] = aggregate_group(job, groups[i]);
      return {};
    });
    if (!done) return std::unexpected(done.error());
    remove_empty(out.series);
  }
  if (auto ok = context_.alive(); !ok) return std::unexpected(ok.error());
  if (auto ok = merge_same_labels(out.series, context_); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace sightline::promql
