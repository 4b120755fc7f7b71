#include "scrape/target.h"

#include <set>

#include "base/number_text.h"
#include "net/http.h"
#include "scrape/relabel.h"

namespace sightline::scrape {
namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kMetricsPath = "__metrics_path__";
constexpr std::string_view kInterval = "__scrape_interval__";
constexpr std::string_view kTimeout = "__scrape_timeout__";
constexpr std::string_view kParamPrefix = "__param_";

std::string_view bool_text(bool value) { return value ? "true" : "false"; }

model::Labels discovered_labels(const config::ScrapeConfig& config,
                                const config::TargetGroup& group, const std::string& address) {
  model::LabelsBuilder labels;
  labels.set("job", *config.job_name)
      .set(kScheme, config.scheme)
      .set(kMetricsPath, config.metrics_path)
      .set(kInterval, format_prometheus_duration(config.scrape_interval))
      .set(kTimeout, format_prometheus_duration(config.scrape_timeout))
      .set("__scrape_native_histograms__", bool_text(config.scrape_native_histograms))
      .set("__always_scrape_classic_histograms__",
           bool_text(config.always_scrape_classic_histograms))
      .set("__convert_classic_histograms_to_nhcb__",
           bool_text(config.convert_classic_histograms_to_nhcb));
  for (const auto& [name, values] : config.params)
    if (!values.empty()) labels.set(std::string(kParamPrefix) + name, values.front());
  for (const auto& [name, value] : group.labels) labels.set(name, value);
  labels.set(kAddress, address);
  return labels.build();
}

std::string make_url(const config::ScrapeConfig& config, const model::Labels& labels) {
  std::string url = std::string(labels.get(kScheme)) + "://" + std::string(labels.get(kAddress)) +
                    std::string(labels.get(kMetricsPath));
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    url += separator + net::percent_encode(name) + "=" + net::percent_encode(value);
    separator = '&';
  };
  for (const model::LabelView label : labels)
    if (label.name.starts_with(kParamPrefix))
      add(label.name.substr(kParamPrefix.size()), label.value);
  for (const auto& [name, values] : config.params)
    for (size_t i = 1; i < values.size(); ++i) add(name, values[i]);
  return url;
}

}  // namespace

std::string_view health_name(Health health) {
  switch (health) {
    case Health::kUnknown: return "unknown";
    case Health::kUp: return "up";
    case Health::kDown: return "down";
  }
  return "unknown";
}

Target::Target(const config::ScrapeConfig& config, model::Labels discovered, model::Labels labels)
    : config_(config),
      discovered_(std::move(discovered)),
      url_(make_url(config, labels)),
      interval_(parse_prometheus_duration(labels.get(kInterval)).value_or(config.scrape_interval)),
      timeout_(parse_prometheus_duration(labels.get(kTimeout)).value_or(config.scrape_timeout)) {
  model::LabelsBuilder own(labels);
  if (labels.get("instance").empty()) own.set("instance", labels.get(kAddress));
  for (const model::LabelView label : labels)
    if (label.name.starts_with("__")) own.remove(label.name);
  labels_ = own.build();
}

TargetHealth Target::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

void Target::set_health(TargetHealth health) {
  const std::lock_guard lock(mutex_);
  health_ = std::move(health);
}

Result<TargetSet> make_targets(const config::ScrapeConfig& config,
                               std::span<const config::TargetGroup> groups) {
  auto rules = RelabelRules::compile(config.relabel_configs);
  if (!rules) return std::unexpected(std::move(rules).error());
  TargetSet set;
  std::set<std::string> known;
  for (const config::TargetGroup& group : groups) {
    for (const auto& address : group.targets) {
      model::Labels discovered = discovered_labels(config, group, *address);
      model::LabelsBuilder relabelled(discovered);
      if (!rules->apply(relabelled)) {
        const uint64_t kept_max = config.limits.dropped_targets;
        if (kept_max == 0 || set.dropped_count < kept_max)
          set.dropped.emplace_back(*config.job_name, std::move(discovered));
        ++set.dropped_count;
        continue;
      }
      model::Labels labels = relabelled.build();
      if (labels.get(kAddress).empty()) {
        set.faults.push_back(address.mark.text() + ": no address after relabelling");
        continue;
      }
      auto target = std::make_shared<Target>(config, std::move(discovered), std::move(labels));
      if (known.insert(target->key()).second) set.active.push_back(std::move(target));
    }
  }
  return set;
}

}  // namespace sightline::scrape
