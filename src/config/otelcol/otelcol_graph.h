#pragma once
// The checks that need the whole collector configuration: who may stand where, and no cycles.
#include "config/otelcol/otelcol_config.h"

namespace sightline::config {

// `faulty`: ids that stand in their sections but could not be read; they were reported.
void check_pipelines(OtelcolConfig& config, const std::vector<ComponentId>& faulty,
                     Diagnostics& diagnostics);

}  // namespace sightline::config
