#pragma once
// A connector from spans to metrics as a node of the graph: the end of traces pipelines
// and the start of metrics pipelines.
//   Threads   consume() and collect() from any thread; the rest from the graph's owner.
#include "base/telemetry.h"
#include "connectors/spanmetrics/span_metrics.h"
#include "model/metric_points.h"
#include "pipeline/graph/consumer.h"
#include "pipeline/metrics/metric_source.h"
#include "tsdb/appender.h"

namespace sightline::pipeline {

class SpanToMetrics : public SpanConsumer, public MetricSource {
 public:
  // Everything as OTLP's points; exemplars are those since `epoch`, which the last call answered (0: all).
  virtual Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t epoch) = 0;
  // Itself, where it counts span metrics: for who keeps what it made of them. Null otherwise.
  virtual const connectors::spanmetrics::SpanMetrics* span_metrics() const { return nullptr; }
  // From start() on, what it counts goes into `store` as well.
  virtual void write_to(tsdb::Appendable& store, Telemetry& telemetry) = 0;
  virtual void start() = 0;
  virtual void stop() = 0;      // after a last write
  virtual void maintain() = 0;  // every second: ends what has expired, writes what is due
};

}  // namespace sightline::pipeline
