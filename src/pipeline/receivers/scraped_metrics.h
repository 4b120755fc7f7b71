#pragma once
// What a prometheus receiver scrapes, as OTLP: an Appendable for a scraper, whose transactions leave as one batch each.
//   Resource  job is service.name, instance is service.instance.id, and host and port of it; target_info's labels.
//   Metrics   by the metadata that the exposition gave: counters are monotonic sums, histograms and summaries are put
//             together, native histograms are exponential ones, everything else is a gauge.
//   Start     of counters: when they were first seen, or when they fell.
//   Stale     a stale marker is a point without a recorded value.
//   Limits    a series that no transaction named for kForgetRounds of them is forgotten; its id is kNotFound then.
//   Threads   appenders of several targets at once; one mutex.
//   Source    opentelemetry-collector-contrib, prometheusreceiver README.
#include <absl/container/flat_hash_map.h>

#include <map>
#include <mutex>
#include <string>

#include "base/time.h"
#include "pipeline/graph/metrics_consumer.h"
#include "pipeline/receivers/receiver_counters.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

struct ScrapedMetricsOptions {
  bool trim_suffixes = false;
  std::map<std::string, std::string> schemes;  // http or https, by job
};

class ScrapedMetrics final : public tsdb::Appendable {
 public:
  static constexpr uint64_t kForgetRounds = 10'000;
  // Both outlive it.
  ScrapedMetrics(MetricsConsumer& next, ScrapedMetricsOptions options,
                 const ReceiverCounters& counters)
      : next_(next), options_(std::move(options)), counters_(counters) {}
  std::unique_ptr<tsdb::Appender> appender() override;

 private:
  friend class ScrapeTransaction;
  // A series of the exposition, and where it began.
  struct Series {
    model::Labels labels;
    uint64_t round = 0;
    int64_t start_ms = 0;  // 0: not seen yet
    double last = 0;
  };
  Result<tsdb::SeriesId> find_or_make(const model::Labels& labels);
  // The labels, and the start for a value that counts; kNotFound.
  struct Seen {
    model::Labels labels;
    int64_t start_ms = 0;
  };
  Result<Seen> see(tsdb::SeriesId id, TimestampMs time, double counted);
  Result<model::Labels> labels_of(tsdb::SeriesId id) const;
  void end_round();
  void set_metadata(std::string_view metric, const model::MetricMetadata& metadata);
  model::MetricMetadata metadata_of(const std::string& metric) const;

  MetricsConsumer& next_;
  const ScrapedMetricsOptions options_;
  const ReceiverCounters counters_;
  mutable std::mutex mutex_;
  // All below is guarded by mutex_.
  absl::flat_hash_map<uint64_t, Series> series_;  // by SeriesId
  absl::flat_hash_map<model::Labels, uint64_t, model::LabelsHash> ids_;
  std::map<std::string, model::MetricMetadata, std::less<>> metadata_;
  uint64_t next_id_ = 1;
  uint64_t round_ = 0;
};

}  // namespace sightline::pipeline
