#pragma once
// One OTLP metrics request on its way into one transaction of the store.
//   Threads   one owner. Holds the deltas' mutex from the first delta point until finish() or rollback().
#include <map>
#include <mutex>

#include "model/exemplar.h"
#include "pipeline/metrics/delta_accumulator.h"
#include "pipeline/metrics/metric_names.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

struct TranslationOptions {
  NameTranslation names;
  bool scope_labels = false;  // otel_scope_name, otel_scope_version and the scope's attributes
  bool target_info = true;
  bool resource_labels = false;         // the resource's attributes are labels of every series
  bool without_service_labels = false;  // but not those that job and instance are made of
  bool leave_out_deltas = false;        // instead of adding them up
  // As the collector sends them: metadata with the word of a unit ("seconds") and without target_info, exemplars with
  // attributes' own names. Prometheus' receiver does otherwise.
  bool is_sent = false;
  bool custom_buckets = false;  // explicit histograms as native ones with custom buckets
  bool classic_buckets = true;  // and as classic ones
};

class MetricsTranslation final : public model::MetricsSink {
 public:
  MetricsTranslation(tsdb::Appender& appender, std::mutex& delta_mutex, DeltaAccumulator& deltas,
                     TranslationOptions options = {})
      : options_(std::move(options)),
        appender_(appender),
        delta_lock_(delta_mutex, std::defer_lock),
        deltas_(deltas) {}

  // Errors end the request: a limit or a fault of the store. What is wrong with one point refuses that alone.
  Status on_resource(const model::MetricResource& resource) override;
  Status on_scope(const model::MetricScope& scope) override;
  Status on_metric(const model::MetricView& metric) override;
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override;

  Status finish();  // commits
  void rollback();
  uint64_t accepted() const { return accepted_; }
  uint64_t refused() const { return refused_; }
  const std::string& first_refusal() const { return first_refusal_; }

 private:
  using Point = model::DataPoint;
  using Attributes = std::vector<model::AttributeView>;

  Status write_target_info();
  model::LabelsBuilder labels_of(const Attributes& attributes) const;
  Status append_point(const model::MetricView& metric, Point& point);
  Status append_cumulative(const model::MetricView& metric, const Point& point,
                           const model::LabelsBuilder& labels);
  Status append_number(const Point& point, const model::LabelsBuilder& labels);
  Status append_explicit(const Point& point, const model::LabelsBuilder& labels);
  Status append_exponential(const Point& point, const model::LabelsBuilder& labels);
  Status append_summary(const Point& point, const model::LabelsBuilder& labels);
  Result<tsdb::SeriesId> append_value(model::LabelsBuilder labels, std::string_view suffix,
                                      const Point& point, double value, bool counts);
  void append_exemplars(tsdb::SeriesId id, const Point& point, double above, double up_to);

  std::string label_name(std::string_view key) const;
  Status append_custom_buckets(const Point& point, const model::LabelsBuilder& labels);

  const TranslationOptions options_;
  tsdb::Appender& appender_;
  std::unique_lock<std::mutex> delta_lock_;
  DeltaAccumulator& deltas_;
  model::Labels
      resource_labels_;  // job and instance, and what else every series of the resource has
  model::Labels scope_labels_;
  model::Labels target_info_;     // empty: nothing to tell
  int64_t min_time_ = INT64_MAX;  // of the resource's points, ms
  int64_t max_time_ = INT64_MIN;
  std::string metric_name_;
  bool is_counter_ = false;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  std::string first_refusal_;
};

}  // namespace sightline::pipeline
