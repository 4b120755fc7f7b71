#pragma once
// The overrides of a Tempo configuration: the limits of every tenant, in the scoped form of today and in the flat
// one of Tempo before 2.3.
#include "config/tempo/tempo_config.h"
#include "config/yaml/yaml_section.h"

namespace sightline::config {

void read_overrides(Section& root, TempoConfig& out);

}  // namespace sightline::config
