#pragma once
// The count connector: counts spans, span events, metrics and data points that match, by the values of attributes.
//   Own       totals, shown at any moment and pushed at a flush interval. What cannot be evaluated does not match.
//   Strict    as the peer: each request's counts are pushed at once, as deltas with the whole resource, to the heads given
//             to push_to(); a refusal of theirs, or a condition that cannot be evaluated, refuses the request.
//   Limits    kCountSeriesMax series; what would be a further one is not counted, and said once.
//   Threads   every function from any thread; one mutex. push_to() before the first request.
//   Source    opentelemetry-collector-contrib, countconnector README.
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "pipeline/connectors/count_tally.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/metrics/source_writer.h"

namespace sightline::pipeline {

inline constexpr size_t kCountSeriesMax = 100'000;

class CountConnector final : public SpanToMetrics, public MetricsConsumer {
 public:
  CountConnector(const config::CountConfig& config, const Clock& clock, bool is_strict);

  Status consume(const SharedBatch& batch) override;
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override;
  void push_to(MetricsConsumer& head) { heads_.push_back(&head); }
  std::vector<model::MetricFamily> collect() const override;
  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t epoch) override;
  void write_to(tsdb::Appendable& store, Telemetry& telemetry) override;
  void start() override {}
  void stop() override { maintain(); }
  void maintain() override;

 private:
  using Target = std::pair<std::string, std::string>;                   // job and instance
  using Counts = std::map<std::pair<size_t, model::Labels>, uint64_t>;  // by metric and labels
  using Targets = std::map<Target, model::Labels>;                      // of target_info
  class Totals;
  template <typename Walk>
  Status count(Walk walk);
  Status push(uint64_t points, std::string request);
  void add(const Counts& counts, const Targets& targets);

  const Clock& clock_;
  const TimestampMs started_;
  const bool is_strict_;
  const CountRules rules_;
  const std::vector<std::string>
      names_;  // of rules_' metrics as Prometheus has them, without _total
  std::vector<MetricsConsumer*> heads_;
  mutable std::mutex mutex_;
  Counts counts_;           // guarded by mutex_
  Targets targets_;         // guarded by mutex_
  bool said_full_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<SourceWriter>> stores_;
};

}  // namespace sightline::pipeline
