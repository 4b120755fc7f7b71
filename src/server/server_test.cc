#include <gtest/gtest.h>

#include "server/command_line.h"
#include "server/data_source_proxy.h"
#include "server/demo_service.h"
#include "server/spans_rate.h"
#include "server/ui_content.h"
#include "wire/otlp/decode_traces.h"

namespace sightline::server {
namespace {

std::variant<Command, CommandLineExit> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sightline");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, WithoutArgumentsItRuns) {
  const auto parsed = parse({});
  const auto& run = std::get<RunCommand>(std::get<Command>(parsed));
  EXPECT_TRUE(run.files.otelcol.empty());
  EXPECT_FALSE(run.sync_always);
}

TEST(CommandLine, TakesThePeersFiles) {
  const auto parsed =
      parse({"run", "--otelcol-config", "a.yaml", "--tempo-config", "b.yaml", "--prometheus-config",
             "c.yaml", "--provisioning", "d", "--data-dir", "e", "--sync", "always"});
  const auto& run = std::get<RunCommand>(std::get<Command>(parsed));
  EXPECT_EQ(run.files.otelcol, std::vector<std::string>{"a.yaml"});
  EXPECT_EQ(run.files.tempo, "b.yaml");
  EXPECT_EQ(run.files.prometheus, "c.yaml");
  EXPECT_EQ(run.files.provisioning, "d");
  EXPECT_EQ(run.files.data_dir, "e");
  EXPECT_TRUE(run.sync_always);
}

TEST(CommandLine, RetentionOfMetricsIsThePeersFlags) {
  const auto parsed =
      parse({"--storage.tsdb.retention.time=3d", "--storage.tsdb.retention.size", "1.5GB"});
  const config::ConfigFiles& files = std::get<RunCommand>(std::get<Command>(parsed)).files;
  EXPECT_EQ(files.metrics_retention_time, std::chrono::hours(72));
  EXPECT_EQ(files.metrics_retention_size, config::ByteSize{3ull << 29});
  EXPECT_EQ(std::get<CommandLineExit>(parse({"--storage.tsdb.retention.size=much"})).status, 1);
  EXPECT_EQ(std::get<CommandLineExit>(parse({"--storage.tsdb.retention.time=0d"})).status, 1);
}

TEST(CommandLine, OwnFileAndPeersFilesExcludeEachOther) {
  const auto parsed = parse({"run", "--config", "own.yaml", "--tempo-config", "b.yaml"});
  EXPECT_EQ(std::get<CommandLineExit>(parsed).status, 1);
}

TEST(CommandLine, ChecksFilesAndExpositions) {
  const auto config = parse({"check", "--tempo-config", "b.yaml"});
  EXPECT_EQ(std::get<CheckCommand>(std::get<Command>(config)).files.tempo, "b.yaml");
  const auto text = parse({"check", "openmetrics", "x", "-"});
  EXPECT_EQ(std::get<CheckOpenMetricsCommand>(std::get<Command>(text)).files,
            (std::vector<std::string>{"x", "-"}));
}

TEST(CommandLine, HelpIsNoErrorAndANonsenseFlagIs) {
  EXPECT_EQ(std::get<CommandLineExit>(parse({"--help"})).status, 0);
  EXPECT_EQ(std::get<CommandLineExit>(parse({"--nonsense"})).status, 1);
}

TEST(Url, IsTakenApart) {
  const auto full = parse_url("http://user@localhost:9090/base/").value();
  EXPECT_EQ(full.host, "localhost");
  EXPECT_EQ(full.port, 9090);
  EXPECT_EQ(full.path, "/base/");
  EXPECT_EQ(parse_url("https://example").value().port, 443);
  EXPECT_FALSE(parse_url("localhost:9090"));
  EXPECT_TRUE(is_local_host("127.0.0.1"));
  EXPECT_FALSE(is_local_host("example.org"));
}

TEST(TraceParent, FollowsW3C) {
  const auto parent = parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  ASSERT_TRUE(parent);
  EXPECT_TRUE(parent->sampled);
  EXPECT_FALSE(
      parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")->sampled);
  EXPECT_FALSE(parse_traceparent(""));
  EXPECT_FALSE(parse_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"));
  EXPECT_FALSE(parse_traceparent("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  EXPECT_FALSE(parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
  EXPECT_TRUE(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
}

TEST(DemoSpans, AreValidOtlp) {
  DemoSpan server{.trace_id = *parse_trace_id("0af7651916cd43dd8448eb211c80319c"),
                  .span_id = *parse_span_id("b7ad6b7169203331"),
                  .server = true,
                  .name = "GET /",
                  .start = {5},
                  .end = {9},
                  .text_attributes = {{"http.method", "GET"}},
                  .int_attributes = {{"http.status_code", 200}}};
  DemoSpan child{.trace_id = server.trace_id,
                 .span_id = *parse_span_id("00f067aa0ba902b7"),
                 .parent_id = server.span_id,
                 .name = "index-span",
                 .start = {6},
                 .end = {7}};
  const auto decoded = wire::otlp::decode_traces(
      std::make_shared<const std::string>(encode_demo_spans({child, server}, "instance")));
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->batch->spans.size(), 2u);
  const model::SpanView& span = decoded->batch->spans[1];
  EXPECT_EQ(span.name, "GET /");
  EXPECT_EQ(span.kind, model::SpanKind::kServer);
  EXPECT_EQ(decoded->batch->service_name(span), "demo-service");
  EXPECT_EQ(decoded->batch->find(span.attributes, "http.status_code")->int_value, 200);
  EXPECT_EQ(decoded->batch->spans[0].parent_span_id, server.span_id);
}

TEST(SpansRate, FollowsTheTrafficAndStops) {
  SpansRate rate;
  rate.note(std::chrono::seconds(1), 0);
  for (int second = 2; second < 12; ++second)
    rate.note(std::chrono::seconds(second), static_cast<uint64_t>(second) * 100);
  EXPECT_NEAR(rate.per_second(), 100, 1);
  for (int second = 12; second < 30; ++second) rate.note(std::chrono::seconds(second), 1100);
  EXPECT_EQ(rate.per_second(), 0);
}

TEST(UiContent, WithoutProvisioningShowsThisProcess) {
  config::SightlineConfig config;
  config.prometheus.emplace();
  config.tempo.emplace();
  const auto content = make_ui_content(config);
  ASSERT_EQ(content->data_sources.size(), 2u);
  EXPECT_TRUE(content->data_sources[0].is_default);
  ASSERT_EQ(content->dashboards.size(), 1u);
  EXPECT_FALSE(content->dashboards[0].uid.empty());
}

}  // namespace
}  // namespace sightline::server
