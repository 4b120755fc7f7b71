// Binary and unary operators over columns: series are matched once, values per step.
#include <algorithm>
#include <cmath>
#include <set>

#include "promql/evaluation/evaluator.h"
#include "promql/evaluation/label_filter.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/sample_operators.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Series of both sides that share their match labels.
struct MatchGroup {
  model::Labels labels;
  std::vector<size_t> left;
  std::vector<size_t> right;
};

Result<std::vector<MatchGroup>> match_groups(const std::vector<Series>& left,
                                             const std::vector<Series>& right,
                                             const VectorMatching& m, const QueryContext& context) {
  std::vector<MatchGroup> out;
  PackedMap<size_t> known;
  const LabelFilter filter(m.on ? LabelFilter::Mode::kKeep : LabelFilter::Mode::kDrop, m.labels);
  std::string key;
  const auto group_of = [&](const Series& s) -> MatchGroup& {
    filter.key(s.labels, key);
    auto at = known.find(std::string_view(key));
    if (at == known.end()) {
      at = known.emplace(key, out.size()).first;
      out.push_back({model::Labels::from_packed(key), {}, {}});
    }
    return out[at->second];
  };
  Pacer pacer(context.wanted);
  for (size_t i = 0; i < left.size(); ++i) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    group_of(left[i]).left.push_back(i);
  }
  for (size_t i = 0; i < right.size(); ++i) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    group_of(right[i]).right.push_back(i);
  }
  return out;
}

// What arithmetic makes of a metric is no longer that metric.
bool changes_name(BinaryOp op) { return op <= BinaryOp::kAtan2; }

// For each step: does any of `members` have a value? Those looked at last do not count once the query is not wanted.
std::vector<char> presence(const std::vector<Series>& series, const std::vector<size_t>& members,
                           size_t steps, const QueryContext& context) {
  std::vector<char> out(steps, 0);
  Pacer pacer(context.wanted);
  for (const size_t i : members) {
    if (!pacer.step()) break;
    for (size_t step = 0; step < steps; ++step)
      out[step] = static_cast<char>(out[step] | static_cast<char>(series[i].has(step)));
  }
  return out;
}

void keep_where(Series& s, const std::vector<char>& other, bool wanted) {
  for (size_t step = 0; step < s.cells.size(); ++step)
    if ((other[step] != 0) != wanted) s.clear(step);
}

Result<std::vector<Series>> set_operation(BinaryOp op, std::vector<Series> left,
                                          std::vector<Series> right, const VectorMatching& m,
                                          size_t steps, const QueryContext& context) {
  const auto groups = match_groups(left, right, m, context);
  if (!groups) return std::unexpected(groups.error());
  for (const MatchGroup& g : *groups) {
    if (auto ok = context.alive(); !ok) return std::unexpected(ok.error());
    if (op == BinaryOp::kOr) {
      if (g.left.empty()) continue;
      const auto taken = presence(left, g.left, steps, context);
      for (const size_t i : g.right) keep_where(right[i], taken, false);
    } else {
      const auto there = presence(right, g.right, steps, context);
      for (const size_t i : g.left) {
        keep_where(left[i], there, op == BinaryOp::kAnd);
        if (op != BinaryOp::kAnd || left[i].sources.empty()) continue;
        SourceUnion sources;
        sources.add(left[i].sources, {});
        for (const size_t j : g.right) sources.add(right[j].sources, right[j].present());
        left[i].sources = sources.take();
      }
    }
  }
  if (op == BinaryOp::kOr) std::ranges::move(right, std::back_inserter(left));
  remove_empty(left);
  return left;
}

// One-to-one, many-to-one and one-to-many matching of two vectors.
class VectorOperation {
 public:
  VectorOperation(Evaluator& evaluator, const BinaryExpr& expr, std::vector<Series> left,
                  std::vector<Series> right, size_t steps)
      : evaluator_(evaluator),
        expr_(expr),
        matching_(*expr.matching),
        swapped_(matching_.cardinality == MatchCardinality::kOneToMany),
        many_(std::move(swapped_ ? right : left)),
        one_(std::move(swapped_ ? left : right)),
        steps_(steps),
        fill_many_(matching_.fill_left),
        fill_one_(matching_.fill_right) {}

  Result<std::vector<Series>> run() {
    std::vector<size_t> all_many(many_.size());
    for (size_t i = 0; i < all_many.size(); ++i) all_many[i] = i;
    many_present_ = presence(many_, all_many, steps_, evaluator_.context());
    const auto groups = match_groups(many_, one_, matching_, evaluator_.context());
    if (!groups) return std::unexpected(groups.error());
    for (const MatchGroup& g : *groups) {
      if (auto ok = evaluator_.context().alive(); !ok) return std::unexpected(ok.error());
      if (auto ok = run_group(g); !ok) return std::unexpected(ok.error());
    }
    return std::move(out_);
  }

 private:
  static constexpr size_t kNobody = static_cast<size_t>(-1);

  // Both sides of a group are one series of floats, as they mostly are: column by column.
  bool run_pair(const MatchGroup& g) {
    if (g.left.size() != 1 || g.right.size() != 1 || fill_many_ || fill_one_ ||
        expr_.op >= BinaryOp::kTrimUpper)
      return false;
    const Series& many = many_[g.left[0]];
    const Series& one = one_[g.right[0]];
    if (!many.histograms.empty() || !one.histograms.empty()) return false;
    Series out(result_labels(many.labels, one.labels), steps_);
    out.drop_name = changes_name(expr_.op) || expr_.return_bool || many.drop_name;
    const bool filters = is_comparison(expr_.op) && !expr_.return_bool;
    for (size_t step = 0; step < steps_; ++step) {
      if (!many.has(step) || !one.has(step)) continue;
      const double a = swapped_ ? one.floats[step] : many.floats[step];
      const double b = swapped_ ? many.floats[step] : one.floats[step];
      const double v = apply_float(expr_.op, a, b);
      if (!filters)
        out.set_float(step, v);
      else if (v != 0)
        out.set_float(step, a);
    }
    out_.push_back(std::move(out));
    taken_.emplace_back();
    note_sources(out_.size() - 1, g.left[0], g.right[0]);
    return true;
  }

  Status run_group(const MatchGroup& g) {
    if (run_pair(g)) return {};
    std::vector<size_t> partner(steps_, kNobody);
    for (const size_t j : g.right)
      for (size_t step = 0; step < steps_; ++step) {
        if (!one_[j].has(step)) continue;
        if (partner[step] != kNobody && (many_present_[step] != 0 || fill_many_))
          return duplicates(g, partner[step], j);
        partner[step] = j;
      }
    slots_.clear();
    writer_.assign(steps_, kNobody);
    const auto paired = presence(many_, g.left, steps_, evaluator_.context());
    for (const size_t i : g.left) {
      if (auto ok = evaluator_.context().alive(); !ok) return ok;
      for (size_t step = 0; step < steps_; ++step) {
        if (!many_[i].has(step) || (partner[step] == kNobody && !fill_one_)) continue;
        if (auto ok = combine(g, i, partner[step], step); !ok) return ok;
      }
    }
    if (!fill_many_) return {};
    for (size_t step = 0; step < steps_; ++step)
      if (partner[step] != kNobody && paired[step] == 0)
        if (auto ok = combine(g, kNobody, partner[step], step); !ok) return ok;
    return {};
  }

  Status combine(const MatchGroup& g, size_t many, size_t one, size_t step) {
    const Cell a = many == kNobody ? Cell::of(*fill_many_) : many_[many].cell(step);
    const Cell b = one == kNobody ? Cell::of(*fill_one_) : one_[one].cell(step);
    OperatorResult result = swapped_
                                ? apply(expr_.op, b, a, evaluator_.annotations(), expr_.position)
                                : apply(expr_.op, a, b, evaluator_.annotations(), expr_.position);
    if (result.incompatible) return {};
    if (expr_.return_bool) result.cell = Cell::of(result.cell.kind == CellKind::kNone ? 0.0 : 1.0);
    const size_t slot = slot_of(g, many, one);
    const bool one_to_one = matching_.cardinality == MatchCardinality::kOneToOne;
    // A pair that a comparison filters out takes its place nevertheless.
    if (one_to_one ? writer_[step] != kNobody : !taken_[slot].insert(step).second) {
      if (one_to_one)
        return fail(Errc::kExecution,
                    "multiple matches for labels: many-to-one matching must be explicit "
                    "(group_left/group_right)");
      return fail(Errc::kExecution,
                  "multiple matches for labels: grouping labels must ensure unique matches");
    }
    writer_[step] = slot;
    if (result.cell.kind != CellKind::kNone) out_[slot].set(step, std::move(result.cell));
    return {};
  }

  // The output series of a pair.
  size_t slot_of(const MatchGroup& g, size_t many, size_t one) {
    for (const auto& [m, o, slot] : slots_)
      if (m == many && o == one) return slot;
    Series series(result_labels(many == kNobody ? g.labels : many_[many].labels,
                                one == kNobody ? g.labels : one_[one].labels),
                  steps_);
    const bool renamed = changes_name(expr_.op) || expr_.return_bool;
    series.drop_name = renamed || (many != kNobody && many_[many].drop_name);
    size_t slot = out_.size();
    for (const auto& [m, o, known] : slots_)
      if (out_[known].labels == series.labels) slot = known;
    if (slot == out_.size()) {
      out_.push_back(std::move(series));
      taken_.emplace_back();
    }
    note_sources(slot, many, one);
    slots_.push_back({many, one, slot});
    return slot;
  }

  void note_sources(size_t slot, size_t many, size_t one) {
    SourceUnion sources;
    sources.add(out_[slot].sources, {});
    if (many != kNobody && !many_[many].sources.empty())
      sources.add(many_[many].sources, many_[many].present());
    if (one != kNobody && !one_[one].sources.empty())
      sources.add(one_[one].sources, one_[one].present());
    out_[slot].sources = sources.take();
  }

  model::Labels result_labels(const model::Labels& many, const model::Labels& one) const {
    model::LabelsBuilder builder(many);
    if (changes_name(expr_.op))
      builder.remove(model::kMetricName).remove("__type__").remove("__unit__");
    if (matching_.cardinality == MatchCardinality::kOneToOne)
      for (const model::LabelView label : many)
        if (contains(matching_.labels, label.name) != matching_.on) builder.remove(label.name);
    for (const std::string& name : matching_.include) builder.set(name, one.get(name));
    return builder.build();
  }

  std::unexpected<Error> duplicates(const MatchGroup& g, size_t first, size_t second) const {
    std::string a = labels_text(one_[first].labels);
    std::string b = labels_text(one_[second].labels);
    if (b < a) std::swap(a, b);
    return fail(Errc::kExecution, "found duplicate series for the match group ",
                labels_text(g.labels), " on the ", swapped_ ? "left" : "right",
                " hand-side of the operation: [", a, ", ", b,
                "];many-to-many matching not allowed: matching labels must be unique on one side");
  }

  struct Slot {
    size_t many, one, out;
  };

  Evaluator& evaluator_;
  const BinaryExpr& expr_;
  const VectorMatching& matching_;
  const bool swapped_;  // the left side is "one"
  std::vector<Series> many_;
  std::vector<Series> one_;
  const size_t steps_;
  const std::optional<double> fill_many_;
  const std::optional<double> fill_one_;
  std::vector<char> many_present_;
  std::vector<Slot> slots_;     // of the group at hand
  std::vector<size_t> writer_;  // of the group at hand: which slot wrote each step
  std::vector<Series> out_;
  std::vector<std::set<size_t>>
      taken_;  // per output series with grouping: the steps it has a pair for
};

void join_sources(Sources& to, const Sources& more) {
  if (more.empty()) return;
  SourceUnion sources;
  sources.add(to, {});
  sources.add(more, {});
  to = sources.take();
}

void with_scalar(Evaluator& evaluator, const BinaryExpr& expr, Series& s,
                 const std::vector<double>& scalars, bool scalar_left) {
  const bool comparison = is_comparison(expr.op);
  for (size_t step = 0; step < s.cells.size(); ++step) {
    if (!s.has(step)) continue;
    if (s.is_float(step) && expr.op < BinaryOp::kTrimUpper) {
      const double a = scalar_left ? scalars[step] : s.floats[step];
      const double b = scalar_left ? s.floats[step] : scalars[step];
      const double v = apply_float(expr.op, a, b);
      if (!comparison || expr.return_bool)
        s.floats[step] = v;
      else if (v == 0)
        s.clear(step);
      continue;
    }
    const Cell own = s.cell(step);
    const Cell scalar = Cell::of(scalars[step]);
    OperatorResult result =
        scalar_left ? apply(expr.op, scalar, own, evaluator.annotations(), expr.position)
                    : apply(expr.op, own, scalar, evaluator.annotations(), expr.position);
    if (result.incompatible)
      s.clear(step);
    else if (expr.return_bool)
      s.set_float(step, result.cell.kind == CellKind::kNone ? 0 : 1);
    else if (comparison && result.cell.kind != CellKind::kNone)
      s.set(step, own);
    else
      s.set(step, std::move(result.cell));
  }
  s.drop_name = s.drop_name || changes_name(expr.op) || expr.return_bool;
}

}  // namespace

Result<Value> Evaluator::eval_binary(const BinaryExpr& expr, const StepGrid& grid) {
  auto left = eval(*expr.lhs, grid);
  if (!left) return left;
  auto right = eval(*expr.rhs, grid);
  if (!right) return right;
  const bool left_scalar = left->type == ValueType::kScalar;
  const bool right_scalar = right->type == ValueType::kScalar;
  if (left_scalar && right_scalar) {
    for (size_t step = 0; step < grid.count; ++step)
      left->scalars[step] = apply_float(expr.op, left->scalars[step], right->scalars[step]);
    join_sources(left->sources, right->sources);
    return left;
  }
  if (left_scalar || right_scalar) {
    Value& vector = left_scalar ? *right : *left;
    const auto& scalars = left_scalar ? left->scalars : right->scalars;
    const Sources& scalar_sources = left_scalar ? left->sources : right->sources;
    const Status done = for_each(vector.series.size(), [&](size_t i) -> Status {
      with_scalar(*this, expr, vector.series[i], scalars, left_scalar);
      join_sources(vector.series[i].sources, scalar_sources);
      return {};
    });
    if (!done) return std::unexpected(done.error());
    remove_empty(vector.series);
    return std::move(vector);
  }
  Value out;
  if (is_set_operator(expr.op)) {
    auto series = set_operation(expr.op, std::move(left->series), std::move(right->series),
                                *expr.matching, grid.count, context_);
    if (!series) return std::unexpected(series.error());
    out.series = std::move(*series);
  } else {
    auto series =
        VectorOperation(*this, expr, std::move(left->series), std::move(right->series), grid.count)
            .run();
    if (!series) return std::unexpected(series.error());
    out.series = std::move(*series);
  }
  if (auto ok = merge_same_labels(out.series, context_); !ok) return std::unexpected(ok.error());
  return out;
}

Result<Value> Evaluator::eval_unary(const UnaryExpr& expr, const StepGrid& grid) {
  auto value = eval(*expr.expr, grid);
  if (!value || !expr.negative) return value;
  for (double& v : value->scalars) v = -v;
  Pacer pacer(context_.wanted);
  for (Series& s : value->series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    s.drop_name = true;
    for (size_t step = 0; step < s.cells.size(); ++step) {
      if (s.is_float(step))
        s.floats[step] = -s.floats[step];
      else if (s.has(step))
        s.set(step, Cell::of(multiply(*s.histograms[step], -1)));
    }
  }
  return value;
}

}  // namespace sightline::promql
