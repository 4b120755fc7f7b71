#pragma once
// What the person typed, checked. The commands and their flags: `sightline --help`.
#include <chrono>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "config/sightline_config.h"
#include "server/trace_blocks.h"

namespace sightline::server {

// sightline, sightline run
struct RunCommand {
  config::ConfigFiles files;
  // Addresses that win over the files' and the defaults; empty: not given.
  std::string ui_listen_address;      // --ui.listen-address
  std::string web_listen_address;     // --web.listen-address, Prometheus' own flag
  bool sync_always = false;           // --sync=always: fsync before acknowledging
  bool exemplar_trace_id_alias = true;  // --query.exemplar-trace-id-alias
  std::chrono::seconds shutdown_timeout{10};
  std::string log_level = "info";
};

// sightline check
struct CheckCommand {
  config::ConfigFiles files;
};
// sightline check openmetrics FILE...
struct CheckOpenMetricsCommand {
  std::vector<std::string> files;  // "-": standard input
};

// sightline demo
struct DemoCommand {
  std::string listen_address = "0.0.0.0:5000";
  // gRPC; tried in order. Unless told: Sightline's own receiver, then the one of the demo's collector configuration.
  std::vector<std::string> otlp_endpoints = {"localhost:4317", "localhost:4319"};
  bool console = false;                          // print spans, too
};

struct VersionCommand {};

using Command = std::variant<RunCommand, CheckCommand, CheckOpenMetricsCommand, DemoCommand, VersionCommand, TraceBlocksCommand>;

// What to do, or what to print and the exit status to end with (--help is 0).
struct CommandLineExit {
  int status = 0;
  std::string text;
};
std::variant<Command, CommandLineExit> parse_command_line(int argc, const char* const* argv);

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace sightline::server
