#include "pipeline/processors/metrics_walk.h"

#include <utility>

#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {
namespace {

// Views of a request live as long as its bytes: so points can wait here.
class Walk final : public model::MetricsSink {
 public:
  Walk(ReadPoints read_points, MetricsVisitor& visitor)
      : visitor_(visitor), holds_points_(read_points == ReadPoints::kBeforeTheirMetric) {}

  Status on_resource(const model::MetricResource& resource) override {
    if (auto status = end_metric(); !status) return status;
    resource_ = resource;
    subject_ = {.metric_resource = &resource_};
    return visitor_.on_resource(subject_);
  }
  Status on_scope(const model::MetricScope& scope) override {
    if (auto status = end_metric(); !status) return status;
    scope_ = scope;
    subject_ = {.metric_resource = &resource_, .metric_scope = &scope_};
    return visitor_.on_scope(subject_);
  }
  Status on_metric(const model::MetricView& metric) override {
    if (auto status = end_metric(); !status) return status;
    metric_ = metric;
    subject_.metric = &metric_;
    subject_.points = &points_;
    has_metric_ = holds_points_;
    return holds_points_ ? Status() : visitor_.on_metric(subject_);
  }
  Status on_point(const model::MetricView&, const model::DataPoint& point) override {
    if (!holds_points_) return visit_point(point);
    points_.push_back(point);
    return {};
  }
  // Visits the metric that waits, if one does.
  Status end_metric() {
    if (!std::exchange(has_metric_, false)) return {};
    Status status = visitor_.on_metric(subject_);
    for (size_t i = 0; i < points_.size() && status; ++i) status = visit_point(points_[i]);
    points_.clear();
    return status;
  }

 private:
  Status visit_point(const model::DataPoint& point) {
    subject_.point = &point;
    auto status = visitor_.on_point(subject_);
    subject_.point = nullptr;
    return status;
  }

  MetricsVisitor& visitor_;
  const bool holds_points_;
  ConditionSubject subject_;
  model::MetricResource resource_;
  model::MetricScope scope_;
  model::MetricView metric_;
  std::vector<model::DataPoint> points_;
  bool has_metric_ = false;
};

}  // namespace

Status walk_metrics(std::string_view protobuf, ReadPoints read_points, MetricsVisitor& visitor) {
  Walk walk(read_points, visitor);
  if (auto status = wire::otlp::decode_metrics(protobuf, walk); !status) return status;
  return walk.end_metric();
}

}  // namespace sightline::pipeline
