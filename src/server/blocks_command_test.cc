#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/testing_directory.h"
#include "server/commands.h"
#include "server/openmetrics_source.h"

namespace sightline::server {
namespace {

namespace stdfs = std::filesystem;
using Action = BlocksCommand::Action;

constexpr std::string_view kText =
    "# TYPE requests counter\n"
    "requests_total{path=\"/\"} 1 1700000000\n"
    "requests_total{path=\"/\"} 2 1700000015 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} "
    "0.5\n"
    "requests_total{path=\"/\"} 3 1700090000\n"
    "# TYPE temperature gauge\n"
    "temperature -1.5 1700000000\n"
    "# EOF\n";

class BlocksCommandTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string put(const std::string& name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  int run(Action action, const std::string& data, std::vector<std::string> paths = {}) const {
    return execute(
        BlocksCommand{.action = action, .data_dir = path(data), .paths = std::move(paths)});
  }
  size_t count(const std::string& name) const {  // of blocks
    if (!stdfs::exists(path(name))) return 0;
    size_t found = 0;
    for (const auto& entry : stdfs::directory_iterator(path(name)))
      found += entry.is_directory() && entry.path().filename() != "wal" ? 1 : 0;
    return found;
  }
  io::TestingDirectory directory_;
};

TEST_F(BlocksCommandTest, TextGoesInAndBlocksGoOutAndInAgain) {
  ASSERT_EQ(run(Action::kImport, "data", {put("text", kText)}), 0);
  EXPECT_EQ(count("data/metrics"), 2u);  // a block a day
  EXPECT_EQ(run(Action::kList, "data"), 0);
  EXPECT_EQ(run(Action::kInspect, "data"), 0);
  EXPECT_EQ(run(Action::kVerify, "data"), 0);
  ASSERT_EQ(run(Action::kExport, "data", {path("out")}), 0);
  EXPECT_EQ(count("out"), 2u);
  ASSERT_EQ(run(Action::kImport, "fresh", {path("out")}), 0);
  EXPECT_EQ(count("fresh/metrics"), 2u);
  EXPECT_EQ(run(Action::kVerify, "fresh"), 0);
}

// Text out and in again is the same text: samples, exemplars, and what is known of the metrics.
TEST_F(BlocksCommandTest, TextComesBackAsItWent) {
  constexpr std::string_view kRich =
      "# TYPE latency_seconds histogram\n"
      "# UNIT latency_seconds seconds\n"
      "# HELP latency_seconds It has \\\\ and \\n in it.\n"
      "latency_seconds_bucket{le=\"0.1\",path=\"a\\\"b\"} 1 1700000000 # "
      "{span_id=\"b7ad6b7169203331\",trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.05 "
      "1699999990.5\n"
      "latency_seconds_bucket{le=\"0.1\",path=\"a\\\"b\"} 4 1700000015\n"
      "latency_seconds_bucket{le=\"0.1\",path=\"a\\\"b\"} 5 1700000030 # {id=\"x\"} 0.01 "
      "1700000016\n"
      "latency_seconds_bucket{le=\"0.1\",path=\"a\\\"b\"} 5 1700000030 # {id=\"y\"} 0.02 "
      "1700000017\n"
      "latency_seconds_count{path=\"a\\\"b\"} 5 1700000000.123\n"
      "# TYPE requests counter\n"
      "requests_total 7 1700000000\n"
      "# EOF\n";
  ASSERT_EQ(run(Action::kImport, "data", {put("text", kRich)}), 0);
  const auto export_text = [&](const std::string& data, const std::string& to) {
    EXPECT_EQ(execute(BlocksCommand{.action = Action::kExport,
                                    .data_dir = path(data),
                                    .paths = {path(to)},
                                    .openmetrics = true}),
              0);
    std::ifstream file(path(to) + "/block-00000001.txt");
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string once = export_text("data", "out");
  ASSERT_EQ(run(Action::kImport, "again", {path("out") + "/block-00000001.txt"}), 0);
  EXPECT_EQ(export_text("again", "out2"), once);
  for (const std::string_view line :
       {"# TYPE latency_seconds histogram\n", "# UNIT latency_seconds seconds\n",
        "# HELP latency_seconds It has \\\\ and \\n in it.\n", "{id=\"x\"} 0.01 1700000016\n",
        "{id=\"y\"} 0.02 1700000017\n",
        "trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.05 1699999990.5\n",
        "path=\"a\\\"b\"} 5.0 1700000000.123\n", "requests_total 7.0 1700000000\n"})
    EXPECT_NE(once.find(line), std::string::npos) << line << "\nin\n" << once;
  EXPECT_TRUE(once.ends_with("# EOF\n"));
}

TEST_F(BlocksCommandTest, WhatCannotBeImportedIsRefused) {
  EXPECT_EQ(run(Action::kImport, "data", {put("untimed", "a 1\n# EOF\n")}), 1);
  EXPECT_EQ(run(Action::kImport, "data", {put("nonsense", "{{{")}), 1);
  EXPECT_EQ(run(Action::kImport, "data", {put("future", "a 1 99999999999\n# EOF\n")}), 1);
  EXPECT_EQ(run(Action::kImport, "data", {path("absent")}), 1);
  stdfs::create_directories(path("empty"));
  EXPECT_EQ(run(Action::kImport, "data", {path("empty")}), 1);
  EXPECT_EQ(count("data/metrics"), 0u);
  EXPECT_EQ(run(Action::kList, "absent"), 1);
}

TEST_F(BlocksCommandTest, ABrokenBlockIsSetAside) {
  ASSERT_EQ(run(Action::kImport, "data", {put("text", kText)}), 0);
  const std::string chunks = path("data/metrics/block-00000001/chunks");
  ASSERT_TRUE(stdfs::exists(chunks));
  std::fstream file(chunks, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-3, std::ios::end);
  file.put('\x55');
  file.close();
  EXPECT_EQ(run(Action::kVerify, "data"), 1);
  EXPECT_TRUE(stdfs::exists(path("data/metrics/block-00000001.corrupt")));
  EXPECT_EQ(run(Action::kVerify, "data"), 0) << "what was left is sound";
}

TEST(OpenMetricsText, SamplesAndExemplarsByDay) {
  const auto text = OpenMetricsText::parse(kText);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(text->samples(), 4u);
  const auto days = text->days();
  ASSERT_EQ(days.size(), 2u);
  model::Labels labels;
  ASSERT_TRUE(*days[0]->next(labels));
  EXPECT_EQ(labels.metric_name(), "requests_total");
  tsdb::SampleColumns columns;
  ASSERT_TRUE(days[0]->read_floats(0, columns));
  EXPECT_EQ(columns.times, (std::vector<int64_t>{1'700'000'000'000, 1'700'000'015'000}));
  std::vector<tsdb::StoredExemplar> exemplars;
  ASSERT_TRUE(days[0]->read_exemplars(0, exemplars));
  ASSERT_EQ(exemplars.size(), 1u);
  EXPECT_EQ(exemplars[0].value, 0.5);
}

TEST(CommandLine, MetricsBlocksBesideTraceBlocks) {
  const char* const import[] = {"sightline", "blocks", "import", "a", "b", "--data-dir", "d"};
  const auto imported = parse_command_line(7, import);
  const auto& command = std::get<BlocksCommand>(std::get<Command>(imported));
  EXPECT_EQ(command.action, Action::kImport);
  EXPECT_EQ(command.paths, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(command.data_dir, "d");
  const char* const traces[] = {"sightline", "blocks", "traces", "t", "--verify"};
  EXPECT_TRUE(
      std::get<TraceBlocksCommand>(std::get<Command>(parse_command_line(5, traces))).verify);
  const char* const nothing[] = {"sightline", "blocks"};
  EXPECT_EQ(std::get<CommandLineExit>(parse_command_line(2, nothing)).status, 1);
}

}  // namespace
}  // namespace sightline::server
