#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

namespace sightline::server {
namespace {

void add_config_flags(CLI::App& app, config::ConfigFiles& files) {
  auto* own = app.add_option("--config", files.sightline, "Sightline's own file, all sections in one")->type_name("FILE");
  const auto peer = [&](const char* flag, std::string& file, const char* what) {
    app.add_option(flag, file, what)->type_name("FILE")->excludes(own);
  };
  app.add_option("--otelcol-config", files.otelcol, "OpenTelemetry Collector configuration: be the collector; may be given several times")
      ->type_name("FILE")->excludes(own)->allow_extra_args(false);
  peer("--tempo-config", files.tempo, "Tempo configuration: be the trace store");
  peer("--prometheus-config", files.prometheus, "Prometheus configuration: be the metrics store");
  app.add_option("--provisioning", files.provisioning, "Grafana provisioning directory: show its dashboards")
      ->type_name("DIR")->excludes(own);
  app.add_option("--data-dir", files.data_dir, "where data is kept (default ./data)")->type_name("DIR");
}

void add_run_flags(CLI::App& app, RunCommand& run, std::string& sync) {
  add_config_flags(app, run.files);
  app.add_option("--ui.listen-address", run.ui_listen_address, "pages and all APIs (default 127.0.0.1:3000)")
      ->type_name("HOST:PORT");
  app.add_option("--web.listen-address", run.web_listen_address, "Prometheus API (default 127.0.0.1:9090)")
      ->type_name("HOST:PORT");
  app.add_option("--sync", sync, "when data counts as written: 'process' survives kill -9, 'always' power loss")
      ->check(CLI::IsMember({"process", "always"}));
  app.add_option("--query.exemplar-trace-id-alias", run.exemplar_trace_id_alias,
                 "answer exemplars under both trace_id and traceID (default true)");
  app.add_option("--log.level", run.log_level, "debug, info, warn or error (default info)")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

}  // namespace

std::variant<Command, CommandLineExit> parse_command_line(int argc, const char* const* argv) {
  CLI::App app("Sightline: from a point on a chart to the trace behind it.\n"
               "Without a command it runs with its defaults: OTLP on 4317 and 4318, pages on http://localhost:3000.",
               "sightline");
  app.require_subcommand(0, 1);
  app.fallthrough(false);
  bool version = false;
  app.add_flag("--version", version, "print the version");

  RunCommand bare;
  RunCommand run;
  std::string sync = "process";
  add_run_flags(app, bare, sync);
  auto* run_app = app.add_subcommand("run", "run with the given files");
  add_run_flags(*run_app, run, sync);

  CheckCommand check;
  CheckOpenMetricsCommand check_text;
  auto* check_app = app.add_subcommand("check", "read the given files and say what would run");
  add_config_flags(*check_app, check.files);
  check_app->require_subcommand(0, 1);
  auto* check_text_app = check_app->add_subcommand("openmetrics", "check OpenMetrics text; exit status 1 when it is not");
  check_text_app->add_option("FILE", check_text.files, "files to check; - is standard input")->required();

  DemoCommand demo;
  auto* demo_app = app.add_subcommand("demo", "a small service to look at: / and /slow, with spans by OTLP/gRPC");
  demo_app->add_option("--listen-address", demo.listen_address, "default 0.0.0.0:5000")->type_name("HOST:PORT");
  demo_app->add_option("--otlp-endpoint", demo.otlp_endpoints,
                       "OTLP/gRPC receiver (default: localhost:4317, else localhost:4319)")
      ->type_name("HOST:PORT");
  demo_app->add_flag("--console", demo.console, "print each span as well");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const int status = app.exit(error, out, out);
    return CommandLineExit{status == 0 ? 0 : 1, std::move(out).str()};
  }
  if (version) return Command(VersionCommand{});
  if (check_text_app->parsed()) return Command(std::move(check_text));
  if (check_app->parsed()) return Command(std::move(check));
  if (demo_app->parsed()) return Command(std::move(demo));
  RunCommand& chosen = run_app->parsed() ? run : bare;
  chosen.sync_always = sync == "always";
  return Command(std::move(chosen));
}

}  // namespace sightline::server
