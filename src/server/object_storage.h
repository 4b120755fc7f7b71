#pragma once
// The object storage that a Tempo configuration names (storage.trace).
//   Credentials  the file's; without, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the environment.
#include <memory>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/tempo/tempo_config.h"
#include "config/yaml/environment.h"
#include "io/object_store.h"

namespace sightline::server {

// Null for backend "local". Nothing is asked over the network yet.
Result<std::shared_ptr<io::ObjectStore>> make_object_storage(
    const config::TempoConfig::Storage& storage, const config::Environment& environment,
    Clock& clock, Telemetry& telemetry);

}  // namespace sightline::server
