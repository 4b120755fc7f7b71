#pragma once
// What a connector has counted, pushed along a pipeline of metrics at its metrics_flush_interval.
//   Cumulative  every series with its total; exemplars are those since the last flush that was taken.
//   Delta       what was added since the last flush that was taken, series that saw nothing left out; a flush that was
//               refused is part of the next one, so nothing is lost and nothing is told twice. A point begins where the
//               last one of its stream ended; streams_as_peer: of any resource, so that those of one flush follow each other.
//   Threads     one of its own between start() and stop(); stop() flushes once more.
//   Lifetime    source and head outlive it.
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/time.h"
#include "pipeline/connectors/span_to_metrics.h"
#include "pipeline/graph/metrics_consumer.h"

namespace sightline::pipeline {

struct MetricsFlushOptions {
  std::string connector;  // its id, in logs
  std::chrono::nanoseconds interval{std::chrono::seconds(60)};
  bool delta = false;
  bool streams_as_peer = false;
};

class MetricsFlush {
 public:
  MetricsFlush(MetricsFlushOptions options, SpanToMetrics& source, MetricsConsumer& head);
  ~MetricsFlush();
  void start();
  void stop();
  Status flush();  // one owner at a time

 private:
  void run();

  const MetricsFlushOptions options_;
  SpanToMetrics& source_;
  MetricsConsumer& head_;
  uint64_t epoch_ = 0;
  // With delta, as of the last flush that was taken: by stream its total, and when it was last told.
  std::map<std::string, model::DataPoint> told_;
  std::map<std::string, uint64_t> ends_;  // with streams_as_peer: when one of any resource was
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sightline::pipeline
