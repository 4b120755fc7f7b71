// info(): adds the labels of info series that share instance and job.
#include <algorithm>
#include <cmath>

#include "promql/evaluation/evaluator.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

constexpr std::string_view kIdentifying[] = {"instance", "job"};
constexpr std::string_view kDefaultInfoMetric = "target_info";

bool is_name(std::string_view name) { return name == model::kMetricName; }

model::Labels identity(const model::Labels& labels) {
  model::LabelsBuilder builder;
  for (const std::string_view name : kIdentifying) builder.set(name, labels.get(name));
  return builder.build();
}

// The second argument taken apart.
struct InfoSelector {
  std::vector<tsdb::Matcher> names;   // on __name__
  std::vector<tsdb::Matcher> labels;  // on anything else

  bool takes_label(std::string_view name) const {
    return labels.empty() ||
           std::ranges::any_of(labels, [&](const tsdb::Matcher& m) { return m.name() == name; });
  }
  bool is_info_metric(std::string_view name) const {
    return std::ranges::all_of(names, [&](const tsdb::Matcher& m) { return m.matches(name); });
  }
  bool needs_match() const {
    return std::ranges::any_of(labels, [](const tsdb::Matcher& m) { return !m.matches_empty(); });
  }
};

Result<InfoSelector> info_selector(const Call& call) {
  InfoSelector out;
  if (call.args.size() > 1)
    for (const tsdb::Matcher& m : as<VectorSelector>(*call.args[1]).matchers)
      (is_name(m.name()) ? out.names : out.labels).push_back(m);
  const bool positive = std::ranges::any_of(out.names, [](const tsdb::Matcher& m) {
    return m.op() == tsdb::MatchOp::kEqual || m.op() == tsdb::MatchOp::kRegex;
  });
  if (positive) return out;
  auto fallback =
      out.names.empty()
          ? tsdb::Matcher::create(tsdb::MatchOp::kEqual, std::string(model::kMetricName),
                                  std::string(kDefaultInfoMetric))
          : tsdb::Matcher::create(tsdb::MatchOp::kRegex, std::string(model::kMetricName),
                                  ".+_info");
  if (!fallback) return std::unexpected(fallback.error());
  out.names.push_back(std::move(*fallback));
  return out;
}

// When info series are looked at: as of the first selector below, seen through the subqueries around it.
struct ReferenceTime {
  std::optional<int64_t> at_ms;
  int64_t offset_ms = 0;
  bool found = false;
};

ReferenceTime reference_time(const Expr& expr) {
  if (expr.kind == ExprKind::kVectorSelector) {
    const auto& selector = as<VectorSelector>(expr);
    return {selector.at.timestamp_ms, selector.offset.ms, true};
  }
  ReferenceTime out;
  for (const Expr* child : children_of(expr)) {
    out = reference_time(*child);
    if (out.found) break;
  }
  if (expr.kind == ExprKind::kSubquery && out.found && !out.at_ms) {
    out.offset_ms += as<SubqueryExpr>(expr).offset.ms;
    out.at_ms = as<SubqueryExpr>(expr).at.timestamp_ms;
  }
  return out;
}

// The newest info series of one name for one identity, at each step.
struct InfoSource {
  std::string name;
  std::vector<const Series*> at;       // per step; null when there is none
  std::vector<double> newest_seconds;  // of their samples
};
using InfoSources = std::unordered_map<model::Labels, std::vector<InfoSource>, model::LabelsHash>;

int64_t milliseconds(double seconds) { return std::llround(seconds * 1000); }

// `times` has the sample times of `info`'s series.
Status gather_sources(const Value& info, const Value& times, size_t steps,
                      const QueryContext& context, InfoSources& sources) {
  std::unordered_map<model::Labels, const Series*, model::LabelsHash> time_of;
  Pacer pacer(context.wanted);
  for (const Series& s : times.series) {
    if (auto ok = pacer.step(); !ok) return ok;
    time_of.emplace(s.labels, &s);
  }
  for (const Series& s : info.series) {
    if (auto ok = pacer.step(); !ok) return ok;
    const auto wanted = sources.find(identity(s.labels));
    if (wanted == sources.end()) continue;
    if (!s.histograms.empty()) return fail(Errc::kExecution, "info sample should be float");
    auto& list = wanted->second;
    auto known = std::ranges::find(list, s.labels.metric_name(), &InfoSource::name);
    if (known == list.end()) {
      list.push_back({std::string(s.labels.metric_name()), std::vector<const Series*>(steps),
                      std::vector<double>(steps)});
      known = list.end() - 1;
    }
    const auto sampled = time_of.find(s.labels);
    if (sampled == time_of.end()) continue;
    for (size_t step = 0; step < steps; ++step) {
      if (!s.has(step)) continue;
      const double t = sampled->second->floats[step];
      const Series*& newest = known->at[step];
      if (newest != nullptr && known->newest_seconds[step] == t)
        return fail(Errc::kExecution, "found duplicate series for info metric: existing ",
                    labels_text(newest->labels), " @ ", milliseconds(t), ", new ",
                    labels_text(s.labels), " @ ", milliseconds(t));
      if (newest != nullptr && known->newest_seconds[step] > t) continue;
      newest = &s;
      known->newest_seconds[step] = t;
    }
  }
  return {};
}

// The labels that info series add to `base` at a step. False: there is no info series.
Result<bool> add_info_labels(const std::vector<InfoSource>& sources, size_t step,
                             const InfoSelector& selector, const model::Labels& base,
                             model::LabelsBuilder& builder) {
  bool matched = false;
  for (const InfoSource& source : sources) {
    if (source.at[step] == nullptr) continue;
    matched = true;
    for (const model::LabelView label : source.at[step]->labels) {
      if (is_name(label.name) ||
          std::ranges::find(kIdentifying, label.name) != std::end(kIdentifying))
        continue;
      if (!selector.takes_label(label.name) || base.has(label.name)) continue;
      const std::string_view other = builder.get(label.name);
      if (!other.empty() && other != label.value)
        return fail(Errc::kExecution, "conflicting label: ", label.name);
      builder.set(label.name, label.value);
    }
  }
  return matched;
}

// One base series, spread over the label sets it gets over time.
class InfoJoin {
 public:
  InfoJoin(const InfoSelector& selector, const InfoSources& sources, std::vector<Series>& out)
      : selector_(selector), sources_(sources), out_(out) {}

  Status add(const Series& s) {
    if (selector_.is_info_metric(s.labels.metric_name())) return out_.push_back(s), Status();
    static const std::vector<InfoSource> kNone;
    const auto found = sources_.find(identity(s.labels));
    const auto& list = found == sources_.end() ? kNone : found->second;
    std::unordered_map<model::Labels, size_t, model::LabelsHash> slots;
    std::vector<const Series*> met;  // the info series of the step before: mostly they stay
    size_t slot = kNoSlot;
    for (size_t step = 0; step < s.cells.size(); ++step) {
      if (!s.has(step)) continue;
      if (step == 0 || !same_at(list, step, met)) {
        auto found_slot = slot_of(s, list, step, slots);
        if (!found_slot) return std::unexpected(found_slot.error());
        slot = *found_slot;
      }
      if (slot != kNoSlot) out_[slot].set(step, s.cell(step));
    }
    return {};
  }

 private:
  static constexpr size_t kNoSlot = static_cast<size_t>(-1);

  // Whether a step has the info series in `met`; afterwards that has the step's.
  static bool same_at(const std::vector<InfoSource>& list, size_t step,
                      std::vector<const Series*>& met) {
    bool same = met.size() == list.size() && !list.empty();
    met.resize(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      same = same && met[i] == list[i].at[step];
      met[i] = list[i].at[step];
    }
    return same;
  }

  // The output series for what `s` becomes at a step; kNoSlot: it is left out.
  Result<size_t> slot_of(const Series& s, const std::vector<InfoSource>& list, size_t step,
                         std::unordered_map<model::Labels, size_t, model::LabelsHash>& slots) {
    model::LabelsBuilder builder(s.labels);
    const auto matched = add_info_labels(list, step, selector_, s.labels, builder);
    if (!matched) return std::unexpected(matched.error());
    if (!*matched && selector_.needs_match()) return kNoSlot;
    const auto [slot, fresh] = slots.try_emplace(builder.build(), out_.size());
    if (fresh) {
      Series series(slot->first, s.cells.size());
      series.drop_name = s.drop_name;
      series.sources = s.sources;
      out_.push_back(std::move(series));
    }
    return slot->second;
  }

  const InfoSelector& selector_;
  const InfoSources& sources_;
  std::vector<Series>& out_;
};

}  // namespace

Result<Value> Evaluator::eval_info(const Call& call, const StepGrid& grid) {
  auto selector = info_selector(call);
  if (!selector) return std::unexpected(selector.error());
  const ReferenceTime when = reference_time(*call.args[0]);
  auto base = eval(*call.args[0], grid);
  if (!base) return base;
  InfoSources sources;
  Pacer pacer(context_.wanted);
  for (const Series& s : base->series) {
    if (auto ok = pacer.step(); !ok) return std::unexpected(ok.error());
    model::Labels id = identity(s.labels);
    if (!id.empty() && !selector->is_info_metric(s.labels.metric_name()))
      sources.try_emplace(std::move(id));
  }
  Value info;
  Value times;
  if (!sources.empty()) {
    VectorSelector wanted;
    wanted.position = call.position;
    wanted.offset.ms = when.offset_ms;
    wanted.at.timestamp_ms = when.at_ms;
    wanted.matchers = selector->names;
    wanted.matchers.insert(wanted.matchers.end(), selector->labels.begin(), selector->labels.end());
    auto samples = eval_selector(wanted, grid);
    if (!samples) return samples;
    auto sample_times = eval_sample_times(wanted, grid, false);
    if (!sample_times) return sample_times;
    info = std::move(*samples);
    times = std::move(*sample_times);
  }
  if (auto ok = gather_sources(info, times, grid.count, context_, sources); !ok)
    return std::unexpected(ok.error());
  Value out;
  InfoJoin join(*selector, sources, out.series);
  for (const Series& s : base->series) {
    if (auto ok = context_.alive(); !ok) return std::unexpected(ok.error());
    if (auto ok = join.add(s); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = merge_same_labels(out.series, context_); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace sightline::promql
