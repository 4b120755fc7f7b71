#include "promql/evaluation/evaluator.h"

#include "promql/evaluation/label_filter.h"
#include "promql/syntax/printer.h"

#include <algorithm>

namespace sightline::promql {
namespace {

uint64_t held_samples(const Value& value) {
  uint64_t n = value.scalars.size();
  for (const Series& s : value.series) n += s.count() + label_weight(s.labels);
  return n;
}

// What fed the only step feeds all of them.
void every_step(Sources& sources) {
  std::erase_if(sources, [](const SeriesSource& s) { return !s.steps.has(0); });
  for (SeriesSource& s : sources) s.steps = {};
}

void broadcast(Value& value, size_t count) {
  if (!value.scalars.empty()) value.scalars.assign(count, value.scalars[0]);
  every_step(value.sources);
  for (Series& s : value.series) {
    s.floats.assign(count, s.floats[0]);
    s.cells.assign(count, s.cells[0]);
    if (!s.histograms.empty()) s.histograms.assign(count, s.histograms[0]);
    every_step(s.sources);
  }
}

bool depends_on_step(FunctionId id) {
  switch (id) {
    case FunctionId::kDaysInMonth:
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfYear:
    case FunctionId::kHour:
    case FunctionId::kMinute:
    case FunctionId::kMonth:
    case FunctionId::kYear:
    case FunctionId::kPredictLinear:
    case FunctionId::kTime:
    case FunctionId::kTimestamp:
    case FunctionId::kInfo:
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
    case FunctionId::kSortByLabel:
    case FunctionId::kSortByLabelDesc: return true;
    default: return false;
  }
}

}  // namespace

uint64_t label_weight(const model::Labels& labels) {
  constexpr size_t kUsualBytes = 1024;
  constexpr size_t kBytesPerSample = 16;
  const size_t bytes = labels.packed().size();
  return bytes > kUsualBytes ? bytes / kBytesPerSample : 0;
}

Status QueryContext::afford(uint64_t more) {
  const uint64_t total = samples_now + more;
  if (total < samples_now || total > engine.samples_max)
    return fail(Errc::kExecution,
                "query processing would load too many samples into memory in query execution");
  samples_peak = std::max(samples_peak, total);
  return {};
}

Status QueryContext::hold(const Series& series) {
  constexpr uint64_t kEmptyStepsPerSample = 4;
  constexpr uint64_t kBytesPerStep = sizeof(double) + sizeof(CellKind);
  const size_t steps = series.cells.size();
  const uint64_t more = std::max<uint64_t>(series.count(), steps / kEmptyStepsPerSample);
  const uint64_t now = samples_now + building.fetch_add(more, std::memory_order_relaxed) + more;
  uint64_t peak = bytes_peak.load(std::memory_order_relaxed);
  while (now * kBytesPerStep > peak &&
         !bytes_peak.compare_exchange_weak(peak, now * kBytesPerStep, std::memory_order_relaxed)) {
  }
  if (now <= engine.samples_max) return {};
  return fail(Errc::kExecution,
              "query processing would load too many samples into memory in query execution");
}

namespace {

// Whether keeping the value saves reading series again.
bool reads_series(const Expr& expr) {
  if (expr.kind == ExprKind::kVectorSelector) return true;
  return std::ranges::any_of(children_of(expr),
                             [](const Expr* child) { return reads_series(*child); });
}

bool may_be_shared(const Expr& expr) {
  const bool kind = expr.kind == ExprKind::kVectorSelector || expr.kind == ExprKind::kAggregate ||
                    expr.kind == ExprKind::kCall || expr.kind == ExprKind::kBinary;
  return kind && type_of(expr) != ValueType::kMatrix;
}

// The text tells two expressions apart, but for what the nodes above want of histograms.
std::string twin_key(const Expr& expr) {
  std::string out = to_text(expr);
  const auto stats = [](const auto& self, const Expr& e) -> bool {
    if (e.kind == ExprKind::kVectorSelector) return as<VectorSelector>(e).histogram_stats;
    return std::ranges::any_of(children_of(e),
                               [&](const Expr* child) { return self(self, *child); });
  };
  if (stats(stats, expr)) out += " of counts and sums";
  return out;
}

void count_uses(const Expr& expr, std::unordered_map<std::string, size_t>& uses) {
  if (expr.kind == ExprKind::kMatrixSelector) return;
  if (may_be_shared(expr) && reads_series(expr)) ++uses[twin_key(expr)];
  for (const Expr* child : children_of(expr)) count_uses(*child, uses);
}

}  // namespace

void Evaluator::find_twins(const Expr& root) {
  constexpr size_t kTextMax = 16'384;  // beyond, looking would cost more than it saves
  constexpr uint32_t kHeightMax = 64;
  if (root.position.end - root.position.start > kTextMax || root.height > kHeightMax) return;
  Counts uses;
  count_uses(root, uses);
  std::unordered_map<std::string, size_t> numbers;
  mark_twins(root, 1, uses, numbers);
}

// Only the largest: what stands within a shared expression alone is evaluated with it.
void Evaluator::mark_twins(const Expr& expr, size_t parent_uses, const Counts& uses,
                           std::unordered_map<std::string, size_t>& numbers) {
  if (expr.kind == ExprKind::kMatrixSelector) return;
  size_t own = parent_uses;
  if (may_be_shared(expr)) {
    const std::string key = twin_key(expr);
    const auto found = uses.find(key);
    if (found != uses.end() && found->second > parent_uses) {
      own = found->second;
      const auto [number, fresh] = numbers.try_emplace(key, kept_.size());
      if (fresh) kept_.push_back({own, {}, {}});
      twins_.emplace(&expr, number->second);
    }
  }
  for (const Expr* child : children_of(expr)) mark_twins(*child, own, uses, numbers);
}

Result<Value> Evaluator::eval(const Expr& expr, const StepGrid& grid) {
  const auto twin = twins_.find(&expr);
  if (twin == twins_.end()) return evaluate(expr, grid);
  {
    Kept& kept = kept_[twin->second];
    --kept.uses_left;
    if (kept.value && kept.grid == grid)
      return kept.uses_left == 0 ? std::move(*kept.value) : *kept.value;
  }
  const size_t said = annotations().size();
  auto out = evaluate(expr, grid);
  Kept& kept = kept_[twin->second];
  // What says something says it again at its other place.
  if (!out || kept.uses_left == 0 || annotations().size() != said) return out;
  const uint64_t held = held_samples(*out);
  if (auto ok = context_.afford(held); !ok) return std::unexpected(ok.error());
  context_.samples_now += held;
  kept.grid = grid;
  kept.value = *out;
  return out;
}

Result<Value> Evaluator::evaluate(const Expr& expr, const StepGrid& grid) {
  if (auto ok = context_.alive(); !ok) return std::unexpected(ok.error());
  const uint64_t before = context_.samples_now;
  Result<Value> value;
  if (grid.count > 1 && is_step_invariant(expr)) {
    const StepGrid only{grid.start_ms, grid.step_ms, 1};
    SampleLedger ledger(only, StepCounts::kTotalOnly);
    SampleLedger& outer = *std::exchange(context_.ledger, &ledger);
    value = dispatch(expr, only);
    context_.ledger = &outer;
    if (value) {
      outer.add_invariant(ledger);
      if (auto ok = context_.afford(value->series.size() * grid.count); !ok)
        return std::unexpected(ok.error());
      broadcast(*value, grid.count);
    }
  } else {
    value = dispatch(expr, grid);
  }
  if (!value) return value;
  context_.samples_now = before;  // what the children held is gone
  const uint64_t held = held_samples(*value);
  if (auto ok = context_.afford(held); !ok) return std::unexpected(ok.error());
  context_.samples_now = before + held;
  return value;
}

Result<Value> Evaluator::dispatch(const Expr& expr, const StepGrid& grid) {
  switch (expr.kind) {
    case ExprKind::kNumber:
      return Value{ValueType::kScalar,
                   {},
                   std::vector<double>(grid.count, as<NumberLiteral>(expr).value),
                   {}};
    case ExprKind::kString: return Value{ValueType::kString, {}, {}, as<StringLiteral>(expr).value};
    case ExprKind::kVectorSelector: return eval_selector(as<VectorSelector>(expr), grid);
    case ExprKind::kAggregate: return eval_aggregate(as<AggregateExpr>(expr), grid);
    case ExprKind::kBinary: return eval_binary(as<BinaryExpr>(expr), grid);
    case ExprKind::kUnary: return eval_unary(as<UnaryExpr>(expr), grid);
    case ExprKind::kParen: return dispatch(*as<ParenExpr>(expr).expr, grid);
    case ExprKind::kCall: return eval_call(as<Call>(expr), grid);
    case ExprKind::kMatrixSelector:
    case ExprKind::kSubquery:
    case ExprKind::kDuration: break;
  }
  return fail(Errc::kInternal, "a range vector stands where none can");
}

bool Evaluator::is_step_invariant(const Expr& expr) {
  if (const auto known = invariant_.find(&expr); known != invariant_.end()) return known->second;
  bool out = true;
  if (expr.kind == ExprKind::kVectorSelector)
    out = as<VectorSelector>(expr).at.is_set();
  else if (expr.kind == ExprKind::kSubquery)
    out = as<SubqueryExpr>(expr).at.is_set();
  else if (expr.kind == ExprKind::kCall && depends_on_step(as<Call>(expr).function->id))
    out = false;
  else
    for (const Expr* child : children_of(expr)) out = is_step_invariant(*child) && out;
  invariant_.emplace(&expr, out);
  return out;
}

Result<std::unique_ptr<tsdb::SeriesSet>> Evaluator::select(std::span<const tsdb::Matcher> matchers,
                                                           tsdb::TimeRange range) {
  auto set = context_.querier.select(matchers, range);
  if (set) context_.ledger->note_series((*set)->size());
  return set;
}

Status Evaluator::for_each(size_t count, const std::function<Status(size_t)>& body) {
  return for_blocks(count, [&](size_t begin, size_t end) -> Status {
    for (size_t i = begin; i < end; ++i) {
      if (auto ok = context_.alive(); !ok) return ok;
      if (auto ok = body(i); !ok) return ok;
    }
    return {};
  });
}

Status Evaluator::for_blocks(size_t count, const std::function<Status(size_t, size_t)>& body,
                             size_t block) {
  constexpr size_t kBlockMax = 64;
  constexpr size_t kBlocksPerThread = 4;
  const size_t threads = context_.pool == nullptr ? 1 : context_.pool->thread_count();
  if (block == kAnyBlock)
    block = std::clamp<size_t>(count / (threads * kBlocksPerThread), 1, kBlockMax);
  const size_t blocks = (count + block - 1) / block;
  if (threads < 2 || blocks < 2) {
    for (size_t b = 0; b < blocks; ++b)
      if (auto ok = body(b * block, std::min(count, (b + 1) * block)); !ok) return ok;
    return {};
  }
  std::mutex mutex;
  Status first;
  std::atomic<bool> stop{false};  // only a hint to end early; `first` is under the mutex
  context_.pool->parallel_for(blocks, [&](size_t b) {
    if (stop.load(std::memory_order_relaxed)) return;
    Status ok = body(b * block, std::min(count, (b + 1) * block));
    if (ok) return;
    stop.store(true, std::memory_order_relaxed);
    const std::lock_guard lock(mutex);
    if (first) first = std::move(ok);
  });
  return first;
}

uint32_t Evaluator::enter_inputs(const tsdb::SeriesSet& set, int64_t window_ms,
                                 const AtModifier& at, int64_t offset_ms) {
  if (!context_.options.provenance) return 0;
  const auto first = static_cast<uint32_t>(context_.inputs.size());
  QueryInput input{{}, window_ms + around_.window_ms, offset_ms, at.timestamp_ms};
  if (!input.at_ms) {
    input.offset_ms += around_.offset_ms;
    input.at_ms = around_.at_ms;
  }
  context_.inputs.reserve(first + set.size());
  for (size_t i = 0; i < set.size(); ++i) {
    input.labels = set.labels(i);
    context_.inputs.push_back(input);
  }
  return first;
}

void Evaluator::note_source(uint32_t first_input, size_t index, Sources& to) const {
  if (context_.options.provenance) to.push_back({first_input + static_cast<uint32_t>(index), {}});
}

bool is_identity_label(std::string_view name) {
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

bool has_identity(const model::Labels& labels) {
  for (const model::LabelView label : labels)
    if (is_identity_label(label.name)) return true;
  return false;
}

model::Labels without_identity(const model::Labels& labels) {
  if (!has_identity(labels)) return labels;
  std::string packed;
  packed.reserve(labels.packed().size());
  for (const model::LabelView label : labels)
    if (!is_identity_label(label.name)) append_packed(packed, label);
  return model::Labels::from_packed(std::move(packed));
}

namespace {

bool merge_into(Series& to, Series& from) {
  SourceUnion sources;
  if (!to.sources.empty()) sources.add(to.sources, to.present());
  if (!from.sources.empty()) sources.add(from.sources, from.present());
  for (size_t step = 0; step < to.cells.size(); ++step) {
    if (!from.has(step)) continue;
    if (to.has(step)) return false;
    to.set(step, from.cell(step));
  }
  to.drop_name = to.drop_name || from.drop_name;
  to.sources = sources.take();
  return true;
}

}  // namespace

Status merge_same_labels(std::vector<Series>& series, const QueryContext& context) {
  // What comes from a store is sorted, and different.
  const auto ordered = [](const Series& a, const Series& b) { return !(a.labels < b.labels); };
  if (std::ranges::adjacent_find(series, ordered) == series.end()) return {};
  // A series that will lose its name is another one than its namesake that will not.
  std::unordered_map<std::string_view, size_t> first[2];
  first[0].reserve(series.size());
  size_t kept = 0;
  Pacer pacer(context.wanted);
  for (size_t i = 0; i < series.size(); ++i) {
    if (auto ok = pacer.step(); !ok) return ok;
    auto& known = first[series[i].drop_name && has_identity(series[i].labels) ? 1 : 0];
    const auto [at, fresh] = known.try_emplace(series[i].labels.packed(), kept);
    if (!fresh) {
      if (!merge_into(series[at->second], series[i]))
        return fail(Errc::kExecution, "vector cannot contain metrics with the same labelset");
      continue;
    }
    if (kept != i) {
      // Moving a short label set moves its bytes, so the key must be taken again.
      known.erase(at);
      series[kept] = std::move(series[i]);
      known.emplace(series[kept].labels.packed(), kept);
    }
    ++kept;
  }
  series.resize(kept);
  return {};
}

Status drop_names(std::vector<Series>& series, const QueryContext& context) {
  bool any = false;
  Pacer pacer(context.wanted);
  for (Series& s : series) {
    if (auto ok = pacer.step(); !ok) return ok;
    if (!s.drop_name) continue;
    s.labels = without_identity(s.labels);
    s.drop_name = false;
    any = true;
  }
  return any ? merge_same_labels(series, context) : Status();
}

void remove_empty(std::vector<Series>& series) {
  std::erase_if(series, [](const Series& s) { return !s.any(); });
}

}  // namespace sightline::promql
