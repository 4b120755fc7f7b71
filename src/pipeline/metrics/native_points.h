#pragma once
// Exponential histograms of OTLP as Prometheus' native ones.
//   Threads  pure functions.
//   Source   OpenTelemetry, "Prometheus and OpenMetrics Compatibility", "Exponential Histograms".
#include "model/histogram.h"
#include "model/metric_points.h"

namespace sightline::pipeline {

// A point without a recorded value is the stale marker. kInvalidArgument: of a scale that is too coarse to be stored.
Result<model::Histogram> native_histogram(const model::DataPoint& point);

// The other way, all of a histogram but its count and sum.
void fill_exponential(const model::Histogram& h, model::DataPoint& point);

}  // namespace sightline::pipeline
