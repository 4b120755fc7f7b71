#pragma once
// One running Sightline: the roles its configuration names, wired together.
//   Roles     collector (otelcol), traces (tempo), metrics (prometheus), ui
//             (provisioning, and always the pages). A pipeline edge is a function call when both of its ends
//             are here, a socket when not.
//   Start     everything that can fail fails in start(), with one line that says what and where.
//   Stop      receivers first, then exporters drain, then servers, then stores; within the deadline.
//   Threads   start() and the destructor from one thread.
#include <memory>
#include <string>
#include <vector>

#include "api/self/self_routes.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "config/sightline_config.h"
#include "server/command_line.h"

namespace sightline::server {

class Process {
 public:
  // `config` and the others outlive the process.
  static Result<std::unique_ptr<Process>> start(const RunCommand& command,
                                                const config::SightlineConfig& config, Clock& clock,
                                                Telemetry& telemetry);
  virtual ~Process() = default;
  virtual std::vector<api::self::ListenerStatus> listeners() const = 0;
  virtual void stop() = 0;
};

}  // namespace sightline::server
