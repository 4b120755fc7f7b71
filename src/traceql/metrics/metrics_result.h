#pragma once
// What a TraceQL metrics query answers.
//   Units   durations in seconds; NaN in `values` is "no sample".
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "traceql/evaluation/value.h"

namespace sightline::traceql {

using MetricsLabels = std::vector<std::pair<std::string, OwnedValue>>;

struct MetricsExemplar {
  TraceId trace;
  MetricsLabels labels;  // the attributes the query names, of the span
  double value = 0;
  TimestampMs time;     // the span's start
  size_t interval = 0;  // the one of `values` it lies in
};

struct MetricsSeries {
  MetricsLabels labels;
  std::vector<double> values;  // one per interval
  std::vector<MetricsExemplar> exemplars;
};

struct MetricsResult {
  std::vector<int64_t> times_ms;  // end of each interval
  std::vector<MetricsSeries> series;
  bool truncated = false;  // series beyond the limit were left out
  uint64_t inspected_traces = 0;
  uint64_t inspected_bytes = 0;
};

}  // namespace sightline::traceql
