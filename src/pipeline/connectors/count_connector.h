#pragma once
// The count connector: counts spans and span events that match, by the values of attributes.
//   Limits    kCountSeriesMax series; what would be a further one is not counted, and said once.
//   Threads   every function from any thread; one mutex.
//   Source    opentelemetry-collector-contrib, countconnector README.
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "config/otelcol/otelcol_connectors.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/metrics/source_writer.h"
#include "pipeline/processors/condition.h"

namespace sightline::pipeline {

inline constexpr size_t kCountSeriesMax = 100'000;

class CountConnector final : public SpanToMetrics {
 public:
  CountConnector(const config::CountConfig& config, const Clock& clock);

  Status consume(const SharedBatch& batch) override;
  std::vector<model::MetricFamily> collect() const override;
  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t epoch) override;
  void write_to(tsdb::Appendable& store, Telemetry& telemetry) override;
  void start() override {}
  void stop() override { maintain(); }
  void maintain() override;

 private:
  struct Metric {
    config::CountConfig::Metric config;
    std::string name;  // as Prometheus names it, without _total
    Conditions conditions;
  };
  using Counts = std::map<std::pair<size_t, model::Labels>, uint64_t>;  // by metric and labels
  static std::vector<Metric> make(const std::vector<config::CountConfig::Metric>& configs);
  void note_target(const model::SpanBatch& batch, const model::ResourceView& resource);
  void count(size_t metric, const Metric& counted, const ConditionSubject& subject,
             model::Run attributes, Counts& counts) const;

  const Clock& clock_;
  const TimestampMs started_;
  const std::vector<Metric> spans_,
      events_;  // a metric's number: its place here, events after spans
  mutable std::mutex mutex_;
  Counts counts_;  // guarded by mutex_
  std::map<std::pair<std::string, std::string>, model::Labels>
      targets_;             // guarded by mutex_; of target_info, by job and instance
  bool said_full_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<SourceWriter>> stores_;
};

}  // namespace sightline::pipeline
