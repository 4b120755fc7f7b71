#pragma once
// Makes the processor of a pipeline that a component's configuration asks for.
#include <memory>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_config.h"
#include "pipeline/graph/stage.h"
#include "pipeline/processors/trace_fates.h"

namespace sightline::pipeline {

struct ProcessorEnvironment {
  const Clock& clock;
  Telemetry& telemetry;
  TraceFates* fates = nullptr;  // null: no exemplar depends on what is sampled
  bool is_strict = false;       // OtelcolConfig::is_strict
};

// Null where there is nothing to do: the stage is `next` itself. `next` outlives what is made.
std::unique_ptr<SpanProcessor> make_processor(
    const config::Component<config::ProcessorConfig>& component, SpanStage& next,
    const ProcessorEnvironment& environment);
// Whether it lets a part of the traces pass only.
bool is_sampler(const config::ProcessorConfig& config);

}  // namespace sightline::pipeline
