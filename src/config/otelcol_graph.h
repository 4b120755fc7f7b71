#pragma once
// The checks that need the whole collector configuration: who may stand where, and no cycles.
#include "config/otelcol_config.h"

namespace sightline::config {

void check_pipelines(OtelcolConfig& config, Diagnostics& diagnostics);

}  // namespace sightline::config
