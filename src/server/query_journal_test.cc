#include "server/query_journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/testing_directory.h"
#include "server/starting_routes.h"

namespace sightline::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class QueryJournalTest : public testing::Test {
 protected:
  std::unique_ptr<FileQueryJournal> open(const std::string& log = "") {
    auto journal = FileQueryJournal::open(
        {.active_path = active_, .concurrency_max = 2, .log_path = log}, *fs_, clock_, telemetry_);
    EXPECT_TRUE(journal) << journal.error().message;
    return std::move(*journal);
  }
  // Without the zero bytes between entries.
  std::string entries() {
    std::string text = *fs_->read_all(active_);
    EXPECT_EQ(text.size(), 1 + 2 * kActiveEntryBytes);
    std::erase(text, '\0');
    return text;
  }
  static api::prometheus::QueryEvent event(std::string_view query) {
    return {.query = query,
            .start = {1'500},
            .end = {61'500},
            .step = std::chrono::seconds(15),
            .client = "127.0.0.1:5",
            .method = "POST",
            .path = "/api/v1/query_range"};
  }

  io::TestingDirectory directory_;
  const std::string active_ = directory_.path() + "/queries.active";
  std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  ManualClock clock_{{5'000'000'000}};
  Telemetry telemetry_;
};

TEST_F(QueryJournalTest, WhatRunsIsInTheFile) {
  const auto journal = open();
  EXPECT_EQ(entries(), "[");
  const size_t first = journal->begun(event("sum(up)"));
  const size_t second = journal->begun(event("up{a=\"b\"}"));
  const size_t beyond =
      journal->begun(event("not kept"));  // more than may run at once: counted only
  EXPECT_THAT(entries(), HasSubstr(R"~({"query":"sum(up)","timestamp_sec":5},)~"));
  EXPECT_THAT(entries(), HasSubstr(R"~({"query":"up{a=\"b\"}","timestamp_sec":5},)~"));
  const promql::QueryStats stats;
  journal->ended(beyond, event("not kept"), &stats, nullptr);
  journal->ended(first, event("sum(up)"), &stats, nullptr);
  EXPECT_EQ(entries(), R"~([{"query":"up{a=\"b\"}","timestamp_sec":5},)~");
  journal->ended(second, event("up"), &stats, nullptr);
  EXPECT_EQ(entries(), "[");
  EXPECT_THAT(telemetry_.text(), HasSubstr("sightline_queries_total 3"));
}

TEST_F(QueryJournalTest, ALongQueryIsCutAtACharacter) {
  const auto journal = open();
  std::string query;
  while (query.size() < 5000) query += "<ü>\"";
  (void)journal->begun(event(query));
  const std::string text = entries();
  EXPECT_LE(text.size(), 1 + kActiveEntryBytes);
  EXPECT_GT(text.size(), kActiveEntryBytes / 2);
  EXPECT_THAT(text, StartsWith(R"~([{"query":"\u003cü)~"));
  EXPECT_THAT(text, HasSubstr(R"~(","timestamp_sec":5},)~"));
  EXPECT_EQ(text.find("\xef\xbf\xbd"), std::string::npos);
}

TEST_F(QueryJournalTest, TheNextStartBeginsAnew) {
  (void)open()->begun(event("crashed in here"));
  const auto journal = open();
  EXPECT_EQ(entries(), "[");
}

TEST_F(QueryJournalTest, TheLogHasALineForEachQuery) {
  const std::string path = directory_.path() + "/query.log";
  const auto journal = open(path);
  const promql::QueryStats stats{.samples_queried = 9, .samples_read = 7, .bytes_peak = 4096};
  journal->ended(journal->begun(event("up")), event("up"), &stats, nullptr);
  const Error error{Errc::kExecution, "too much"};
  journal->ended(journal->begun(event("sum")), event("sum"), nullptr, &error);
  const std::string text = *fs_->read_all(path);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_THAT(
      text,
      StartsWith(
          R"({"ts":"1970-01-01T00:00:05Z","msg":"promql query logged","params":{"end":"1970-01-01T00:01:01.500Z","query":"up",)"
          R"~("start":"1970-01-01T00:00:01.500Z","step":15},"stats":{"timings":{)~"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"~("httpRequest":{"clientIP":"127.0.0.1","method":"POST","path":"/api/v1/query_range"}})~"));
  EXPECT_THAT(text, HasSubstr(R"~("memory":{"peakBytes":4096})~"));
  EXPECT_THAT(text, HasSubstr(R"~("totalQueryableSamples":9,"samplesRead":7)~"));
  EXPECT_THAT(text, HasSubstr(R"~("error":"too much")~"));
}

TEST(StartingRoutes, SayThatItWillCome) {
  Telemetry telemetry;
  ReplayProgress replay;
  replay.note({.first = 3, .last = 9, .current = 5});
  const net::HttpRouter router = make_starting_routes(telemetry, replay);
  const auto ask = [&](const std::string& path) {
    net::HttpRequest request{.method = "GET", .path = path};
    const auto match = router.match("GET", path);
    return (*match.handler)(request);
  };
  EXPECT_EQ(ask("/-/healthy").status, 200);
  EXPECT_EQ(ask("/api/v1/status/walreplay").status, 200);
  EXPECT_EQ(ask("/api/v1/status/walreplay").body,
            R"({"status":"success","data":{"min":3,"max":9,"current":5}})");
  EXPECT_EQ(ask("/-/ready").status, 503);
  EXPECT_EQ(ask("/api/v1/query").status, 503);
  EXPECT_EQ(ask("/api/v1/query").headers.get("X-Prometheus-Stopping"), "false");
}

}  // namespace
}  // namespace sightline::server
