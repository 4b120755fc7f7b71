#pragma once
// One measurement that stands for many: the way from a point to a trace.
#include "base/ids.h"
#include "base/time.h"
#include "model/labels.h"

namespace sightline::model {

inline constexpr std::string_view kTraceIdLabel = "trace_id";
inline constexpr std::string_view kSpanIdLabel = "span_id";
inline constexpr std::string_view kTraceIdLabelOld =
    "traceID";  // older Jaeger clients, Grafana's default text
// OpenMetrics 1.0, "Exemplars": names and values together, in UTF-8 characters.
inline constexpr size_t kExemplarLabelCharsMax = 128;

// Label "trace_id" of 32 hex digits and "span_id" of 16 are held as bytes;
// every other label, or one of those names with another form, stays in `labels`.
struct Exemplar {
  TraceId trace_id;  // not valid: no such label
  SpanId span_id;    // not valid: no such label
  Labels labels;     // the others
  double value = 0;
  TimestampMs time;      // of the measurement
  bool has_time = true;  // false: the wire carried none, `time` is the sample's

  // Splits a full label set into ids and the rest.
  static Exemplar from_labels(const Labels& all, double value, TimestampMs time);
  // The full label set as it came.
  Labels all_labels() const;
  // The trace it leads to, also when a "traceID" label carries it.
  TraceId trace() const;
  friend bool operator==(const Exemplar&, const Exemplar&) = default;
};

}  // namespace sightline::model
