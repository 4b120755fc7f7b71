#pragma once
// The filter processor, of metrics: resources, metrics and data points that a condition matches are dropped, and counted.
//   Older form  include keeps what matches, exclude drops it: metrics by name, resources by their attributes.
//   Errors      with error_mode propagate, a condition that cannot be evaluated refuses the batch for good.
//   Cost        decoded and encoded anew; where nothing is dropped the received bytes go on.
//   Threads     immutable once made; consume() from any thread.
//   Source      opentelemetry-collector-contrib, filterprocessor README.
#include <memory>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "config/otelcol/otelcol_processors.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/processors/condition.h"

namespace sightline::pipeline {

// The older form's lists. Each that is given must match.
class MetricMatch {
 public:
  explicit MetricMatch(const config::MetricMatchConfig& config);
  ~MetricMatch();
  bool has_names() const { return !config_.metric_names.empty(); }
  bool has_attributes() const { return !config_.resource_attributes.empty(); }
  bool matches_name(std::string_view name) const;
  bool matches_attributes(const std::vector<model::AttributeView>& attributes) const;

 private:
  const config::MetricMatchConfig config_;
  std::vector<std::unique_ptr<const re2::RE2>> names_, values_;  // with regexp
};

class MetricsFilter final : public MetricsConsumer {
 public:
  MetricsFilter(const config::FilterProcessorConfig& config, const std::string& id,
                MetricsConsumer& next, Telemetry& telemetry);
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override;

  bool asks_for_points() const { return conditions_.asks_for_points(); }
  Result<bool> drops_resource(const ConditionSubject& subject) const;
  Result<bool> drops_scope(const ConditionSubject& subject) const;
  Result<bool> drops_metric(const ConditionSubject& subject) const;
  Result<bool> drops_point(const ConditionSubject& subject) const;

 private:
  const Conditions conditions_;
  const std::unique_ptr<const MetricMatch> include_, exclude_;  // may be null
  MetricsConsumer& next_;
  Counter& filtered_;
};

}  // namespace sightline::pipeline
