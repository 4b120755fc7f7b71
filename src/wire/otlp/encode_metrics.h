#pragma once
// Metrics from views back to an ExportMetricsServiceRequest, in protobuf and in OTLP/JSON.
//   Order     as decode_metrics() hands them on; in protobuf a resource, scope or metric without points is left out.
//   Cost      one copy of the bytes a level: point, metric, scope, resource.
//   Threads   one owner.
//   Source    opentelemetry-proto 1.x, metrics/v1; OTLP 1.x, "JSON Protobuf Encoding".
#include <string>

#include "model/metric_points.h"
#include "wire/otlp/json_text.h"

namespace sightline::wire::otlp {

class MetricsEncoder final : public model::MetricsSink {
 public:
  Status on_resource(const model::MetricResource& resource) override;
  Status on_scope(const model::MetricScope& scope) override;
  Status on_metric(const model::MetricView& metric) override;
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override;

  uint64_t points() const { return points_; }
  // The request; the encoder is empty afterwards.
  std::string take();

 private:
  void end_metric();
  void end_scope();
  void end_resource();

  std::string out_;
  std::string resource_,
      resource_url_;  // of the ResourceMetrics under way: its Resource, its schema URL
  std::string scope_, scope_url_;
  std::string metric_, data_;     // of the Metric: its head, and the message of its points
  std::string scopes_, metrics_;  // what is ready of the resource, of the scope
  uint32_t data_field_ = 0;
  uint64_t points_ = 0;
  uint64_t metric_points_ = 0;  // of the metric under way
};

class MetricsJsonEncoder final : public model::MetricsSink {
 public:
  MetricsJsonEncoder();
  Status on_resource(const model::MetricResource& resource) override;
  Status on_scope(const model::MetricScope& scope) override;
  Status on_metric(const model::MetricView& metric) override;
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override;
  std::string take();

 private:
  enum class Level { kRequest, kResource, kScope, kMetric };
  void end_to(Level level);
  void exemplars(const std::vector<model::PointExemplar>& exemplars);
  void buckets(std::string_view name, const model::DataPoint::Buckets& buckets);
  void number(const model::DataPoint& point);
  void distribution(const model::DataPoint& point);
  void explicit_buckets(const model::DataPoint& point);
  void exponential_buckets(const model::DataPoint& point);
  void quantiles(const model::DataPoint& point);

  JsonText json_;
  Level level_ = Level::kRequest;
  std::string resource_url_, scope_url_;
};

}  // namespace sightline::wire::otlp
