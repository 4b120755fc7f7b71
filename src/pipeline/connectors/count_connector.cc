#include "pipeline/connectors/count_connector.h"

#include <algorithm>

#include "base/log.h"
#include "connectors/spanmetrics/label_names.h"
#include "model/value_text.h"
#include "pipeline/metrics/family_points.h"

namespace sightline::pipeline {

using connectors::spanmetrics::AttributeLabels;

namespace {

using AttributeSpan = std::span<const model::AttributeView>;

// Without _total, which is put behind it.
std::vector<std::string> counter_names(const CountRules& rules) {
  std::vector<std::string> names;
  for (const CountedMetric& metric : rules.all()) {
    std::string name = connectors::spanmetrics::metric_name_of(metric.config.name);
    if (name.ends_with("_total")) name.resize(name.size() - 6);
    names.push_back(std::move(name));
  }
  return names;
}

std::string text_of(AttributeSpan attributes, std::string_view key) {
  const auto found = std::ranges::find(attributes, key, &model::AttributeView::key);
  return found == attributes.end() ? std::string() : model::value_text(found->value);
}

std::string job_of(AttributeSpan resource) {
  const std::string name = text_of(resource, "service.name");
  const std::string space = text_of(resource, "service.namespace");
  return space.empty() || name.empty() ? name : space + "/" + name;
}

}  // namespace

// One request's counts, under Prometheus' names.
class CountConnector::Totals final : public CountTally {
 public:
  void on_resource(AttributeSpan attributes) override {
    resource_ = attributes;
    target_ = {job_of(attributes), text_of(attributes, "service.instance.id")};
    is_noted_ = false;
  }
  void on_time(config::OttlContext, uint64_t) override {}
  void on_match(const CountedMetric& metric, const Attributes& attributes) override {
    if (!std::exchange(is_noted_, true)) note_target();
    AttributeLabels labels({"__name__", "job", "instance", "otel_scope_name", "otel_scope_version",
                            "otel_scope_schema_url"});
    for (const auto& attribute : attributes)
      labels.add(attribute.key, model::value_text(attribute.value));
    model::LabelsBuilder built;
    labels.build_into(built);
    built.set("job", target_.first)
        .set("instance", target_.second)
        .set("otel_scope_name", kCountScope);
    ++counts[{metric.number, built.build()}];
  }

  Counts counts;
  Targets targets;

 private:
  // The last resource of a job and instance counts, as far as it has more to say.
  void note_target() {
    if (target_.first.empty() || target_.second.empty()) return;
    AttributeLabels others({"__name__", "job", "instance"});
    for (const model::AttributeView& attribute : resource_)
      if (attribute.key != "service.name" && attribute.key != "service.namespace" &&
          attribute.key != "service.instance.id")
        others.add(attribute.key, model::value_text(attribute.value));
    model::LabelsBuilder labels;
    others.build_into(labels);
    targets[target_] = labels.set("job", target_.first).set("instance", target_.second).build();
  }

  AttributeSpan resource_;
  Target target_;
  bool is_noted_ = false;
};

CountConnector::CountConnector(const config::CountConfig& config, const Clock& clock,
                               bool is_strict)
    : clock_(clock),
      started_(clock.now_ms()),
      is_strict_(is_strict),
      rules_(config,
             is_strict ? config::OttlErrorMode::kPropagate : config::OttlErrorMode::kIgnore),
      names_(counter_names(rules_)) {}

template <typename Walk>
Status CountConnector::count(Walk walk) {
  if (is_strict_) {
    CountDeltas deltas(rules_, clock_.now().value);
    if (auto status = walk(deltas); !status) return status;
    auto [request, points] = deltas.take();
    return push(points, std::move(request));
  }
  Totals totals;
  if (auto status = walk(totals); !status) return status;
  add(totals.counts, totals.targets);
  return {};
}

Status CountConnector::consume(const SharedBatch& batch) {
  return count([&](CountTally& tally) { return count_spans(rules_, *batch, tally); });
}

Result<wire::otlp::PartialSuccess> CountConnector::consume(const SharedMetrics& batch) {
  auto status =
      count([&](CountTally& tally) { return count_metrics(rules_, *batch->protobuf, tally); });
  if (!status) return std::unexpected(std::move(status).error());
  return wire::otlp::PartialSuccess();
}

Status CountConnector::push(uint64_t points, std::string request) {
  if (points == 0) return {};
  const auto batch = std::make_shared<const MetricsBatch>(
      MetricsBatch{std::make_shared<const std::string>(std::move(request)), points});
  for (MetricsConsumer* head : heads_)
    if (auto answer = head->consume(batch); !answer) return std::unexpected(answer.error());
  return {};
}

void CountConnector::add(const Counts& counts, const Targets& targets) {
  const std::lock_guard lock(mutex_);
  for (const auto& [target, labels] : targets)
    if (targets_.size() < kCountSeriesMax || targets_.contains(target)) targets_[target] = labels;
  for (const auto& [key, n] : counts) {
    const auto known = counts_.find(key);
    if (known != counts_.end())
      known->second += n;
    else if (counts_.size() < kCountSeriesMax)
      counts_.emplace(key, n);
    else if (!std::exchange(said_full_, true))
      SL_LOG_WARN("count connector: more than {} series; further ones are not counted",
                  kCountSeriesMax);
  }
}

std::vector<model::MetricFamily> CountConnector::collect() const {
  const TimestampMs now = clock_.now_ms();
  std::vector<model::MetricFamily> all;
  for (const CountedMetric& metric : rules_.all())
    all.push_back({.name = names_[metric.number],
                   .metadata = {model::MetricType::kCounter, "", metric.config.description},
                   .empty_labels = {"otel_scope_schema_url", "otel_scope_version"}});
  const std::lock_guard lock(mutex_);
  for (const auto& [key, n] : counts_)
    all[key.first].points.push_back(
        {.labels = key.second, .time = now, .created = started_, .value = static_cast<double>(n)});
  model::MetricFamily info{.name = "target_info",
                           .metadata = {model::MetricType::kGauge, "", "Target metadata"}};
  for (const auto& [target, labels] : targets_)
    info.points.push_back({.labels = labels, .time = now, .has_time = false, .value = 1});
  all.push_back(std::move(info));
  std::erase_if(all, [](const model::MetricFamily& family) { return family.points.empty(); });
  return all;
}

Result<uint64_t> CountConnector::export_points(model::MetricsSink& sink, uint64_t) {
  FamilyNames names;
  for (const CountedMetric& metric : rules_.all()) {
    names.metrics[names_[metric.number]] = metric.config.name;
    for (const auto& attribute : metric.config.attributes)
      names.attributes[connectors::spanmetrics::label_name_of(attribute.key)] = attribute.key;
  }
  if (auto status = export_families(collect(), names, clock_.now().value, sink); !status)
    return std::unexpected(std::move(status).error());
  return 0;
}

void CountConnector::write_to(tsdb::Appendable& store, Telemetry& telemetry) {
  stores_.push_back(std::make_unique<SourceWriter>(*this, store, clock_, telemetry));
}

void CountConnector::maintain() {
  for (auto& store : stores_)
    if (auto status = store->write_due(); !status)
      SL_LOG_WARN("count connector: {}", status.error().message);
}

}  // namespace sightline::pipeline
