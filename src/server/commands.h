#pragma once
// What each command does. Each returns the process' exit status; what went wrong is one
// line on standard error.
#include <csignal>

#include "server/command_line.h"

namespace sightline::server {

int execute(const RunCommand& command);
int execute(const CheckCommand& command);
int execute(const CheckOpenMetricsCommand& command);
int execute(const QueryCommand& command);
int execute(const DemoCommand& command);
int execute(const BlocksCommand& command);
int execute(const VersionCommand& command);
int execute(const TraceBlocksCommand& command);

void set_up_log();           // to standard error
sigset_t stop_signals();     // SIGINT, SIGTERM
int wait_for_stop_signal();  // blocks; the signal's number

}  // namespace sightline::server
