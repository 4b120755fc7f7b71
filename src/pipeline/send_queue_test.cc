#include "pipeline/send_queue.h"

#include <gtest/gtest.h>

#include <future>

namespace sightline::pipeline {
namespace {

SharedBatch batch_of(size_t spans) {
  auto batch = std::make_shared<model::SpanBatch>();
  batch->spans.resize(spans);
  return batch;
}

RetryPolicy quick_retry() {
  return {.initial_interval = std::chrono::milliseconds(1), .max_interval = std::chrono::milliseconds(2)};
}

TEST(SendQueue, SendsEverythingBeforeItStops) {
  Telemetry telemetry;
  std::atomic<size_t> sent = 0;
  SendQueue queue({.exporter = "x", .capacity = 100}, [&](const SharedBatch& b) { sent += b->spans.size(); return SendOutcome{}; }, telemetry);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(queue.offer(batch_of(2)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(sent.load(), 100u);
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 100u);
  EXPECT_FALSE(queue.offer(batch_of(1)));
}

TEST(SendQueue, RetriesWhatIsRetryable) {
  Telemetry telemetry;
  std::atomic<int> tries = 0;
  SendQueue queue({.exporter = "x", .retry = quick_retry()},
                  [&](const SharedBatch&) {
                    if (++tries < 4) return SendOutcome{.status = fail(Errc::kUnavailable, "away"), .retryable = true};
                    return SendOutcome{};
                  }, telemetry);
  ASSERT_TRUE(queue.offer(batch_of(3)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(tries.load(), 4);
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), 3u);
}

TEST(SendQueue, DropsWhatIsPermanentAndCountsIt) {
  Telemetry telemetry;
  SendQueue queue({.exporter = "x", .retry = quick_retry()},
                  [&](const SharedBatch&) { return SendOutcome{.status = fail(Errc::kInvalidArgument, "no")}; }, telemetry);
  ASSERT_TRUE(queue.offer(batch_of(3)));
  queue.stop(std::chrono::seconds(10));
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_send_failed_spans_total"), 3u);
}

TEST(SendQueue, RefusesBeyondItsCapacity) {
  Telemetry telemetry;
  std::promise<void> release;
  const auto released = release.get_future().share();
  SendQueue queue({.exporter = "x", .capacity = 2, .consumer_count = 1},
                  [&](const SharedBatch&) { released.wait(); return SendOutcome{}; }, telemetry);
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
  EXPECT_EQ(telemetry.counter_total("otelcol_exporter_sent_spans_total"), static_cast<uint64_t>(accepted));
}

}  // namespace
}  // namespace sightline::pipeline
