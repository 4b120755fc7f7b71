#pragma once
// Every key a Tempo configuration may hold, so that sections without meaning here
// are still checked for typing errors.
#include "config/known_keys.h"

namespace sightline::config {

KnownKeys tempo_keys();

}  // namespace sightline::config
