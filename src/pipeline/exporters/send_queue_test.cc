#include "pipeline/exporters/send_queue.h"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::pipeline {
namespace {

SharedBatch batch_of(size_t spans) {
  auto batch = std::make_shared<model::SpanBatch>();
  batch->spans.resize(spans);
  return batch;
}

RetryPolicy quick_retry() {
  return {.initial_interval = std::chrono::milliseconds(1),
          .max_interval = std::chrono::milliseconds(2)};
}

TEST(SendQueue, SendsEverythingBeforeItStops) {
  Telemetry telemetry;
  std::atomic<size_t> sent = 0;
  SendQueue queue(
      {.exporter = "x", .capacity = 100},
      [&](const Outgoing& b) {
        sent += b.items();
        return SendOutcome{};
      },
      telemetry);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(queue.offer(batch_of(2)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(sent.load(), 100u);
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 100u);
  EXPECT_FALSE(queue.offer(batch_of(1)));
}

// Offers five requests, the first of which holds the queue until the others wait: spans of each that was sent.
std::vector<size_t> sent_together(const SharedBatch& batch, QueueSizer sizer, size_t merge_max) {
  Telemetry telemetry;
  std::promise<void> begun, go;
  std::vector<size_t> sent;
  SendQueue queue(
      {.exporter = "x",
       .capacity = 100,
       .consumer_count = 1,
       .merge_sizer = sizer,
       .merge_max = merge_max},
      [&](const Outgoing& b) {
        if (sent.empty()) {
          begun.set_value();
          go.get_future().wait();
        }
        // Requests behind each other are one request.
        const auto whole =
            wire::otlp::decode_traces(std::make_shared<const std::string>(b.protobuf()));
        sent.push_back(whole ? whole->batch->spans.size() : 0);
        EXPECT_EQ(sent.back(), b.items());
        return SendOutcome{};
      },
      telemetry);
  EXPECT_TRUE(queue.offer(batch));
  begun.get_future().wait();
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(queue.offer(batch));
  go.set_value();
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 5 * batch->spans.size());
  return sent;
}

TEST(SendQueue, WhatWaitsIsSentTogether) {
  const auto decoded = wire::otlp::decode_traces(std::make_shared<const std::string>(
      wire::otlp::testing::make_sample_request({.service = "shop"})));
  ASSERT_TRUE(decoded);
  const size_t spans = decoded->batch->spans.size(), bytes = Outgoing(decoded->batch).bytes();
  EXPECT_EQ(sent_together(decoded->batch, QueueSizer::kItems, 3 * spans),
            (std::vector<size_t>{spans, 3 * spans, spans}));
  EXPECT_EQ(sent_together(decoded->batch, QueueSizer::kBytes, 2 * bytes + 1),
            (std::vector<size_t>{spans, 2 * spans, 2 * spans}));
  EXPECT_EQ(sent_together(decoded->batch, QueueSizer::kItems, 0), (std::vector<size_t>(5, spans)));
}

TEST(SendQueue, RetriesWhatIsRetryable) {
  Telemetry telemetry;
  std::atomic<int> tries = 0;
  SendQueue queue(
      {.exporter = "x", .retry = quick_retry()},
      [&](const Outgoing&) {
        if (++tries < 4)
          return SendOutcome{.status = fail(Errc::kUnavailable, "away"), .retryable = true};
        return SendOutcome{};
      },
      telemetry);
  ASSERT_TRUE(queue.offer(batch_of(3)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(tries.load(), 4);
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 3u);
}

TEST(SendQueue, DropsWhatIsPermanentAndCountsIt) {
  Telemetry telemetry;
  SendQueue queue(
      {.exporter = "x", .retry = quick_retry()},
      [&](const Outgoing&) { return SendOutcome{.status = fail(Errc::kInvalidArgument, "no")}; },
      telemetry);
  ASSERT_TRUE(queue.offer(batch_of(3)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_send_failed_spans_total"), 3u);
}

TEST(SendQueue, RefusesBeyondItsCapacity) {
  Telemetry telemetry;
  std::promise<void> release;
  const auto released = release.get_future().share();
  SendQueue queue(
      {.exporter = "x", .capacity = 2, .consumer_count = 1},
      [&](const Outgoing&) {
        released.wait();
        return SendOutcome{};
      },
      telemetry);
  // One batch is in flight at most, two wait; so the fourth can never fit.
  Status status;
  int accepted = 0;
  for (int i = 0; i < 4 && status; ++i) {
    status = queue.offer(batch_of(1));
    accepted += status ? 1 : 0;
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::kUnavailable);
  EXPECT_GE(accepted, 2);
  release.set_value();
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"),
            static_cast<uint64_t>(accepted));
}

// A directory of its own, with one decodable batch.
struct SpoolTest : ::testing::Test {
  void SetUp() override {
    char pattern[] = "/tmp/sightline_spool_XXXXXX";
    folder = mkdtemp(pattern);
    batch = wire::otlp::decode_traces(std::make_shared<const std::string>(
                                          wire::otlp::testing::make_sample_request({.spans = 5})))
                .value()
                .batch;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::unique_ptr<BatchSpool> spool() { return BatchSpool::open(folder + "/queue", false).value(); }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder + "/queue"),
                                             std::filesystem::directory_iterator()));
  }
  std::string folder;
  SharedBatch batch;
  Telemetry telemetry;
};

TEST_F(SpoolTest, WhatWaitsOutlivesTheProcess) {
  {
    SendQueue queue(
        {.exporter = "x", .retry = quick_retry()},
        [](const Outgoing&) {
          return SendOutcome{.status = fail(Errc::kUnavailable, "away"),
                             .retryable = true,
                             .retry_after = std::chrono::seconds(60)};
        },
        telemetry, spool());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.offer(batch));
    queue.stop(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(files(), 3u);
  std::atomic<size_t> spans = 0;
  SendQueue again(
      {.exporter = "x"},
      [&](const Outgoing& b) {
        spans += b.items();
        return SendOutcome{};
      },
      telemetry, spool());
  ASSERT_TRUE(again.offer(batch));
  again.stop(std::chrono::seconds(10));
  EXPECT_EQ(spans.load(), 20u);
  EXPECT_EQ(files(), 0u);
}

TEST_F(SpoolTest, ABrokenFileIsPutAside) {
  {
    ASSERT_TRUE(spool()->put(wire::otlp::encode_traces(*batch)));
  }
  for (const auto& file : std::filesystem::directory_iterator(folder + "/queue"))
    std::ofstream(file.path(), std::ios::app) << "x";
  std::atomic<int> sent = 0;
  SendQueue queue(
      {.exporter = "x"},
      [&](const Outgoing&) {
        ++sent;
        return SendOutcome{};
      },
      telemetry, spool());
  ASSERT_TRUE(queue.offer(batch));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(sent.load(), 1);
  EXPECT_EQ(files(), 1u);  // .broken
}

TEST(SendQueue, CountsSpansAndTellsTheResult) {
  Telemetry telemetry;
  SendQueue queue(
      {.exporter = "x",
       .capacity = 10,
       .consumer_count = 1,
       .sizer = QueueSizer::kItems,
       .wait_for_result = true},
      [](const Outgoing& b) {
        return b.items() == 3 ? SendOutcome{}
                              : SendOutcome{.status = fail(Errc::kInvalidArgument, "no")};
      },
      telemetry);
  EXPECT_TRUE(queue.offer(batch_of(3)));
  const auto refused = queue.offer(batch_of(4));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no"), std::string::npos);
  EXPECT_FALSE(queue.offer(batch_of(40)));  // an empty queue takes it; the receiver does not
}

}  // namespace
}  // namespace sightline::pipeline
