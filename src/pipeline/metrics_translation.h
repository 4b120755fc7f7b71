#pragma once
// One OTLP metrics request on its way into one transaction of the store.
//   Threads   one owner. Holds the deltas' mutex from the first delta point until finish() or rollback().
#include <map>
#include <mutex>

#include "model/exemplar.h"
#include "pipeline/delta_accumulator.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

class MetricsTranslation final : public wire::otlp::MetricsSink {
 public:
  MetricsTranslation(tsdb::Appender& appender, std::mutex& delta_mutex, DeltaAccumulator& deltas)
      : appender_(appender), delta_lock_(delta_mutex, std::defer_lock), deltas_(deltas) {}

  // Errors end the request: a limit or a fault of the store. What is wrong with one point refuses that alone.
  Status on_resource(const std::vector<model::AttributeView>& attributes) override;
  Status on_metric(const wire::otlp::MetricView& metric) override;
  Status on_point(const wire::otlp::MetricView& metric,
                  const wire::otlp::MetricPoint& point) override;

  Status finish();  // commits
  void rollback();
  uint64_t accepted() const { return accepted_; }
  uint64_t refused() const { return refused_; }
  const std::string& first_refusal() const { return first_refusal_; }

 private:
  using Point = wire::otlp::MetricPoint;
  using Attributes = std::vector<model::AttributeView>;

  Status write_target_info();
  model::LabelsBuilder labels_of(const Attributes& attributes) const;
  Status append_point(const wire::otlp::MetricView& metric, Point& point);
  Status append_number(const Point& point, const model::LabelsBuilder& labels);
  Status append_explicit(const Point& point, const model::LabelsBuilder& labels);
  Status append_exponential(const Point& point, const model::LabelsBuilder& labels);
  Status append_summary(const Point& point, const model::LabelsBuilder& labels);
  Result<tsdb::SeriesId> append_value(model::LabelsBuilder labels, std::string_view suffix,
                                      const Point& point, double value, bool counts);
  void append_exemplars(tsdb::SeriesId id, const Point& point, double above, double up_to);

  tsdb::Appender& appender_;
  std::unique_lock<std::mutex> delta_lock_;
  DeltaAccumulator& deltas_;
  model::Labels resource_labels_;  // job and instance
  model::Labels target_info_;      // empty: nothing to tell
  int64_t min_time_ = INT64_MAX;   // of the resource's points, ms
  int64_t max_time_ = INT64_MIN;
  std::string metric_name_;
  bool is_counter_ = false;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  std::string first_refusal_;
};

}  // namespace sightline::pipeline
