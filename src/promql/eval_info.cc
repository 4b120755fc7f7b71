// info(): adds the labels of info series that share instance and job.
#include <algorithm>

#include "promql/evaluator.h"

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
    return labels.empty() || std::ranges::any_of(labels, [&](const tsdb::Matcher& m) { return m.name() == name; });
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
    for (const tsdb::Matcher& m : as<VectorSelector>(*call.args[1]).matchers) (is_name(m.name()) ? out.names : out.labels).push_back(m);
  const bool positive = std::ranges::any_of(out.names, [](const tsdb::Matcher& m) {
    return m.op() == tsdb::MatchOp::kEqual || m.op() == tsdb::MatchOp::kRegex;
  });
  if (positive) return out;
  auto fallback = out.names.empty()
                      ? tsdb::Matcher::create(tsdb::MatchOp::kEqual, std::string(model::kMetricName), std::string(kDefaultInfoMetric))
                      : tsdb::Matcher::create(tsdb::MatchOp::kRegex, std::string(model::kMetricName), ".+_info");
  if (!fallback) return std::unexpected(fallback.error());
  out.names.push_back(std::move(*fallback));
  return out;
}

// The newest info series of one name for one identity, at each step.
struct InfoSource {
  std::string name;
  std::vector<const Series*> at;       // per step; null when there is none
  std::vector<double> newest_seconds;  // of their samples
};

}  // namespace

Result<Value> Evaluator::eval_info(const Call& call, const StepGrid& grid) {
  auto selector = info_selector(call);
  if (!selector) return std::unexpected(selector.error());
  auto base = eval(*call.args[0], grid);
  if (!base) return base;
  VectorSelector wanted;
  if (call.args.size() > 1) {
    const auto& given = as<VectorSelector>(*call.args[1]);
    wanted.offset.ms = given.offset.ms;
    wanted.at = given.at;
  }
  wanted.matchers = selector->names;
  wanted.matchers.insert(wanted.matchers.end(), selector->labels.begin(), selector->labels.end());
  auto info = eval_selector(wanted, grid);
  if (!info) return info;
  auto times = eval_sample_times(wanted, grid, false);
  if (!times) return times;
  std::unordered_map<model::Labels, const Series*, model::LabelsHash> time_of;
  for (const Series& s : times->series) time_of.emplace(s.labels, &s);
  std::unordered_map<model::Labels, std::vector<InfoSource>, model::LabelsHash> sources;
  for (const Series& s : info->series) {
    auto& list = sources[identity(s.labels)];
    auto known = std::ranges::find(list, s.labels.metric_name(), &InfoSource::name);
    if (known == list.end()) {
      list.push_back({std::string(s.labels.metric_name()), std::vector<const Series*>(grid.count), std::vector<double>(grid.count)});
      known = list.end() - 1;
    }
    const Series* sampled = time_of.contains(s.labels) ? time_of.at(s.labels) : nullptr;
    for (size_t step = 0; step < grid.count; ++step) {
      if (!s.has(step) || sampled == nullptr) continue;
      const double t = sampled->floats[step];
      if (known->at[step] != nullptr && known->newest_seconds[step] == t)
        return fail(Errc::kExecution, "found duplicate series for info metric: existing ", known->at[step]->labels.to_string(),
                    ", new ", s.labels.to_string());
      if (known->at[step] != nullptr && known->newest_seconds[step] > t) continue;
      known->at[step] = &s;
      known->newest_seconds[step] = t;
    }
  }
  Value out;
  std::unordered_map<model::Labels, size_t, model::LabelsHash> slots;
  for (Series& s : base->series) {
    const bool itself = selector->is_info_metric(s.labels.metric_name());
    const auto found = sources.find(identity(s.labels));
    slots.clear();
    for (size_t step = 0; step < grid.count; ++step) {
      if (!s.has(step)) continue;
      model::LabelsBuilder builder(s.labels);
      bool matched = itself;
      if (!itself && found != sources.end())
        for (const InfoSource& source : found->second) {
          if (source.at[step] == nullptr) continue;
          matched = true;
          for (const model::LabelView label : source.at[step]->labels) {
            if (is_name(label.name) || std::ranges::find(kIdentifying, label.name) != std::end(kIdentifying)) continue;
            if (!selector->takes_label(label.name) || s.labels.has(label.name)) continue;
            const std::string other(builder.get(label.name));
            if (!other.empty() && other != label.value)
              return fail(Errc::kExecution, "conflicting label: ", label.name);
            builder.set(label.name, label.value);
          }
        }
      if (!matched && selector->needs_match()) continue;
      model::Labels labels = builder.build();
      const auto [slot, fresh] = slots.try_emplace(labels, out.series.size());
      if (fresh) {
        Series series(std::move(labels), grid.count);
        series.drop_name = s.drop_name;
        series.sources = s.sources;
        out.series.push_back(std::move(series));
      }
      out.series[slot->second].set(step, s.cell(step));
    }
  }
  if (auto ok = merge_same_labels(out.series); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace sightline::promql
