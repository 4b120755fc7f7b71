#pragma once
// OTLP's points as an exposition shows them: the last of each series, under the names of a translation strategy.
//   Pushed    consume() keeps what comes until it is metric_expiration old; a point that is older than the one there is
//             not taken; deltas are added up; one without a recorded value ends its series.
//   At once   as a sink for one walk over a connector, with collect() after it.
//   Labels    keys that become one label are joined by ';' in order of the keys; job and instance win over all.
//   Limits    kPointSeriesMax series; what would be a further one is not shown, and counted.
//   Threads   any; one mutex.
//   Source    opentelemetry-collector-contrib, prometheusexporter README.
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "config/otelcol/otelcol_components.h"
#include "model/metric_family.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/metrics/delta_accumulator.h"
#include "pipeline/metrics/kept_texts.h"
#include "pipeline/metrics/metric_names.h"

namespace sightline::pipeline {

inline constexpr size_t kPointSeriesMax = 1'000'000;

class PointFamilies final : public MetricsConsumer, private model::MetricsSink {
 public:
  // Both outlive it.
  // `is_strict`: as in the peer, a point of which two keys become one label is not shown, and empty labels are.
  PointFamilies(const config::PrometheusExporterConfig& config, const Clock& clock,
                bool is_strict = false);

  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override;
  // Takes what `walk` hands to the sink it is given.
  template <typename Walk>
  Status take(Walk walk) {
    const std::lock_guard lock(mutex_);
    return walk(static_cast<model::MetricsSink&>(*this));
  }
  bool is_empty();
  // What is not too old, in the order of an exposition; what is, is forgotten.
  std::vector<model::MetricFamily> collect();

 private:
  struct Entry {
    model::MetricPoint point;
    TimestampMs updated;
  };
  struct Family {
    model::MetricFamily head;  // without points
    std::map<model::Labels, Entry> series;
  };

  Status on_resource(const model::MetricResource& resource) override;
  Status on_scope(const model::MetricScope& scope) override;
  Status on_metric(const model::MetricView& metric) override;
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override;
  std::string label_name(std::string_view key) const;
  // Of keys that become one label, where the peer is followed; values are joined otherwise.
  enum class Collisions { kHide, kJoin };
  // Gives the point its labels. False: such a point is not shown.
  bool set_labels(const std::vector<model::AttributeView>& attributes,
                  const model::LabelsBuilder& always, Collisions collisions,
                  model::MetricPoint& point) const;
  void keep_resource_attributes(const std::vector<model::AttributeView>& all);
  std::vector<model::AttributeView> joined_attributes(
      const std::vector<model::AttributeView>& own) const;
  void put(Family& family, model::MetricPoint point);

  const config::PrometheusExporterConfig& config_;
  const Clock& clock_;
  const NameTranslation translation_;
  const bool is_strict_;
  std::mutex mutex_;
  // All below is guarded by mutex_.
  std::map<std::string, Family> families_;
  DeltaAccumulator deltas_;
  size_t series_ = 0;
  uint64_t left_out_ = 0;
  TimestampMs now_;                // of the walk under way
  model::LabelsBuilder resource_;  // labels of every point of the resource
  model::LabelsBuilder scope_;     // and of the scope
  // With resource_to_telemetry_conversion: what points get of the resource, and its texts.
  std::vector<model::AttributeView> resource_attributes_;
  KeptTexts resource_texts_;
  std::vector<std::string>
      resource_empty_;        // strict: of job and instance those that are there, and empty
  Family* family_ = nullptr;  // of the metric; null: it is not shown
};

// One data point's values. kInvalidArgument: it is no proper point of its kind.
Result<model::MetricPoint> exposition_point(const model::MetricView& metric,
                                            const model::DataPoint& point);
model::MetricType metric_type_of(const model::MetricView& metric);

}  // namespace sightline::pipeline
