#include "pipeline/connectors/count_connector.h"

#include "base/log.h"
#include "connectors/spanmetrics/label_names.h"
#include "model/value_text.h"
#include "pipeline/metrics/family_points.h"

namespace sightline::pipeline {

using connectors::spanmetrics::AttributeLabels;

namespace {

// Without _total, which is put behind it.
std::string counter_name_of(const std::string& configured) {
  std::string name = connectors::spanmetrics::metric_name_of(configured);
  if (name.ends_with("_total")) name.resize(name.size() - 6);
  return name;
}

}  // namespace

std::vector<CountConnector::Metric> CountConnector::make(
    const std::vector<config::CountConfig::Metric>& configs) {
  std::vector<Metric> metrics;
  for (const auto& config : configs)
    metrics.push_back({config, counter_name_of(config.name),
                       Conditions(config.conditions, config::OttlErrorMode::kIgnore)});
  return metrics;
}

CountConnector::CountConnector(const config::CountConfig& config, const Clock& clock)
    : clock_(clock),
      started_(clock.now_ms()),
      spans_(make(config.spans)),
      events_(make(config.span_events)) {}

namespace {

std::string text_of(const model::SpanBatch& batch, const model::ResourceView& resource,
                    std::string_view key) {
  const model::ValueView* value = batch.find(resource.attributes, key);
  return value == nullptr ? std::string() : model::value_text(*value);
}

std::string job_of(const model::SpanBatch& batch, const model::ResourceView& resource) {
  const std::string name = text_of(batch, resource, "service.name");
  const std::string space = text_of(batch, resource, "service.namespace");
  return space.empty() || name.empty() ? name : space + "/" + name;
}

}  // namespace

// The last resource of a job and instance counts, as far as it has more to say. Needs mutex_.
void CountConnector::note_target(const model::SpanBatch& batch,
                                 const model::ResourceView& resource) {
  const std::string job = job_of(batch, resource);
  const std::string instance = text_of(batch, resource, "service.instance.id");
  if (job.empty() || instance.empty()) return;
  if (targets_.size() >= kCountSeriesMax && !targets_.contains({job, instance})) return;
  AttributeLabels others({"__name__", "job", "instance"});
  for (const model::AttributeView& attribute : batch.of(resource.attributes))
    if (attribute.key != "service.name" && attribute.key != "service.namespace" &&
        attribute.key != "service.instance.id")
      others.add(attribute.key, model::value_text(attribute.value));
  model::LabelsBuilder labels;
  others.build_into(labels);
  targets_[{job, instance}] = labels.set("job", job).set("instance", instance).build();
}

void CountConnector::count(size_t metric, const Metric& counted, const ConditionSubject& subject,
                           model::Run attributes, Counts& counts) const {
  const auto context =
      subject.event != nullptr ? config::OttlContext::kSpanEvent : config::OttlContext::kSpan;
  if (!counted.config.conditions.empty() &&
      !counted.conditions.any(context, subject).value_or(false))
    return;
  AttributeLabels labels({"__name__", "job", "instance", "otel_scope_name", "otel_scope_version",
                          "otel_scope_schema_url"});
  for (const auto& attribute : counted.config.attributes) {
    const model::ValueView* value = subject.batch->find(attributes, attribute.key);
    if (value == nullptr) value = subject.batch->find(subject.resource->attributes, attribute.key);
    if (value == nullptr && !attribute.default_value) return;
    labels.add(attribute.key,
               value != nullptr ? model::value_text(*value) : *attribute.default_value);
  }
  model::LabelsBuilder built;
  labels.build_into(built);
  built.set("job", job_of(*subject.batch, *subject.resource))
      .set("instance", text_of(*subject.batch, *subject.resource, "service.instance.id"));
  built.set("otel_scope_name",
            "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector");
  ++counts[{metric, built.build()}];
}

Status CountConnector::consume(const SharedBatch& batch) {
  Counts fresh;
  for (const model::SpanView& span : batch->spans) {
    auto subject = ConditionSubject::of_span(*batch, span);
    for (size_t i = 0; i < spans_.size(); ++i) count(i, spans_[i], subject, span.attributes, fresh);
    for (const model::EventView& event : batch->events_of(span)) {
      subject.event = &event;
      for (size_t i = 0; i < events_.size(); ++i)
        count(spans_.size() + i, events_[i], subject, event.attributes, fresh);
    }
  }
  const std::lock_guard lock(mutex_);
  if (!fresh.empty())
    for (const model::ResourceView& resource : batch->resources) note_target(*batch, resource);
  for (const auto& [key, n] : fresh) {
    const auto known = counts_.find(key);
    if (known != counts_.end())
      known->second += n;
    else if (counts_.size() < kCountSeriesMax)
      counts_.emplace(key, n);
    else if (!std::exchange(said_full_, true))
      SL_LOG_WARN("count connector: more than {} series; further ones are not counted",
                  kCountSeriesMax);
  }
  return {};
}

std::vector<model::MetricFamily> CountConnector::collect() const {
  const TimestampMs now = clock_.now_ms();
  std::vector<model::MetricFamily> all;
  for (const auto* metrics : {&spans_, &events_})
    for (const Metric& metric : *metrics)
      all.push_back({.name = metric.name,
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
  for (const auto* metrics : {&spans_, &events_}) {
    for (const Metric& metric : *metrics) {
      names.metrics[metric.name] = metric.config.name;
      for (const auto& attribute : metric.config.attributes)
        names.attributes[connectors::spanmetrics::label_name_of(attribute.key)] = attribute.key;
    }
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
