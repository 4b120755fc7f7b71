#include "pipeline/processors/metrics_filter.h"

#include <re2/re2.h>

#include <algorithm>

#include "model/value_text.h"
#include "pipeline/processors/metrics_walk.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {
namespace {

using config::OttlContext;

// Hands on to an encoder what is not dropped.
class FilteringVisitor final : public MetricsVisitor {
 public:
  explicit FilteringVisitor(const MetricsFilter& filter) : filter_(filter) {}

  Status on_resource(const ConditionSubject& subject) override {
    drops_scope_ = false;
    if (auto status = decide(filter_.drops_resource(subject), drops_resource_); !status)
      return status;
    return drops_resource_ ? Status() : encoder_.on_resource(*subject.metric_resource);
  }
  Status on_scope(const ConditionSubject& subject) override {
    if (drops_resource_) return {};
    if (auto status = decide(filter_.drops_scope(subject), drops_scope_); !status) return status;
    return drops_scope_ ? Status() : encoder_.on_scope(*subject.metric_scope);
  }
  Status on_metric(const ConditionSubject& subject) override {
    drops_metric_ = drops_resource_ || drops_scope_;
    if (drops_metric_) return {};
    if (auto status = decide(filter_.drops_metric(subject), drops_metric_); !status) return status;
    return drops_metric_ ? Status() : encoder_.on_metric(*subject.metric);
  }
  Status on_point(const ConditionSubject& subject) override {
    if (drops_metric_) return {};
    bool drops = false;
    if (auto status = decide(filter_.drops_point(subject), drops); !status) return status;
    return drops ? Status() : encoder_.on_point(*subject.metric, *subject.point);
  }
  uint64_t points() const { return encoder_.points(); }
  std::string take() { return encoder_.take(); }

 private:
  static Status decide(const Result<bool>& answer, bool& drops) {
    if (!answer) return std::unexpected(answer.error());
    drops = *answer;
    return {};
  }

  const MetricsFilter& filter_;
  wire::otlp::MetricsEncoder encoder_;
  bool drops_resource_ = false, drops_scope_ = false, drops_metric_ = false;
};

std::unique_ptr<const MetricMatch> match_of(
    const std::optional<config::MetricMatchConfig>& config) {
  return config ? std::make_unique<const MetricMatch>(*config) : nullptr;
}

}  // namespace

MetricMatch::MetricMatch(const config::MetricMatchConfig& config) : config_(config) {
  if (!config_.regexp) return;
  for (const std::string& name : config_.metric_names)
    names_.push_back(std::make_unique<const re2::RE2>(name, re2::RE2::Quiet));
  for (const auto& attribute : config_.resource_attributes)
    values_.push_back(std::make_unique<const re2::RE2>(attribute.value, re2::RE2::Quiet));
}
MetricMatch::~MetricMatch() = default;

bool MetricMatch::matches_name(std::string_view name) const {
  if (!config_.regexp)
    return std::ranges::find(config_.metric_names, name) != config_.metric_names.end();
  return std::ranges::any_of(names_, [&](const auto& pattern) {
    return re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *pattern);
  });
}

bool MetricMatch::matches_attributes(const std::vector<model::AttributeView>& attributes) const {
  for (size_t i = 0; i < config_.resource_attributes.size(); ++i) {
    const auto& wanted = config_.resource_attributes[i];
    const auto found = std::ranges::find(attributes, wanted.key, &model::AttributeView::key);
    if (found == attributes.end()) return false;
    if (!wanted.has_value) continue;
    const std::string text = model::value_text(found->value);
    if (config_.regexp ? !re2::RE2::PartialMatch(text, *values_[i]) : text != wanted.value)
      return false;
  }
  return true;
}

MetricsFilter::MetricsFilter(const config::FilterProcessorConfig& config, const std::string& id,
                             MetricsConsumer& next, Telemetry& telemetry)
    : conditions_(config.metric_conditions, config.error_mode),
      include_(match_of(config.include_metrics)),
      exclude_(match_of(config.exclude_metrics)),
      next_(next),
      filtered_(telemetry.counter("otelcol_processor_filter_datapoints_filtered_total",
                                  "Data points dropped by the filter processor.",
                                  {{"filter", id}})) {}

Result<bool> MetricsFilter::drops_resource(const ConditionSubject& subject) const {
  const auto& attributes = subject.metric_resource->attributes;
  if (include_ && include_->has_attributes() && !include_->matches_attributes(attributes))
    return true;
  if (exclude_ && exclude_->has_attributes() && exclude_->matches_attributes(attributes))
    return true;
  return conditions_.any(OttlContext::kResource, subject);
}

Result<bool> MetricsFilter::drops_scope(const ConditionSubject& subject) const {
  return conditions_.any(OttlContext::kScope, subject);
}

Result<bool> MetricsFilter::drops_metric(const ConditionSubject& subject) const {
  const std::string_view name = subject.metric->name;
  if (include_ && include_->has_names() && !include_->matches_name(name)) return true;
  if (exclude_ && exclude_->has_names() && exclude_->matches_name(name)) return true;
  return conditions_.any(OttlContext::kMetric, subject);
}

Result<bool> MetricsFilter::drops_point(const ConditionSubject& subject) const {
  return conditions_.any(OttlContext::kDataPoint, subject);
}

Result<wire::otlp::PartialSuccess> MetricsFilter::consume(const SharedMetrics& batch) {
  FilteringVisitor visitor(*this);
  const auto read_points =
      asks_for_points() ? ReadPoints::kBeforeTheirMetric : ReadPoints::kAfterTheirMetric;
  if (auto status = walk_metrics(*batch->protobuf, read_points, visitor); !status)
    return std::unexpected(std::move(status).error());
  const uint64_t kept = visitor.points();
  if (kept == batch->points) return next_.consume(batch);
  filtered_.add(batch->points - kept);
  if (kept == 0) return wire::otlp::PartialSuccess();
  return next_.consume(std::make_shared<const MetricsBatch>(
      MetricsBatch{std::make_shared<const std::string>(visitor.take()), kept}));
}

}  // namespace sightline::pipeline
