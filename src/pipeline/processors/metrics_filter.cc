#include "pipeline/processors/metrics_filter.h"

#include <re2/re2.h>

#include <algorithm>

#include "model/value_text.h"
#include "wire/otlp/decode_metrics.h"
#include "wire/otlp/encode_metrics.h"

namespace sightline::pipeline {
namespace {

using config::OttlContext;

// Hands on to an encoder what is not dropped. The views of a request live as long as its bytes, so a metric's points can
// wait here where a condition of the metric asks for them all.
class FilteringSink final : public model::MetricsSink {
 public:
  explicit FilteringSink(const MetricsFilter& filter) : filter_(filter) {}

  Status on_resource(const model::MetricResource& resource) override {
    if (auto status = end_metric(); !status) return status;
    resource_ = resource;
    subject_ = {.metric_resource = &resource_};
    const auto drops = filter_.drops_resource(subject_);
    if (!drops) return std::unexpected(drops.error());
    drops_resource_ = *drops;
    drops_scope_ = false;
    return drops_resource_ ? Status() : encoder_.on_resource(resource);
  }
  Status on_scope(const model::MetricScope& scope) override {
    if (auto status = end_metric(); !status) return status;
    scope_ = scope;
    subject_.metric_scope = &scope_;
    if (drops_resource_) return {};
    const auto drops = filter_.drops_scope(subject_);
    if (!drops) return std::unexpected(drops.error());
    drops_scope_ = *drops;
    return drops_scope_ ? Status() : encoder_.on_scope(scope);
  }
  Status on_metric(const model::MetricView& metric) override {
    if (auto status = end_metric(); !status) return status;
    metric_ = metric;
    has_metric_ = true;
    if (filter_.asks_for_points()) return {};
    return begin_metric();
  }
  Status on_point(const model::MetricView&, const model::DataPoint& point) override {
    if (!filter_.asks_for_points()) return pass_point(point);
    points_.push_back(point);
    return {};
  }

  Status end_metric() {
    if (!has_metric_) return {};
    Status status;
    if (filter_.asks_for_points()) {
      status = begin_metric();
      for (size_t i = 0; i < points_.size() && status; ++i) status = pass_point(points_[i]);
    }
    has_metric_ = false;
    points_.clear();
    return status;
  }
  uint64_t points() const { return encoder_.points(); }
  std::string take() { return encoder_.take(); }

 private:
  Status begin_metric() {
    drops_metric_ = drops_resource_ || drops_scope_;
    if (drops_metric_) return {};
    subject_.metric = &metric_;
    subject_.points = &points_;
    const auto drops = filter_.drops_metric(subject_);
    if (!drops) return std::unexpected(drops.error());
    drops_metric_ = *drops;
    return drops_metric_ ? Status() : encoder_.on_metric(metric_);
  }
  Status pass_point(const model::DataPoint& point) {
    if (drops_metric_) return {};
    subject_.point = &point;
    const auto drops = filter_.drops_point(subject_);
    subject_.point = nullptr;
    if (!drops) return std::unexpected(drops.error());
    return *drops ? Status() : encoder_.on_point(metric_, point);
  }

  const MetricsFilter& filter_;
  wire::otlp::MetricsEncoder encoder_;
  ConditionSubject subject_;
  model::MetricResource resource_;
  model::MetricScope scope_;
  model::MetricView metric_;
  std::vector<model::DataPoint> points_;
  bool has_metric_ = false;
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
  FilteringSink sink(*this);
  auto status = wire::otlp::decode_metrics(*batch->protobuf, sink);
  if (status) status = sink.end_metric();
  if (!status) return std::unexpected(std::move(status).error());
  const uint64_t kept = sink.points();
  if (kept == batch->points) return next_.consume(batch);
  filtered_.add(batch->points - kept);
  if (kept == 0) return wire::otlp::PartialSuccess();
  return next_.consume(std::make_shared<const MetricsBatch>(
      MetricsBatch{std::make_shared<const std::string>(sink.take()), kept}));
}

}  // namespace sightline::pipeline
