#pragma once
// Keys of the Prometheus sections that have no effect here, so that their typing errors are still found.
#include "config/known_keys.h"

namespace sightline::config {

KnownKeys prometheus_keys();

}  // namespace sightline::config
