#pragma once
// The processors that act on metrics: memory_limiter, attributes (of data points), resource and filter. The others of the
// collector's that are here act on spans alone.
//   Cost      what is edited is decoded and encoded anew; what passes is handed on as it came.
//   Threads   immutable but for counters; consume() from any thread.
//   Source    memorylimiterprocessor, attributesprocessor, resourceprocessor, filterprocessor READMEs.
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_config.h"
#include "pipeline/graph/metrics_consumer.h"

namespace sightline::pipeline {

// Null where there is nothing to do: the stage is `next` itself, which outlives what is made. An error where the
// processor, or what it is told to look at, is of spans alone.
Result<std::unique_ptr<MetricsConsumer>> make_metrics_processor(
    const config::Component<config::ProcessorConfig>& component, MetricsConsumer& next,
    const Clock& clock, Telemetry& telemetry);
// Whether it may change what passes.
bool edits_metrics(const config::ProcessorConfig& config);

}  // namespace sightline::pipeline
