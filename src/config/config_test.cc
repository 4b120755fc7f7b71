#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/sightline_config.h"
#include "config/yaml/expansion.h"

namespace sightline::config {
namespace {

using std::chrono::nanoseconds;

const FixedEnvironment kNothing;

std::string demo(const std::string& name) {
  return std::string(SIGHTLINE_SOURCE_DIR) + "/demo/" + name;
}

TEST(ZeroArguments, RunsEverythingOnLoopback) {
  const auto config = load_config({}, kNothing);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->is_default);
  EXPECT_TRUE(config->notices().empty());
  ASSERT_TRUE(config->otelcol && config->tempo && config->prometheus);
  EXPECT_EQ(*config->server.ui, "127.0.0.1:3000");
  EXPECT_EQ(*config->server.prometheus, "127.0.0.1:9090");
  EXPECT_EQ(config->server.data_dir, "./data");
  const auto& otlp = std::get<OtlpReceiverConfig>(config->otelcol->receiver({"otlp", ""})->config);
  EXPECT_EQ(*otlp.grpc->endpoint, "127.0.0.1:4317");
  EXPECT_EQ(*otlp.http->endpoint, "127.0.0.1:4318");
  const auto& metrics =
      std::get<SpanMetricsConfig>(config->otelcol->connector({"spanmetrics", ""})->config);
  EXPECT_TRUE(metrics.exemplars.enabled);
  EXPECT_EQ(metrics.dimensions.size(), 4u);
  EXPECT_EQ(metrics.histogram.explicit_buckets.front(), nanoseconds(std::chrono::milliseconds(2)));
  const auto& exporter =
      std::get<PrometheusExporterConfig>(config->otelcol->exporter({"prometheus", ""})->config);
  EXPECT_EQ(*exporter.server.endpoint, "127.0.0.1:9464");
  EXPECT_TRUE(exporter.send_timestamps && exporter.enable_open_metrics);
  EXPECT_EQ(config->tempo->server.http_listen_address, "127.0.0.1");
  EXPECT_EQ(*config->tempo->server.http_listen_port, 3200);
  EXPECT_FALSE(config->tempo->otlp);
}

TEST(CommandLine, LoadsTheDemo) {
  const SystemEnvironment system;
  const ConfigFiles files{"",
                          {demo("otelcol-config.yaml")},
                          demo("tempo.yaml"),
                          demo("prometheus.yaml"),
                          demo("provisioning"),
                          "/tmp/d"};
  const auto config = load_config(files, system);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->is_default);
  EXPECT_EQ(config->server.data_dir, "/tmp/d");
  EXPECT_EQ(*config->tempo->otlp->http->endpoint, "localhost:4318");
  EXPECT_FALSE(config->tempo->otlp->grpc);
  EXPECT_EQ(config->tempo->cutting.max_block_bytes, 1'000'000u);
  ASSERT_EQ(config->provisioning->dashboards.size(), 1u);
  EXPECT_EQ(config->provisioning->dashboards[0].uid, "sightline-demo");
  EXPECT_EQ(config->provisioning->data_source_of_type("tempo")->traces_to_metrics->queries[0].query,
            "sum by (span_name) (rate(traces_span_metrics_calls_total{$__tags}[5m]))");
  // The provider's path counts from the working directory, which here may be anywhere.
  for (const Notice& notice : config->notices())
    EXPECT_NE(notice.why.find("there is no directory"), std::string::npos) << notice.text();
}

TEST(CommandLine, ReportsAllFilesTogether) {
  FixedEnvironment files;
  files.files = {{"t.yaml", "servr: {}"}, {"p.yaml", "globl: {}"}};
  const auto config = load_config({"", {"missing.yaml"}, "t.yaml", "p.yaml", "", ""}, files);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            "missing.yaml: no such file\n"
            "t.yaml:1:1: unknown key \"servr\" at the top level; did you mean \"server\"?\n"
            "p.yaml:1:1: unknown key \"globl\" at the top level; did you mean \"global\"?");
  EXPECT_FALSE(load_config({"s.yaml", {}, "t.yaml", "", "", ""}, files));
}

TEST(Limits, DepthNodesAndBytes) {
  EXPECT_TRUE(parse_yaml("a: [[x], {b: [c]}]", "y"));
  const std::string deep = std::string(100, '[') + "x" + std::string(100, ']');
  const auto too_deep = parse_yaml(deep, "y");
  ASSERT_FALSE(too_deep);
  EXPECT_NE(too_deep.error().message.find("nested deeper than 64"), std::string::npos)
      << too_deep.error().message;

  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = std::to_string(i - 1), now = std::to_string(i);
    bomb += "a" + now + ": &a" + now + " [*a" + last + ", *a" + last + "]\n";
  }
  const auto too_many = parse_yaml(bomb, "y");
  ASSERT_FALSE(too_many);
  EXPECT_NE(too_many.error().message.find("more than 100000 values"), std::string::npos)
      << too_many.error().message;

  YamlLimits small;
  small.text_bytes_max = 10;
  EXPECT_FALSE(parse_yaml("a: 1234567890", "y", small));
  EXPECT_FALSE(parse_yaml(std::string(100'000, '['), "y"));
  EXPECT_FALSE(parse_yaml("&a [*a]", "y"));
  EXPECT_FALSE(parse_yaml("? [a]\n: b", "y"));
}

TEST(Limits, ErrorsAreCounted) {
  std::string text = "scrape_configs:\n";
  for (int i = 0; i < 100; ++i) text += "  - {job_name: }\n";
  const auto config = parse_prometheus(text, "p.yaml", kNothing);
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("more errors"), std::string::npos);
  EXPECT_LT(config.error().message.size(), 10'000u);
}

// What an environment variable holds takes its YAML type, and its own text where a string is wanted.
TEST(Expansion, TakesTheTypeOfItsValue) {
  FixedEnvironment environment;
  environment.variables = {{"N", "0123"}, {"BOOL", "true"}, {"MAP", "{a: b}"}, {"QUOTED", "\"5\""}};
  const auto expanded = [&](const std::string& text) {
    Diagnostics diagnostics;
    return expand(*parse_yaml(text, "y"), Dialect::kCollector, environment, diagnostics);
  };
  EXPECT_EQ(expanded("${env:N}")->scalar, "0123");
  EXPECT_FALSE(expanded("\"${env:BOOL}\"")->quoted);
  EXPECT_EQ(expanded("${env:MAP}")->find("a")->value->scalar, "b");
  EXPECT_TRUE(expanded("${env:QUOTED}")->quoted);
  EXPECT_EQ(expanded("a$${env:N}")->scalar, "a${env:N}");
  EXPECT_EQ(expanded("x-${N}-$")->scalar, "x-0123-$");
}

TEST(HostPort, Forms) {
  EXPECT_EQ(parse_host_port("[::1]:4317")->host, "::1");
  EXPECT_EQ(parse_host_port(":9464")->host, "");
  EXPECT_EQ(parse_host_port("localhost:0")->port, 0);
  for (const char* bad : {"localhost", "http://h:1", "::1:4317", "h:65536", "h:", "h:x"})
    EXPECT_FALSE(parse_host_port(bad)) << bad;
}

TEST(Nearest, FindsTypingErrorsOnly) {
  const std::vector<std::string> keys = {"exemplars", "dimensions", "namespace", "job_name"};
  EXPECT_EQ(nearest("exemplar", keys), "exemplars");
  EXPECT_EQ(nearest("dimensoins", keys), "dimensions");
  EXPECT_EQ(nearest("jobName", keys), "job_name");
  EXPECT_EQ(nearest("zzz", keys), "");
}

TEST(SystemEnvironment, ReadsAndSaysWhy) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("sightline-config-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory / "sub");
  std::ofstream(directory / "a.yaml") << "x";
  const SystemEnvironment system;
  EXPECT_EQ(*system.read_file((directory / "a.yaml").string()), "x");
  EXPECT_EQ(system.read_file((directory / "b").string()).error().code, Errc::kNotFound);
  EXPECT_EQ(system.read_file(directory.string()).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(system.list_files(directory.string(), true)->size(), 1u);
  EXPECT_EQ(system.list_files((directory / "none").string(), false).error().code, Errc::kNotFound);
  std::filesystem::remove_all(directory);
}

TEST(CollectorFiles, LaterOnesAddAndWin) {
  const auto merged =
      parse_otelcol({{"a.yaml",
                      "receivers: {nop: }\nexporters: {debug: {verbosity: basic}, nop: }\nservice: "
                      "{pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n"},
                     {"b.yaml",
                      "exporters: {debug: {verbosity: detailed}}\nservice: {pipelines: {traces: "
                      "{exporters: [debug]}}}\n"},
                     {"c.yaml", ""}},
                    FixedEnvironment());
  ASSERT_TRUE(merged) << merged.error().message;
  ASSERT_EQ(merged->pipelines.size(), 1u);
  EXPECT_EQ(merged->pipelines[0].exporters.size(), 1u);
  EXPECT_EQ(std::get<DebugExporterConfig>(merged->exporter({"debug", ""})->config).verbosity,
            DebugExporterConfig::Verbosity::kDetailed);
  const auto broken =
      parse_otelcol({{"a.yaml", "receivers: {nop: }\n"}, {"b.yaml", "exporters: {nope: }\n"}},
                    FixedEnvironment());
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().message.find("b.yaml:1:13"), std::string::npos)
      << broken.error().message;
}

TEST(TenantOverridesFile, TakesBothFormsAndFindsTypingErrors) {
  const TempoLimits defaults{.max_bytes_per_trace = 7, .max_traces_per_user = 3};
  const auto read = parse_tenant_overrides(R"(
overrides:
  team-a:
    ingestion: {rate_limit_bytes: 10, burst_size_bytes: 20}
    read: {max_search_duration: 2d}
    global: {max_bytes_per_trace: 100}
  team-b: {ingestion_rate_limit_bytes: 30, max_traces_per_user: 5}
  "*":
)",
                                           "tenants.yaml", defaults);
  ASSERT_TRUE(read) << read.error().message;
  TempoLimits a = defaults, b = defaults;
  a.rate_limit_bytes = 10;
  a.burst_size_bytes = 20;
  a.max_search_duration = std::chrono::days(2);
  a.max_bytes_per_trace = 100;
  b.rate_limit_bytes = 30;
  b.max_traces_per_user = 5;
  EXPECT_EQ(*read, (TenantOverrides{{"team-a", a}, {"team-b", b}, {"*", defaults}}));
  const auto broken = parse_tenant_overrides(
      "overrides: {a: {ingestion: {rate_limit_byte: 1}, max_trace_per_user: 1}}", "t.yaml", {});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message,
            "t.yaml:1:29: unknown key \"rate_limit_byte\" in overrides.a.ingestion; did you mean "
            "\"rate_limit_bytes\"?\n"
            "t.yaml:1:50: unknown key \"max_trace_per_user\" in overrides.a; did you mean "
            "\"max_traces_per_user\"?");
}

}  // namespace
}  // namespace sightline::config
