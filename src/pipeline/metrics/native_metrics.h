#pragma once
// The edge from the spanmetrics connector into the metrics store of this
// process, without exposition, scrape or flush interval (promise P4).
//   Timing    a changed series is written within a second, every live series at least every
//             kHeartbeat, exemplars with the next write; a created timestamp gives rate()
//             its first increase. What expires ends with stale markers.
//   Threads   one thread of its own between start() and stop() runs write_changes(); the other
//             functions from any thread.
//   Errors    a refused write is counted and tried again with the next one: counters
//             are cumulative, so nothing is lost by that.
#include <condition_variable>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/telemetry.h"
#include "base/time.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

class NativeMetrics {
 public:
  static constexpr std::chrono::seconds kHeartbeat{15};
  static constexpr std::chrono::milliseconds kWriteInterval{250};     // when writing is quick,
  static constexpr std::chrono::milliseconds kWriteIntervalMax{900};  // and when it is not

  // All references outlive this object.
  NativeMetrics(const connectors::spanmetrics::SpanMetrics& metrics, tsdb::Appendable& store,
                const Clock& clock, Telemetry& telemetry);
  ~NativeMetrics();

  void start();
  void stop();  // after a last write
  // Writes what changed since the last call, and everything when a heartbeat is due.
  Status write_changes();
  // Ends the series of what the connector has expired.
  Status write_expired(
      std::span<const std::shared_ptr<const connectors::spanmetrics::SeriesIdentity>> gone);

 private:
  // Of one series, those it has: the counter; the native histogram, or sum, count and the buckets with +Inf last.
  struct SeriesIds {
    std::vector<tsdb::SeriesId> ids;
    size_t first_bucket = 0;  // index into ids; of the native histogram where there is one
  };
  void run();
  Result<const SeriesIds*> ids_of(tsdb::Appender& appender,
                                  const connectors::spanmetrics::SeriesSnapshot& series);
  Status append_series(tsdb::Appender& appender, const SeriesIds& ids,
                       const connectors::spanmetrics::SeriesSnapshot& series,
                       std::span<const uint64_t> buckets, TimestampMs now);
  void append_exemplars(tsdb::Appender& appender,
                        const connectors::spanmetrics::SpanMetricsChanges& changes);
  Status append_targets(tsdb::Appender& appender, TimestampMs now);

  const connectors::spanmetrics::SpanMetrics& metrics_;
  tsdb::Appendable& store_;
  const Clock& clock_;
  Counter& refused_;
  const std::vector<std::string> le_;  // "2.0", ..., "+Inf"
  std::mutex write_mutex_;             // guards what follows, down to ids_
  uint64_t epoch_ = 0;
  TimestampMs last_write_{0};
  TimestampMs last_heartbeat_{0};
  std::unordered_map<uint64_t, SeriesIds> ids_;  // by SeriesIdentity::id
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sightline::pipeline
