#pragma once
// The spanmetrics connector: spans in; RED metrics with exemplars out. A pure
// state machine: it starts no thread and reads time only from the clock handed in.
//   Metrics    <namespace>.calls, a counter, <namespace>.duration, a histogram, and <namespace>.events, a counter, named as
//              the Prometheus exporter names them: traces_span_metrics_calls, traces_span_metrics_duration_milliseconds.
//   Sampled    a span whose tracestate says that it was kept with a probability counts for as many as it stands for;
//              a fraction is rounded by chance, always the same way for the same span.
//   Counting   a batch is counted once, when consume() is called. A span whose resource has no
//              service.name is not counted, as in the peer. A span that ends before it starts lasted 0.
//   Exemplars  the newest of each bucket and of each counter; value in the histogram's unit, time
//              that of the span's end, but never later than now; now when the span does not say.
//   Limits     SpanMetricsOptions; what exceeds them is counted in overflow series, never lost.
//   Threads    every function from any thread. State lies in shards by service (job, instance), one
//              mutex each, held only while counters move; keys are built before it is taken.
//   Source     OpenTelemetry Collector contrib, spanmetricsconnector and prometheusexporter.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "connectors/spanmetrics/options.h"
#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/metric_family.h"
#include "model/metric_points.h"
#include "model/owned_attributes.h"
#include "model/span_batch.h"

namespace sightline::connectors::spanmetrics {

// What a series is called; shared by every snapshot of it.
struct SeriesIdentity {
  uint64_t id = 0;       // of this SpanMetrics, never reused: a key for the reader's own cache
  model::Labels labels;  // without __name__ and le
  TimestampMs created;   // 1 ms before its first span was counted: before every sample of it
  model::OwnedAttributes attributes;  // as OTLP has them; with keep_attributes
};

// A series counts calls, or durations, or both, or events.
struct SeriesSnapshot {
  std::shared_ptr<const SeriesIdentity> identity;
  uint64_t calls = 0;  // or events, or observed durations
  double duration_sum = 0;
  uint32_t buckets_begin =
      0;  // index into SpanMetricsChanges::bucket_counts, where it has explicit buckets
  bool has_calls = true;  // false: durations alone
  bool has_duration = true;
  bool is_events = false;                          // `calls` are events
  std::shared_ptr<const model::Histogram> native;  // exponential durations
};

struct ExemplarSnapshot {
  static constexpr uint32_t kOfCalls = UINT32_MAX;
  uint32_t series = 0;  // index into SpanMetricsChanges::series
  uint32_t bucket =
      kOfCalls;  // bucket number, bounds().size() being +Inf; or the counter; any of an exponential histogram
  model::Exemplar exemplar;
};

// Series that changed and exemplars that are new since an epoch.
struct SpanMetricsChanges {
  uint64_t epoch = 0;  // hand it to the next changes_since()
  std::vector<SeriesSnapshot> series;
  std::vector<uint64_t>
      bucket_counts;  // cumulative, bounds().size() + 1 a series with explicit buckets
  std::vector<ExemplarSnapshot> exemplars;  // by series
};

// A series as exposition shows it, for a reader that keeps what it made of the others.
struct ExposedSeries {
  std::shared_ptr<const SeriesIdentity> identity;
  std::optional<model::MetricPoint> counter;    // of calls, or of events
  std::optional<model::MetricPoint> histogram;  // of durations
  bool is_events = false;
};
struct ExposedChanges {
  uint64_t epoch = 0;    // hand it to the next exposed_since()
  uint64_t expired = 0;  // series that ended so far: when it grows, what was kept is out of date
  std::vector<ExposedSeries> series;   // that changed
  std::vector<model::Labels> targets;  // of target_info: all
};

class SpanMetrics {
 public:
  // kInvalidArgument: buckets not ascending or not finite, a dimension named twice, without name or like one that is always there.
  static Result<std::unique_ptr<SpanMetrics>> create(const Clock& clock,
                                                     SpanMetricsOptions options);
  ~SpanMetrics();

  void consume(const model::SpanBatch& batch);

  // The families of collect() without points: target_info, calls, duration, events.
  std::vector<model::MetricFamily> family_heads() const;
  // Everything as exposition holds it: target_info, calls, duration; points in the peer's order,
  // with the labels otel_scope_*.
  std::vector<model::MetricFamily> collect() const;

  // The same of what changed since an epoch; 0: all. Times of the points are now, as collect() has them.
  ExposedChanges exposed_since(uint64_t epoch) const;
  // Whether what is shown of a series depends on that series alone: no trace is sampled away.
  bool shows_every_exemplar() const;

  // Everything as OTLP's points, resource by resource; needs keep_attributes. Exemplars are those since `epoch`, which
  // is what the last call answered; 0: all.
  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t epoch) const;

  // Cheap incremental reading for a store in this process: costs what changed. 0 reads every
  // live series. A change is reported at least once to every reader who passes on the epoch.
  // The labels carry otel_scope_name as exposition does.
  SpanMetricsChanges changes_since(uint64_t epoch) const;
  // target_info of every live service, without __name__.
  std::vector<model::Labels> targets() const;
  // Removes what saw no span for metrics_expiration or series_expiration and returns it, so that the caller can end
  // it in a store. Whoever owns the timer calls this.
  std::vector<std::shared_ptr<const SeriesIdentity>> expire();

  // "traces_span_metrics_calls" and "traces_span_metrics_duration_milliseconds".
  const std::string& calls_name() const;
  const std::string& duration_name() const;
  const std::string& events_name() const;
  std::span<const double> bounds() const;  // finite bucket bounds
  bool has_histogram() const;
  bool has_exponential_histogram() const;
  uint64_t series_count() const;
  uint64_t overflowed_spans() const;  // counted in an overflow series
  uint64_t uncounted_spans() const;   // without service.name

  struct State;  // span_metrics_state.h

 private:
  explicit SpanMetrics(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sightline::connectors::spanmetrics
