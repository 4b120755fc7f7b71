#pragma once
// What the person typed, checked. The commands and their flags: `sightline --help`.
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "config/sightline_config.h"
#include "server/trace_blocks.h"
#include "tsdb/options.h"

namespace sightline::server {

// sightline, sightline run
struct RunCommand {
  config::ConfigFiles files;
  // Addresses that win over the files' and the defaults; empty: not given.
  std::string ui_listen_address;        // --ui.listen-address
  std::string web_listen_address;       // --web.listen-address, Prometheus' own flag
  bool sync_always = false;             // --sync=always: fsync before acknowledging
  bool exemplar_trace_id_alias = true;  // --query.exemplar-trace-id-alias
  // Prometheus' own flags of the query engine and of its API.
  struct Query {
    size_t concurrency_max = 20;                                  // --query.max-concurrency
    std::chrono::milliseconds timeout{std::chrono::minutes(2)};   // --query.timeout
    std::chrono::milliseconds lookback{std::chrono::minutes(5)};  // --query.lookback-delta
    uint64_t samples_max = 50'000'000;                            // --query.max-samples
  };
  Query query;
  bool enable_admin_api = false;    // --web.enable-admin-api
  bool enable_lifecycle = false;    // --web.enable-lifecycle
  std::string cors_origin = ".*";   // --web.cors.origin, anchored
  tsdb::TsdbLimits metrics_limits;  // --limits.*
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
  bool console = false;  // print spans, too
};

// sightline blocks ls | inspect | verify | import PATH... | export DIR: metrics blocks of a server that does not run
struct BlocksCommand {
  enum class Action { kList, kInspect, kVerify, kImport, kExport } action = Action::kList;
  std::string data_dir = "./data";
  std::vector<std::string> paths;
  bool openmetrics = false;  // of an export: text with exemplars instead of Prometheus blocks
};

// sightline query traceql EXPR, query promql EXPR, query trace ID
struct QueryCommand {
  enum class Language { kTraceql, kPromql, kTraceId };
  Language language = Language::kTraceql;
  std::string expression;  // or the trace's id
  std::string url = "http://localhost:3000";
  std::string tenant;             // X-Scope-OrgID, when given
  uint32_t limit = 20;            // traces
  std::chrono::seconds since{0};  // back from now; 0: everything, and one value of PromQL
  std::string step;               // empty: chosen by the range
  std::chrono::seconds timeout{120};
};

struct VersionCommand {};

using Command = std::variant<RunCommand, CheckCommand, CheckOpenMetricsCommand, QueryCommand,
                             TraceBlocksCommand, BlocksCommand, DemoCommand, VersionCommand>;

// What to do, or what to print and the exit status to end with (--help is 0).
struct CommandLineExit {
  int status = 0;
  std::string text;
};
std::variant<Command, CommandLineExit> parse_command_line(int argc, const char* const* argv);

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace sightline::server
