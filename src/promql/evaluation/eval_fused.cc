// Aggregations straight over what selectors read: each series is made in scratch space, added to its group's
// step arrays and forgotten. sum, avg, min, max, count and group of floats; anything else goes the general way.
// Groups are cut into runs of series, so that one large group keeps all threads busy; a run's sums are joined in
// order, whichever thread made them: the same query gives the same digits.
#include <algorithm>
#include <cmath>
#include <utility>

#include "promql/evaluation/column_kernels.h"
#include "promql/evaluation/label_filter.h"
#include "promql/functions/compensated_sum.h"
#include "promql/functions/range_call.h"

namespace sightline::promql {
namespace {

constexpr size_t kRunSeries = 64;
constexpr size_t kManySteps = 16;  // a run is worth a task of its own then

bool can_fuse(AggregateOp op) {
  return op == AggregateOp::kSum || op == AggregateOp::kAvg || op == AggregateOp::kMin ||
         op == AggregateOp::kMax || op == AggregateOp::kCount || op == AggregateOp::kGroup;
}

// The step arrays of some series of one group.
struct Partial {
  std::vector<double> values;  // sums, extremes
  std::vector<double> lost;    // what rounding took from the sums
  std::vector<uint32_t> counts;
  SourceUnion feeds;
  bool drop_name = false;

  bool empty() const { return counts.empty(); }
};

inline void add_float(double& sum, double& lost, double v) {
  CompensatedSum s{sum, lost};
  s.add(v);
  sum = s.sum;
  lost = s.lost;
}

inline bool takes_over(bool lowest, double v, double than) { return lowest ? v < than : v > than; }

class Accumulation {
 public:
  Accumulation(AggregateOp op, size_t steps) : op_(op), steps_(steps) {}

  // False: a histogram is among them.
  bool add(const Series& s, Partial& to) const {
    if (!s.histograms.empty() && op_ != AggregateOp::kCount && op_ != AggregateOp::kGroup)
      return false;
    if (to.empty()) {
      to.counts.assign(steps_, 0);
      to.values.assign(steps_, 0);
      if (sums()) to.lost.assign(steps_, 0);
    }
    to.drop_name = to.drop_name || s.drop_name;
    if (!s.sources.empty()) to.feeds.add(s.sources, s.present());
    const CellKind* cells = s.cells.data();
    const double* floats = s.floats.data();
    uint32_t* counts = to.counts.data();
    double* values = to.values.data();
    if (s.histograms.empty() && s.count() == steps_) return add_dense(s, to);
    if (sums()) {
      double* lost = to.lost.data();
      for (size_t i = 0; i < steps_; ++i) {
        if (cells[i] == CellKind::kNone) continue;
        add_float(values[i], lost[i], floats[i]);
        ++counts[i];
      }
    } else if (op_ == AggregateOp::kMin || op_ == AggregateOp::kMax) {
      const bool lowest = op_ == AggregateOp::kMin;
      for (size_t i = 0; i < steps_; ++i) {
        if (cells[i] == CellKind::kNone) continue;
        if (counts[i]++ == 0 || takes_over(lowest, floats[i], values[i]) || std::isnan(values[i]))
          values[i] = floats[i];
      }
    } else {
      for (size_t i = 0; i < steps_; ++i) counts[i] += cells[i] != CellKind::kNone;
    }
    return true;
  }

  void join(const Partial& from, Partial& to) const {
    if (from.empty()) return;
    if (to.empty()) {
      to = from;
      return;
    }
    to.drop_name = to.drop_name || from.drop_name;
    for (size_t i = 0; i < steps_; ++i) {
      if (from.counts[i] == 0) continue;
      if (sums()) {
        add_float(to.values[i], to.lost[i], from.values[i]);
        to.lost[i] += std::isinf(to.values[i]) ? 0 : from.lost[i];
      } else if (op_ == AggregateOp::kMin || op_ == AggregateOp::kMax) {
        const bool lowest = op_ == AggregateOp::kMin;
        if (to.counts[i] == 0 || takes_over(lowest, from.values[i], to.values[i]) ||
            std::isnan(to.values[i]))
          to.values[i] = from.values[i];
      }
      to.counts[i] += from.counts[i];
    }
  }

  // False: a mean overflowed its sum.
  bool finish(const Partial& p, Series& out) const {
    out.drop_name = p.drop_name;
    for (size_t i = 0; i < p.counts.size(); ++i) {
      if (p.counts[i] == 0) continue;
      const auto n = static_cast<double>(p.counts[i]);
      switch (op_) {
        case AggregateOp::kSum: out.set_float(i, p.values[i] + p.lost[i]); break;
        case AggregateOp::kAvg:
          if (std::isinf(p.values[i]) && p.counts[i] > 1) return false;
          out.set_float(i, p.values[i] / n + p.lost[i] / n);
          break;
        case AggregateOp::kCount: out.set_float(i, n); break;
        case AggregateOp::kGroup: out.set_float(i, 1); break;
        default: out.set_float(i, p.values[i]);
      }
    }
    return true;
  }

 private:
  // A series with a float at each step, as most are.
  bool add_dense(const Series& s, Partial& to) const {
    double* values = to.values.data();
    const double* floats = s.floats.data();
    if (sums()) {
      add_compensated(s.floats, values, to.lost.data());
    } else if (op_ == AggregateOp::kMin || op_ == AggregateOp::kMax) {
      const bool lowest = op_ == AggregateOp::kMin;
      for (size_t i = 0; i < steps_; ++i)
        if (to.counts[i] == 0 || takes_over(lowest, floats[i], values[i]) || std::isnan(values[i]))
          values[i] = floats[i];
    }
    for (uint32_t& count : to.counts) ++count;
    return true;
  }

  bool sums() const { return op_ == AggregateOp::kSum || op_ == AggregateOp::kAvg; }

  AggregateOp op_;
  size_t steps_;
};

}  // namespace

class FusedAggregation {
 public:
  FusedAggregation(Evaluator& evaluator, const AggregateExpr& expr, const StepGrid& grid)
      : evaluator_(evaluator),
        expr_(expr),
        grid_(grid),
        accumulation_(expr.op, grid.count),
        filter_(expr.without ? LabelFilter::Mode::kDropIdentity : LabelFilter::Mode::kKeep,
                expr.grouping) {}

  // Opens what is below; false when that is nothing to be fused with.
  Result<bool> open() {
    const Expr& inner = unwrap_parens(*expr_.expr);
    if (inner.kind == ExprKind::kVectorSelector) {
      auto read = evaluator_.read_selector(as<VectorSelector>(inner), grid_);
      if (!read) return std::unexpected(read.error());
      selector_ = std::move(*read);
      selector_->presence = !selector_->expr->smoothed &&
                            (expr_.op == AggregateOp::kCount || expr_.op == AggregateOp::kGroup);
      return true;
    }
    if (inner.kind != ExprKind::kCall) return false;
    const auto& call = as<Call>(inner);
    if (call.function->id == FunctionId::kAbsentOverTime) return false;
    if (std::ranges::none_of(
            call.args, [](const ExprPtr& arg) { return type_of(*arg) == ValueType::kMatrix; }))
      return false;
    call_.emplace(evaluator_, call, grid_);
    if (auto ok = call_->prepare(); !ok) return std::unexpected(ok.error());
    return true;
  }

  Result<std::optional<Value>> run() {
    if (auto ok = group_series(); !ok) return std::unexpected(ok.error());
    std::vector<Partial> partials(runs_.size());
    std::atomic<bool> general{false};  // some series cannot be added this way
    const Status done = evaluator_.for_blocks(
        runs_.size(),
        [&](size_t begin, size_t end) -> Status {
          Scratch scratch;
          for (size_t r = begin; r < end; ++r)
            for (const uint32_t i : runs_[r].members) {
              if (general.load(std::memory_order_relaxed)) return {};
              if (auto ok = evaluator_.context().alive(); !ok) return ok;
              auto added = add_one(i, scratch, partials[r]);
              if (!added) return std::unexpected(added.error());
              if (!*added) general.store(true, std::memory_order_relaxed);
            }
          return {};
        },
        grid_.count < kManySteps ? Evaluator::kAnyBlock : 1);
    if (!done) return std::unexpected(done.error());
    if (general) return std::nullopt;
    return finish(partials);
  }

 private:
  struct Run {
    size_t group = 0;
    std::vector<uint32_t> members;
  };
  struct Scratch {
    RangeCall::Scratch call;
    Evaluator::SelectorScratch selector;
    Series series;
  };

  size_t series_count() const { return call_ ? call_->series_count() : selector_->set->size(); }
  const model::Labels& labels(size_t i) const {
    return call_ ? call_->labels(i) : selector_->set->labels(i);
  }

  Status group_series() {
    PackedMap<size_t> known;
    std::vector<size_t> open;  // per group: its run that is being filled
    std::string key;
    Pacer pacer(evaluator_.context().wanted);
    for (size_t i = 0; i < series_count(); ++i) {
      if (auto ok = pacer.step(); !ok) return ok;
      filter_.key(labels(i), key);
      auto at = known.find(std::string_view(key));
      if (at == known.end()) {
        at = known.emplace(key, groups_.size()).first;
        open.push_back(runs_.size());
        runs_.push_back({groups_.size(), {}});
        groups_.push_back(model::Labels::from_packed(key));
      }
      size_t& run = open[at->second];
      if (runs_[run].members.size() == kRunSeries) {
        run = runs_.size();
        runs_.push_back({at->second, {}});
      }
      runs_[run].members.push_back(static_cast<uint32_t>(i));
    }
    return {};
  }

  Result<bool> add_one(size_t i, Scratch& scratch, Partial& to) {
    Series& s = scratch.series;
    if (s.cells.size() != grid_.count) s = Series({}, grid_.count);
    std::ranges::fill(s.cells, CellKind::kNone);
    s.drop_name = false;
    s.sources.clear();
    const Status made =
        call_ ? call_->produce(i, scratch.call, s) : selector_->produce(i, scratch.selector, s);
    if (!made) return std::unexpected(made.error());
    if (!s.any()) return true;
    return accumulation_.add(s, to);
  }

  Result<std::optional<Value>> finish(std::vector<Partial>& partials) {
    std::vector<Partial> totals(groups_.size());
    std::vector<SourceUnion> feeds(groups_.size());
    for (size_t r = 0; r < runs_.size(); ++r) {
      accumulation_.join(partials[r], totals[runs_[r].group]);
      feeds[runs_[r].group].add(partials[r].feeds.take(), {});
    }
    Value out;
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (totals[g].empty()) continue;
      Series series(std::move(groups_[g]), grid_.count);
      if (!accumulation_.finish(totals[g], series)) return std::nullopt;
      series.sources = feeds[g].take();
      out.series.push_back(std::move(series));
    }
    return std::optional<Value>(std::move(out));
  }

  Evaluator& evaluator_;
  const AggregateExpr& expr_;
  const StepGrid grid_;
  const Accumulation accumulation_;
  const LabelFilter filter_;
  std::optional<RangeCall> call_;
  std::optional<Evaluator::SelectorRead> selector_;
  std::vector<model::Labels> groups_;
  std::vector<Run> runs_;
};

Result<std::optional<Value>> Evaluator::eval_fused(const AggregateExpr& expr,
                                                   const StepGrid& grid) {
  if (!can_fuse(expr.op) || twins_.contains(&unwrap_parens(*expr.expr))) return std::nullopt;
  SampleLedger ledger(grid, context_.ledger->step_counts());
  SampleLedger& outer = *std::exchange(context_.ledger, &ledger);
  const size_t inputs = context_.inputs.size();
  FusedAggregation fused(*this, expr, grid);
  const auto open = fused.open();
  Result<std::optional<Value>> out;
  if (open && *open) out = fused.run();
  context_.ledger = &outer;
  if (!open) return std::unexpected(open.error());
  if (out && *out)
    outer.add(ledger);
  else
    context_.inputs.resize(inputs);  // all will be read again
  return out;
}

}  // namespace sightline::promql
