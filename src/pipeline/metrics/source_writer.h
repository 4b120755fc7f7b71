#pragma once
// The edge from a metric source into the metrics store of this process, for sources without a
// way of their own to say what changed.
//   Timing    write_due() writes changed series at once and every live series at least every kHeartbeat; a
//             series that is gone ends with a stale marker.
//   Errors    a refused sample is counted and tried again with the next write: counters are cumulative.
//   Threads   one caller at a time.
#include <chrono>
#include <unordered_map>

#include "base/telemetry.h"
#include "base/time.h"
#include "pipeline/metrics/metric_source.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

class SourceWriter {
 public:
  static constexpr std::chrono::seconds kHeartbeat{15};
  SourceWriter(const MetricSource& source, tsdb::Appendable& store, const Clock& clock,
               Telemetry& telemetry);
  Status write_due();

 private:
  struct Written {
    tsdb::SeriesId id;
    double value = 0;  // of a native histogram: its count
    TimestampMs time;
    uint64_t round = 0;
  };
  struct Sample {
    model::Labels labels;
    double value = 0;
    const model::Histogram* native = nullptr;
    std::optional<TimestampMs> created;
  };
  static std::vector<Sample> samples_of(const model::MetricFamily& family);
  Status write(tsdb::Appender& appender, const Sample& sample, TimestampMs now);

  const MetricSource& source_;
  tsdb::Appendable& store_;
  const Clock& clock_;
  Counter& refused_;
  std::unordered_map<model::Labels, Written, model::LabelsHash> written_;
  uint64_t round_ = 0;
};

}  // namespace sightline::pipeline
