#include "server/command_line.h"

#include <re2/re2.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "base/number_text.h"

namespace sightline::server {
namespace {

// A Prometheus duration above zero.
template <typename Out>
CLI::Option* add_duration(CLI::App& app, const std::string& flag, Out& out,
                          const std::string& what) {
  return app
      .add_option_function<std::string>(
          flag,
          [flag, &out](const std::string& text) {
            const auto duration = parse_prometheus_duration(text);
            if (!duration || duration->count() <= 0)
              throw CLI::ValidationError(flag, "\"" + text + "\" is no duration like 2m or 30s");
            out = *duration;
          },
          what)
      ->type_name("DURATION");
}

void add_config_flags(CLI::App& app, config::ConfigFiles& files) {
  auto* own =
      app.add_option("--config", files.sightline, "Sightline's own file, all sections in one")
          ->type_name("FILE");
  const auto peer = [&](const char* flag, std::string& file, const char* what) {
    app.add_option(flag, file, what)->type_name("FILE")->excludes(own);
  };
  app.add_option(
         "--otelcol-config", files.otelcol,
         "OpenTelemetry Collector configuration: be the collector; may be given several times")
      ->type_name("FILE")
      ->excludes(own)
      ->allow_extra_args(false);
  peer("--tempo-config", files.tempo, "Tempo configuration: be the trace store");
  peer("--prometheus-config", files.prometheus, "Prometheus configuration: be the metrics store");
  app.add_option("--provisioning", files.provisioning,
                 "Grafana provisioning directory: show its dashboards")
      ->type_name("DIR")
      ->excludes(own);
  app.add_option("--data-dir", files.data_dir, "where data is kept (default ./data)")
      ->type_name("DIR");
  add_duration(app, "--storage.tsdb.retention.time", files.metrics_retention_time,
               "how long metrics are kept, unless prometheus.yml says (default 15d)");
  app.add_option_function<std::string>(
         "--storage.tsdb.retention.size",
         [&files](const std::string& text) {
           files.metrics_retention_size = config::parse_byte_size(text);
           if (!files.metrics_retention_size)
             throw CLI::ValidationError("--storage.tsdb.retention.size",
                                        "\"" + text + "\" is no size like 512MB or 10GB");
         },
         "bytes of metrics kept, unless prometheus.yml says (default: no limit)")
      ->type_name("SIZE");
}

void add_query_flags(CLI::App& app, RunCommand& run) {
  app.add_option("--query.max-concurrency", run.query.concurrency_max,
                 "queries that run at once; more wait (default 20)")
      ->check(CLI::Range(size_t{1}, size_t{1000}));
  add_duration(app, "--query.timeout", run.query.timeout,
               "how long a query may take, waiting included (default 2m)");
  add_duration(app, "--query.lookback-delta", run.query.lookback,
               "how far back a selector looks for a sample (default 5m)");
  app.add_option("--query.max-samples", run.query.samples_max,
                 "samples one query may hold at once (default 50000000)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--web.enable-admin-api", run.enable_admin_api,
               "let clients delete series and write snapshots");
  app.add_flag("--web.enable-lifecycle", run.enable_lifecycle,
               "let clients end the process by POST /-/quit");
  app.add_option("--web.cors.origin", run.cors_origin,
                 "regex of origins whose pages may read the Prometheus API (default .*)")
      ->type_name("REGEX")
      ->check([](const std::string& text) {
        return RE2(text, RE2::Quiet).ok() ? std::string()
                                          : "\"" + text + "\" is no regular expression";
      });
}

void add_limit_flags(CLI::App& app, tsdb::TsdbLimits& limits) {
  app.add_option("--limits.series-active", limits.series_active_max,
                 "series in memory; more are refused (default 1000000)")
      ->check(CLI::PositiveNumber);
  app.add_option("--limits.labels-per-series", limits.labels_per_series_max,
                 "labels of a series (default 128)")
      ->check(CLI::PositiveNumber);
  app.add_option("--limits.label-name-bytes", limits.label_name_bytes_max,
                 "bytes of a label's name (default 1024)")
      ->check(CLI::PositiveNumber);
  app.add_option("--limits.label-value-bytes", limits.label_value_bytes_max,
                 "bytes of a label's value (default 16384)")
      ->check(CLI::PositiveNumber);
  app.add_option("--limits.samples-per-request", limits.commit_items_max,
                 "samples and exemplars of one request or scrape (default 1000000)")
      ->check(CLI::PositiveNumber);
}

void add_run_flags(CLI::App& app, RunCommand& run, std::string& sync) {
  add_config_flags(app, run.files);
  app.add_option("--ui.listen-address", run.ui_listen_address,
                 "pages and all APIs (default 127.0.0.1:3000)")
      ->type_name("HOST:PORT");
  app.add_option("--web.listen-address", run.web_listen_address,
                 "Prometheus API (default 127.0.0.1:9090)")
      ->type_name("HOST:PORT");
  app.add_option("--sync", sync,
                 "when data counts as written: 'process' survives kill -9, 'always' power loss")
      ->check(CLI::IsMember({"process", "always"}));
  app.add_option("--query.exemplar-trace-id-alias", run.exemplar_trace_id_alias,
                 "answer exemplars under both trace_id and traceID (default true)");
  add_query_flags(app, run);
  add_limit_flags(app, run.metrics_limits);
  app.add_option("--log.level", run.log_level, "debug, info, warn or error (default info)")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

// Of metrics; `blocks traces` is beside them.
void add_metrics_blocks_commands(CLI::App& blocks_app, BlocksCommand& blocks) {
  using Action = BlocksCommand::Action;
  const auto action = [&](const char* name, const char* what, Action value) {
    auto* sub = blocks_app.add_subcommand(name, what);
    sub->add_option("--data-dir", blocks.data_dir, "where data is kept (default ./data)")
        ->type_name("DIR");
    sub->callback([&blocks, value] { blocks.action = value; });
    return sub;
  };
  action("ls", "metrics: a line a block", Action::kList);
  action("inspect", "metrics: what the bytes of each block are spent on", Action::kInspect);
  action("verify",
         "metrics: read everything, set aside what is broken; exit status 1 when something was",
         Action::kVerify);
  action("import",
         "metrics: add Prometheus blocks, directories of them, or OpenMetrics text with timestamps",
         Action::kImport)
      ->add_option("PATH", blocks.paths, "a block, a directory of blocks, or a file of text")
      ->required();
  auto* export_app = action("export", "metrics: write everything as Prometheus blocks, or as text",
                            Action::kExport);
  export_app->add_option("DIR", blocks.paths, "where the blocks are written")
      ->required()
      ->expected(1);
  export_app->add_flag("--openmetrics", blocks.openmetrics,
                       "a file of OpenMetrics text a block, with exemplars");
}

// The three of them share their flags; `since` is a Go duration.
void add_query_commands(CLI::App& app, QueryCommand& query, std::string& since) {
  auto* query_app =
      app.add_subcommand("query", "ask a running Sightline, and print a table or a waterfall");
  query_app->require_subcommand(1);
  struct Form {
    const char* name;
    const char* argument;
    const char* what;
    QueryCommand::Language language;
  };
  static constexpr Form kForms[] = {
      {"traceql", "EXPR", "search traces, or count spans over time",
       QueryCommand::Language::kTraceql},
      {"promql", "EXPR", "metrics: now, or with --since over time",
       QueryCommand::Language::kPromql},
      {"trace", "ID", "one trace as a waterfall", QueryCommand::Language::kTraceId},
  };
  for (const Form& form : kForms) {
    auto* one = query_app->add_subcommand(form.name, form.what);
    one->add_option(form.argument, query.expression, "")->required();
    one->add_option("--url", query.url, "the server (default http://localhost:3000)")
        ->type_name("URL");
    one->add_option("--tenant", query.tenant, "sent as X-Scope-OrgID")->type_name("ID");
    if (form.language != QueryCommand::Language::kTraceId)
      one->add_option("--since", since,
                      "how far back: 15m, 2h (default: all traces; 1h of trace metrics)")
          ->type_name("DURATION");
    if (form.language != QueryCommand::Language::kTraceId)
      one->add_option("--step", query.step, "of values over time: 30s")->type_name("DURATION");
    if (form.language == QueryCommand::Language::kTraceql)
      one->add_option("--limit", query.limit, "traces (default 20)");
    one->callback([&query, language = form.language] { query.language = language; });
  }
}

}  // namespace

std::variant<Command, CommandLineExit> parse_command_line(int argc, const char* const* argv) {
  CLI::App app(
      "Sightline: from a point on a chart to the trace behind it.\n"
      "Without a command it runs with its defaults: OTLP on 4317 and 4318, pages on "
      "http://localhost:3000.",
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
  auto* check_text_app = check_app->add_subcommand(
      "openmetrics", "check OpenMetrics text; exit status 1 when it is not");
  check_text_app->add_option("FILE", check_text.files, "files to check; - is standard input")
      ->required();

  QueryCommand query;
  std::string since;
  add_query_commands(app, query, since);

  DemoCommand demo;
  auto* demo_app = app.add_subcommand(
      "demo", "a small service to look at: / and /slow, with spans by OTLP/gRPC");
  demo_app->add_option("--listen-address", demo.listen_address, "default 0.0.0.0:5000")
      ->type_name("HOST:PORT");
  demo_app
      ->add_option("--otlp-endpoint", demo.otlp_endpoints,
                   "OTLP/gRPC receiver (default: localhost:4317, else localhost:4319)")
      ->type_name("HOST:PORT");
  demo_app->add_flag("--console", demo.console, "print each span as well");

  BlocksCommand blocks;
  TraceBlocksCommand trace_blocks;
  auto* blocks_app = app.add_subcommand(
      "blocks", "look at stored data, move metrics in and out; no server runs on the metrics then");
  blocks_app->require_subcommand(1, 1);
  add_metrics_blocks_commands(*blocks_app, blocks);
  auto* trace_blocks_app = blocks_app->add_subcommand(
      "traces", "list trace blocks, their columns, and whether they are sound");
  auto* where = trace_blocks_app->add_option_group("where");
  where->add_option("PATH", trace_blocks.directory,
                    "a directory of blocks (<data>/traces/blocks), or one block");
  where->add_option("--tempo-config", trace_blocks.tempo_config,
                    "those in the object storage that this file names");
  where->require_option(1);
  trace_blocks_app->add_option("--tenant", trace_blocks.tenant, "of this tenant there");
  trace_blocks_app->add_flag("--columns", trace_blocks.columns, "columns with encodings and bytes");
  trace_blocks_app->add_flag("--verify", trace_blocks.verify,
                             "check everything; exit status 1 when something is damaged");

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
  if (app.got_subcommand("query")) {
    if (since.empty()) return Command(std::move(query));
    const auto back = parse_go_duration(since);
    if (!back || back->count() <= 0)
      return CommandLineExit{1, "--since: \"" + since + "\" is not a positive duration\n"};
    query.since =
        std::max(std::chrono::duration_cast<std::chrono::seconds>(*back), std::chrono::seconds(1));
    return Command(std::move(query));
  }
  if (trace_blocks_app->parsed()) return Command(std::move(trace_blocks));
  if (blocks_app->parsed()) return Command(std::move(blocks));
  if (demo_app->parsed()) return Command(std::move(demo));
  RunCommand& chosen = run_app->parsed() ? run : bare;
  chosen.sync_always = sync == "always";
  return Command(std::move(chosen));
}

}  // namespace sightline::server
