#pragma once
// One metric family as an exposition holds it: what the spanmetrics connector
// and every other metric source hand out, and what a scrape brings in.
//   Ownership  values.   Source  OpenMetrics 1.0, "Data Model".
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/exemplar.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::model {

// An exemplar as an exposition writes it: to the nanosecond, where stores keep milliseconds.
struct ExposedExemplar : Exemplar {
  ExposedExemplar() = default;
  ExposedExemplar(Exemplar e, uint32_t rest_ns = 0)
      : Exemplar(std::move(e)), time_rest_ns(rest_ns) {}
  uint32_t time_rest_ns = 0;  // after `time`, below 1,000,000
};

// One bucket of a classic histogram, cumulative.
struct HistogramBucket {
  double le = 0;       // upper bound, inclusive; +Inf for the last
  uint64_t count = 0;  // observations <= le
  std::optional<ExposedExemplar> exemplar;
};

// One label set of the family. Which value fields count depends on the type.
struct MetricPoint {
  Labels labels;         // without __name__ and le
  TimestampMs time;      // of the values
  bool has_time = true;  // false: exposition writes no timestamp, `time` is when it was read
  std::optional<TimestampMs> created;       // start of a counter or histogram
  double value = 0;                         // counter, gauge, unknown, info (1)
  std::optional<ExposedExemplar> exemplar;  // of a counter
  std::vector<HistogramBucket> buckets;     // histogram: ascending le, last +Inf
  double sum = 0;                           // histogram
  uint64_t count = 0;                       // histogram
  std::shared_ptr<const Histogram> native;  // histogram: native; then `buckets` is +Inf alone
  std::vector<ExposedExemplar> exemplars;   // of a native histogram
  std::vector<std::pair<double, double>> quantiles;  // summary: quantile and value, ascending
  std::vector<std::string> empty_labels;             // as the family's, of this point alone
};

struct MetricFamily {
  std::string name;  // without _total, _bucket, ...: "traces_span_metrics_calls"
  MetricMetadata metadata;
  std::string unit_suffix;  // how `name` ends for its unit, "_milliseconds"; may be empty
  bool total_suffix =
      true;  // the classic format ends a counter's name with _total, as OpenMetrics always does
  std::vector<MetricPoint> points;
  // Names of labels that every point without them carries with an empty value (otel_scope_version=""). Exposition
  // writes them; everywhere else an empty label is an absent one. Sorted.
  std::vector<std::string> empty_labels;
};

}  // namespace sightline::model
