#include "promql/testing/reference_evaluator.h"

#include <algorithm>
#include <cmath>

#include "base/number_text.h"
#include "model/sample.h"
#include "promql/functions/histogram_math.h"
#include "promql/syntax/function_table.h"

namespace sightline::promql {
namespace {

using model::Histogram;

struct Sample {
  int64_t time = 0;
  Cell cell;
  int64_t created = 0;
  bool is_float() const { return cell.kind == CellKind::kFloat; }
  bool stale() const {
    return model::is_stale_marker(is_float() ? cell.value : cell.histogram->sum);
  }
};
using Samples = std::vector<Sample>;

// All samples in (from, to], in time order.
Samples samples_in(const tsdb::SampleColumns& s, int64_t from, int64_t to) {
  Samples out;
  for (size_t i = 0; i < s.times.size(); ++i)
    if (s.times[i] > from && s.times[i] <= to)
      out.push_back({s.times[i], Cell::of(s.values[i]), s.created.empty() ? 0 : s.created[i]});
  for (size_t i = 0; i < s.histogram_times.size(); ++i)
    if (s.histogram_times[i] > from && s.histogram_times[i] <= to)
      out.push_back({s.histogram_times[i], Cell::of(s.histograms[i]), 0});
  std::ranges::stable_sort(out, {}, &Sample::time);
  return out;
}

bool matches(const model::Labels& labels, const std::vector<tsdb::Matcher>& matchers) {
  return std::ranges::all_of(
      matchers, [&](const tsdb::Matcher& m) { return m.matches(labels.get(m.name())); });
}

bool is_identity(std::string_view name) {
  return name == "__name__" || name == "__type__" || name == "__unit__";
}

model::Labels nameless(const model::Labels& labels) {
  model::LabelsBuilder builder;
  for (const model::LabelView l : labels)
    if (!is_identity(l.name)) builder.set(l.name, l.value);
  return builder.build();
}

Status check_unique(const ReferenceVector& v) {
  for (size_t i = 0; i < v.size(); ++i)
    for (size_t j = i + 1; j < v.size(); ++j)
      if (v[i].labels == v[j].labels)
        return fail(Errc::kExecution, "vector cannot contain metrics with the same labelset");
  return {};
}

// Mean and variance need more digits than their inputs to be a yardstick.
long double sum_of(const std::vector<double>& values) {
  long double out = 0;
  for (const double v : values) out += v;
  return out;
}

double quantile_of(double phi, std::vector<double> values) {
  if (values.empty() || std::isnan(phi)) return std::nan("");
  if (phi < 0) return -HUGE_VAL;
  if (phi > 1) return HUGE_VAL;
  std::ranges::sort(values,
                    [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
  const double rank = phi * static_cast<double>(values.size() - 1);
  const auto low = static_cast<size_t>(std::floor(rank));
  const size_t high = std::min(low + 1, values.size() - 1);
  const double weight = rank - std::floor(rank);
  if (weight == 0) return values[low];
  return values[low] * (1 - weight) + values[high] * weight;
}

double variance_of(const std::vector<double>& values) {
  const long double mean = sum_of(values) / static_cast<long double>(values.size());
  long double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return static_cast<double>(squares / static_cast<long double>(values.size()));
}

double extreme_of(const std::vector<double>& values, bool lowest) {
  double out = std::nan("");
  for (const double v : values)
    if (std::isnan(out) || (lowest ? v < out : v > out)) out = v;
  return out;
}

Cell histogram_total(const std::vector<HistogramPtr>& all, bool mean) {
  Histogram sum = *all[0];
  MergeNotes notes;
  for (size_t i = 1; i < all.size(); ++i) {
    auto next = add(sum, *all[i], notes);
    if (!next) return Cell::none();
    sum = *next;
  }
  return Cell::of(mean ? divide(sum, static_cast<double>(all.size())) : sum);
}

bool starts_anew(const Sample& a, const Sample& b) {
  if (b.created == 0 || b.created >= b.time || b.created < a.time) return false;
  if (b.created > a.time) return true;
  return a.created != 0 && a.created < a.time;
}

// rate, increase, delta of one window.
Cell rate_of(const Samples& w, FunctionId id, int64_t start, int64_t end) {
  const bool counter = id != FunctionId::kDelta;
  const bool floats = w[0].is_float();
  for (const Sample& s : w)
    if (s.is_float() != floats) return Cell::none();
  const bool from_start =
      counter && w[0].created > start && w[0].created < w[0].time && w[0].created != 0;
  if (w.size() < 2 && !from_start) return Cell::none();
  double change = 0;
  Histogram histogram;
  if (floats) {
    change = w.back().cell.value - w[0].cell.value;
    for (size_t i = 1; counter && i < w.size(); ++i)
      if (w[i].cell.value < w[i - 1].cell.value || starts_anew(w[i - 1], w[i]))
        change += w[i - 1].cell.value;
  } else {
    MergeNotes notes;
    // A first sample that a reset follows counts for nothing, its layout neither.
    const bool skip_first =
        counter && w.size() > 1 && is_reset(*w[1].cell.histogram, *w[0].cell.histogram);
    Result<Histogram> sum = *w.back().cell.histogram;
    if (!skip_first && w.size() > 1) sum = subtract(*sum, *w[0].cell.histogram, notes);
    if (!sum) return Cell::none();
    for (size_t i = skip_first ? 2 : 1; counter && i < w.size(); ++i)
      if (is_reset(*w[i].cell.histogram, *w[i - 1].cell.histogram))
        sum = add(*sum, *w[i - 1].cell.histogram, notes);
    histogram = *sum;
  }
  const double sampled = static_cast<double>(w.back().time - w[0].time) / 1000;
  const double gap = w.size() > 1 ? sampled / static_cast<double>(w.size() - 1) : 0;
  double left = static_cast<double>(w[0].time - start) / 1000;
  double right = static_cast<double>(end - w.back().time) / 1000;
  double covered = sampled;
  if (from_start) {
    left = 0;
    covered = static_cast<double>(w.back().time - w[0].created) / 1000;
  } else {
    if (left >= gap * 1.1) left = gap / 2;
    const double first = floats ? w[0].cell.value : w[0].cell.histogram->count;
    const double grown = floats ? change : histogram.count;
    if (counter && grown > 0 && first >= 0) left = std::min(left, sampled * first / grown);
  }
  if (right >= gap * 1.1) right = gap / 2;
  if (from_start) change += w[0].cell.value;
  double factor = covered == 0 ? 1 : (covered + left + right) / covered;
  if (id == FunctionId::kRate) factor /= static_cast<double>(end - start) / 1000;
  if (floats) return Cell::of(change * factor);
  return Cell::of(multiply(histogram, factor));
}

Cell last_two(const Samples& w, bool rate) {
  if (w.size() < 2) return Cell::none();
  const Sample& a = w[w.size() - 2];
  const Sample& b = w.back();
  if (a.is_float() != b.is_float()) return Cell::none();
  const double seconds = static_cast<double>(b.time - a.time) / 1000;
  if (!a.is_float()) {
    MergeNotes notes;
    if (rate && is_reset(*b.cell.histogram, *a.cell.histogram))
      return Cell::of(divide(*b.cell.histogram, seconds));
    auto change = subtract(*b.cell.histogram, *a.cell.histogram, notes);
    if (!change) return Cell::none();
    return Cell::of(rate ? divide(*change, seconds) : *change);
  }
  const bool reset = rate && (b.cell.value < a.cell.value || starts_anew(a, b));
  const double change = reset ? b.cell.value : b.cell.value - a.cell.value;
  return Cell::of(rate ? change / seconds : change);
}

Cell window_function(FunctionId id, const Samples& w, int64_t start, int64_t end, double param,
                     int64_t now) {
  std::vector<double> floats;
  std::vector<HistogramPtr> histograms;
  for (const Sample& s : w) {
    if (s.is_float())
      floats.push_back(s.cell.value);
    else
      histograms.push_back(s.cell.histogram);
  }
  switch (id) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta: return rate_of(w, id, start, end);
    case FunctionId::kIrate: return last_two(w, true);
    case FunctionId::kIdelta: return last_two(w, false);
    case FunctionId::kCountOverTime: return Cell::of(static_cast<double>(w.size()));
    case FunctionId::kPresentOverTime: return Cell::of(1);
    case FunctionId::kLastOverTime: return w.back().cell;
    case FunctionId::kFirstOverTime: return w.front().cell;
    case FunctionId::kTsOfLastOverTime: return Cell::of(static_cast<double>(w.back().time) / 1000);
    case FunctionId::kSumOverTime:
    case FunctionId::kAvgOverTime: {
      const bool mean = id == FunctionId::kAvgOverTime;
      if (!floats.empty() && !histograms.empty()) return Cell::none();
      if (floats.empty()) return histogram_total(histograms, mean);
      return Cell::of(static_cast<double>(sum_of(floats) /
                                          (mean ? static_cast<long double>(floats.size()) : 1)));
    }
    case FunctionId::kChanges:
    case FunctionId::kResets: {
      double n = 0;
      for (size_t i = 1; i < w.size(); ++i) {
        const Cell& a = w[i - 1].cell;
        const Cell& b = w[i].cell;
        if (a.kind != b.kind)
          ++n;
        else if (a.kind == CellKind::kHistogram)
          n += id == FunctionId::kChanges ? !same_histogram(*a.histogram, *b.histogram)
                                          : is_reset(*b.histogram, *a.histogram);
        else if (id == FunctionId::kChanges)
          n += a.value != b.value && !(std::isnan(a.value) && std::isnan(b.value));
        else
          n += b.value < a.value || starts_anew(w[i - 1], w[i]);
      }
      return Cell::of(n);
    }
    default: break;
  }
  if (floats.empty()) return Cell::none();
  switch (id) {
    case FunctionId::kMinOverTime: return Cell::of(extreme_of(floats, true));
    case FunctionId::kMaxOverTime: return Cell::of(extreme_of(floats, false));
    case FunctionId::kStdvarOverTime: return Cell::of(variance_of(floats));
    case FunctionId::kStddevOverTime: return Cell::of(std::sqrt(variance_of(floats)));
    case FunctionId::kQuantileOverTime: return Cell::of(quantile_of(param, floats));
    default: break;
  }
  (void)now;
  return Cell::none();
}

model::Labels group_of(const model::Labels& labels, const AggregateExpr& e) {
  model::LabelsBuilder builder;
  for (const model::LabelView l : labels) {
    const bool listed = std::ranges::find(e.grouping, l.name) != e.grouping.end();
    if (e.without ? !listed && l.name != "__name__" : listed) builder.set(l.name, l.value);
  }
  return builder.build();
}

Cell aggregate_cells(AggregateOp op, double param, const std::vector<Cell>& cells) {
  std::vector<double> floats;
  std::vector<HistogramPtr> histograms;
  for (const Cell& c : cells) {
    if (c.kind == CellKind::kFloat)
      floats.push_back(c.value);
    else
      histograms.push_back(c.histogram);
  }
  if (op == AggregateOp::kCount) return Cell::of(static_cast<double>(cells.size()));
  if (op == AggregateOp::kGroup) return Cell::of(1);
  if (op == AggregateOp::kSum || op == AggregateOp::kAvg) {
    const bool mean = op == AggregateOp::kAvg;
    if (!floats.empty() && !histograms.empty()) return Cell::none();
    if (floats.empty()) return histogram_total(histograms, mean);
    return Cell::of(
        static_cast<double>(sum_of(floats) / (mean ? static_cast<long double>(floats.size()) : 1)));
  }
  if (floats.empty()) return Cell::none();
  switch (op) {
    case AggregateOp::kMin: return Cell::of(extreme_of(floats, true));
    case AggregateOp::kMax: return Cell::of(extreme_of(floats, false));
    case AggregateOp::kStdvar: return Cell::of(variance_of(floats));
    case AggregateOp::kStddev: return Cell::of(std::sqrt(variance_of(floats)));
    case AggregateOp::kQuantile: return Cell::of(quantile_of(param, floats));
    default: return Cell::none();
  }
}

double calculate(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd: return a + b;
    case BinaryOp::kSub: return a - b;
    case BinaryOp::kMul: return a * b;
    case BinaryOp::kDiv: return a / b;
    case BinaryOp::kMod: return std::fmod(a, b);
    case BinaryOp::kEqual: return a == b;
    case BinaryOp::kNotEqual: return a != b;
    case BinaryOp::kLess: return a < b;
    case BinaryOp::kGreater: return a > b;
    case BinaryOp::kLessEqual: return a <= b;
    case BinaryOp::kGreaterEqual: return a >= b;
    default: return std::nan("");
  }
}

// nullopt: does not hold, or the two do not fit.
std::optional<Cell> combine(const BinaryExpr& e, const Cell& a, const Cell& b, const Cell& kept) {
  const bool comparison = is_comparison(e.op);
  if (a.kind == CellKind::kFloat && b.kind == CellKind::kFloat) {
    const double v = calculate(e.op, a.value, b.value);
    if (!comparison || e.return_bool) return Cell::of(v);
    return v != 0 ? std::optional<Cell>(kept) : std::nullopt;
  }
  if (a.kind == b.kind && (e.op == BinaryOp::kEqual || e.op == BinaryOp::kNotEqual)) {
    const bool holds = same_histogram(*a.histogram, *b.histogram) == (e.op == BinaryOp::kEqual);
    if (e.return_bool) return Cell::of(holds ? 1 : 0);
    return holds ? std::optional<Cell>(kept) : std::nullopt;
  }
  if (comparison) return std::nullopt;
  MergeNotes notes;
  if (a.kind == b.kind && (e.op == BinaryOp::kAdd || e.op == BinaryOp::kSub)) {
    auto h = e.op == BinaryOp::kAdd ? add(*a.histogram, *b.histogram, notes)
                                    : subtract(*a.histogram, *b.histogram, notes);
    if (!h) return std::nullopt;
    return Cell::of(*h);
  }
  if (a.kind == b.kind) return std::nullopt;
  if (e.op == BinaryOp::kMul)
    return Cell::of(a.kind == CellKind::kHistogram ? multiply(*a.histogram, b.value)
                                                   : multiply(*b.histogram, a.value));
  if (e.op == BinaryOp::kDiv && a.kind == CellKind::kHistogram)
    return Cell::of(divide(*a.histogram, b.value));
  return std::nullopt;
}

model::Labels match_key(const model::Labels& labels, const VectorMatching& m) {
  model::LabelsBuilder builder;
  for (const model::LabelView l : labels) {
    const bool listed = std::ranges::find(m.labels, l.name) != m.labels.end();
    if (m.on ? listed : !listed && l.name != "__name__") builder.set(l.name, l.value);
  }
  return builder.build();
}

Result<ReferenceVector> join(const BinaryExpr& e, const ReferenceVector& left,
                             const ReferenceVector& right) {
  const VectorMatching& m = *e.matching;
  ReferenceVector out;
  if (left.empty() || right.empty()) return out;
  for (size_t i = 0; i < right.size(); ++i)
    for (size_t j = i + 1; j < right.size(); ++j)
      if (match_key(right[i].labels, m) == match_key(right[j].labels, m))
        return fail(Errc::kExecution, "many-to-many");
  std::vector<model::Labels> used;
  for (const ReferenceElement& l : left)
    for (const ReferenceElement& r : right) {
      const model::Labels key = match_key(l.labels, m);
      if (key != match_key(r.labels, m)) continue;
      const auto cell = combine(e, l.cell, r.cell, l.cell);
      const bool floats = l.cell.kind == CellKind::kFloat && r.cell.kind == CellKind::kFloat;
      const bool histograms =
          l.cell.kind == r.cell.kind && (e.op == BinaryOp::kEqual || e.op == BinaryOp::kNotEqual);
      if (!cell && !floats && !histograms) continue;  // the two do not fit, which is no pair
      model::LabelsBuilder builder(is_comparison(e.op) ? l.labels : nameless(l.labels));
      if (m.cardinality == MatchCardinality::kOneToOne) {
        for (const model::LabelView label : l.labels)
          if ((std::ranges::find(m.labels, label.name) != m.labels.end()) != m.on)
            builder.remove(label.name);
        if (std::ranges::find(used, key) != used.end())
          return fail(Errc::kExecution, "multiple matches");
        used.push_back(key);
      }
      if (cell) out.push_back({builder.build(), *cell, l.drop_name || e.return_bool});
    }
  return out;
}

ReferenceVector set_operation(const BinaryExpr& e, const ReferenceVector& left,
                              const ReferenceVector& right) {
  const auto any = [&](const ReferenceVector& in, const ReferenceElement& like) {
    return std::ranges::any_of(in, [&](const ReferenceElement& x) {
      return match_key(x.labels, *e.matching) == match_key(like.labels, *e.matching);
    });
  };
  ReferenceVector out;
  for (const ReferenceElement& l : left)
    if (e.op == BinaryOp::kOr || any(right, l) == (e.op == BinaryOp::kAnd)) out.push_back(l);
  if (e.op == BinaryOp::kOr)
    for (const ReferenceElement& r : right)
      if (!any(left, r)) out.push_back(r);
  return out;
}

int64_t moment(const AtModifier& at, int64_t offset_ms, int64_t t) {
  return at.timestamp_ms.value_or(t) - offset_ms;
}

}  // namespace

Result<ReferenceValue> ReferenceEvaluator::eval(const Expr& expr, int64_t time_ms) const {
  auto out = node(expr, time_ms);
  if (!out) return out;
  for (ReferenceElement& e : out->vector)
    if (e.drop_name) e.labels = nameless(e.labels);
  if (auto ok = check_unique(out->vector); !ok) return std::unexpected(ok.error());
  return out;
}

Result<ReferenceValue> ReferenceEvaluator::node(const Expr& expr, int64_t t) const {
  switch (expr.kind) {
    case ExprKind::kNumber: return ReferenceValue{true, as<NumberLiteral>(expr).value, {}};
    case ExprKind::kParen: return node(*as<ParenExpr>(expr).expr, t);
    case ExprKind::kCall: return call(as<Call>(expr), t);
    case ExprKind::kAggregate: return aggregate(as<AggregateExpr>(expr), t);
    case ExprKind::kBinary: return binary(as<BinaryExpr>(expr), t);
    case ExprKind::kVectorSelector: {
      const auto& s = as<VectorSelector>(expr);
      const int64_t at = moment(s.at, s.offset.ms, t);
      ReferenceValue out;
      for (const auto& [labels, columns] : store_.series()) {
        if (!matches(labels, s.matchers)) continue;
        const Samples found = samples_in(columns, at - lookback_ms_, at);
        if (!found.empty() && !found.back().stale())
          out.vector.push_back({labels, found.back().cell});
      }
      return out;
    }
    case ExprKind::kUnary: {
      auto out = node(*as<UnaryExpr>(expr).expr, t);
      if (!out || !as<UnaryExpr>(expr).negative) return out;
      out->scalar = -out->scalar;
      for (ReferenceElement& e : out->vector) {
        e.drop_name = true;
        e.cell = e.cell.kind == CellKind::kFloat ? Cell::of(-e.cell.value)
                                                 : Cell::of(multiply(*e.cell.histogram, -1));
      }
      return out;
    }
    default: return fail(Errc::kUnsupported, "the reference evaluator does not know this node");
  }
}

Result<ReferenceValue> ReferenceEvaluator::range_call(const Call& call, int64_t t) const {
  double param = 0;
  const Expr* range = nullptr;
  for (const ExprPtr& arg : call.args) {
    if (type_of(*arg) == ValueType::kMatrix)
      range = &unwrap_parens(*arg);
    else
      param = as<NumberLiteral>(*arg).value;
  }
  ReferenceValue out;
  const FunctionId id = call.function->id;
  const bool keeps = id == FunctionId::kLastOverTime || id == FunctionId::kFirstOverTime;
  if (range->kind == ExprKind::kMatrixSelector) {
    const auto& m = as<MatrixSelector>(*range);
    const int64_t end = moment(m.selector->at, m.selector->offset.ms, t);
    for (const auto& [labels, columns] : store_.series()) {
      if (!matches(labels, m.selector->matchers)) continue;
      Samples window = samples_in(columns, end - m.range.ms, end);
      std::erase_if(window, [](const Sample& s) { return s.stale(); });
      if (window.empty()) continue;
      Cell cell = window_function(id, window, end - m.range.ms, end, param, t);
      if (cell.kind != CellKind::kNone) out.vector.push_back({labels, std::move(cell), !keeps});
    }
    return out;
  }
  const auto& sub = as<SubqueryExpr>(*range);
  const int64_t end = moment(sub.at, sub.offset.ms, t);
  std::map<model::Labels, std::pair<Samples, bool>> found;
  for (int64_t at = end - sub.range.ms + 1; at <= end; ++at) {
    if (at % sub.step.ms != 0) continue;
    auto inner = node(*sub.expr, at);
    if (!inner) return inner;
    if (auto ok = check_unique(inner->vector); !ok) return std::unexpected(ok.error());
    for (ReferenceElement& e : inner->vector) {
      if (e.cell.kind == CellKind::kHistogram &&
          e.cell.histogram->reset_hint != model::ResetHint::kGauge) {
        Histogram h = *e.cell.histogram;
        h.reset_hint = model::ResetHint::kUnknown;
        e.cell = Cell::of(std::move(h));
      }
      found[e.labels].first.push_back({at, e.cell});
      found[e.labels].second = e.drop_name;
    }
    at += sub.step.ms - 1;
  }
  for (auto& [labels, samples] : found) {
    Cell cell = window_function(id, samples.first, end - sub.range.ms, end, param, t);
    if (cell.kind != CellKind::kNone)
      out.vector.push_back({labels, std::move(cell), !keeps || samples.second});
  }
  return out;
}

Result<ReferenceValue> ReferenceEvaluator::call(const Call& call, int64_t t) const {
  for (const ExprPtr& arg : call.args)
    if (type_of(*arg) == ValueType::kMatrix) return range_call(call, t);
  if (call.function->id == FunctionId::kTime)
    return ReferenceValue{true, static_cast<double>(t) / 1000, {}};
  auto in = node(*call.args.back(), t);
  if (!in) return in;
  ReferenceValue out;
  switch (call.function->id) {
    case FunctionId::kAbs:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramSum:
      for (const ReferenceElement& e : in->vector) {
        const bool of_float = call.function->id == FunctionId::kAbs;
        if (of_float != (e.cell.kind == CellKind::kFloat)) continue;
        const double v = of_float ? std::fabs(e.cell.value)
                         : call.function->id == FunctionId::kHistogramCount
                             ? e.cell.histogram->count
                             : e.cell.histogram->sum;
        out.vector.push_back({e.labels, Cell::of(v), true});
      }
      return out;
    case FunctionId::kScalar: {
      std::vector<double> floats;
      for (const ReferenceElement& e : in->vector)
        if (e.cell.kind == CellKind::kFloat) floats.push_back(e.cell.value);
      return ReferenceValue{true, floats.size() == 1 ? floats[0] : std::nan(""), {}};
    }
    case FunctionId::kVector: return out.vector.push_back({{}, Cell::of(in->scalar)}), out;
    default:
      return fail(Errc::kUnsupported, "the reference evaluator does not know ",
                  call.function->name);
  }
}

Result<ReferenceValue> ReferenceEvaluator::aggregate(const AggregateExpr& e, int64_t t) const {
  double param = 0;
  if (e.param) param = as<NumberLiteral>(*e.param).value;
  auto in = node(*e.expr, t);
  if (!in) return in;
  std::map<model::Labels, std::vector<const ReferenceElement*>> groups;
  for (const ReferenceElement& x : in->vector) groups[group_of(x.labels, e)].push_back(&x);
  ReferenceValue out;
  for (auto& [labels, members] : groups) {
    if (e.op == AggregateOp::kTopk || e.op == AggregateOp::kBottomk) {
      std::erase_if(members,
                    [](const ReferenceElement* x) { return x->cell.kind != CellKind::kFloat; });
      std::ranges::stable_sort(members, [&](const ReferenceElement* a, const ReferenceElement* b) {
        const double x = a->cell.value;
        const double y = b->cell.value;
        if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
        return e.op == AggregateOp::kTopk ? x > y : x < y;
      });
      for (size_t i = 0; i < std::min(members.size(), static_cast<size_t>(param)); ++i)
        out.vector.push_back(*members[i]);
      continue;
    }
    std::vector<Cell> cells;
    bool drop = false;
    for (const ReferenceElement* x : members) {
      cells.push_back(x->cell);
      drop = drop || x->drop_name;
    }
    Cell cell = aggregate_cells(e.op, param, cells);
    if (cell.kind != CellKind::kNone) out.vector.push_back({labels, std::move(cell), drop});
  }
  return out;
}

Result<ReferenceValue> ReferenceEvaluator::binary(const BinaryExpr& e, int64_t t) const {
  auto left = node(*e.lhs, t);
  if (!left) return left;
  auto right = node(*e.rhs, t);
  if (!right) return right;
  if (left->is_scalar && right->is_scalar)
    return ReferenceValue{true, calculate(e.op, left->scalar, right->scalar), {}};
  ReferenceValue out;
  if (left->is_scalar || right->is_scalar) {
    for (const ReferenceElement& x : left->is_scalar ? right->vector : left->vector) {
      const Cell scalar = Cell::of(left->is_scalar ? left->scalar : right->scalar);
      const auto cell =
          left->is_scalar ? combine(e, scalar, x.cell, x.cell) : combine(e, x.cell, scalar, x.cell);
      if (cell)
        out.vector.push_back(
            {x.labels, *cell, x.drop_name || !is_comparison(e.op) || e.return_bool});
    }
    return out;
  }
  if (is_set_operator(e.op)) {
    out.vector = set_operation(e, left->vector, right->vector);
  } else {
    auto joined = join(e, left->vector, right->vector);
    if (!joined) return std::unexpected(joined.error());
    out.vector = std::move(*joined);
  }
  if (auto ok = check_unique(out.vector); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace sightline::promql
