#include "pipeline/metrics/metrics_flush.h"

#include <gtest/gtest.h>

#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {
namespace {

// Takes flushes, or refuses as many as it is told.
class Head final : public MetricsConsumer {
 public:
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    if (refuse-- > 0) return fail(Errc::kUnavailable, "told to refuse");
    json = Outgoing(batch).json();
    ++taken;
    return {};
  }
  int refuse = 0;
  int taken = 0;
  std::string json;
};

// One counter that has counted `total`, or a histogram.
class Source final : public SpanToMetrics {
 public:
  Status consume(const SharedBatch&) override { return {}; }
  std::vector<model::MetricFamily> collect() const override { return {}; }
  void write_to(tsdb::Appendable&, Telemetry&) override {}
  void start() override {}
  void stop() override {}
  void maintain() override {}
  Result<uint64_t> export_points(model::MetricsSink& sink, uint64_t since) override {
    epochs.push_back(since);
    const model::MetricView metric{
        .name = "c",
        .kind = exponential ? model::MetricKind::kExponentialHistogram : model::MetricKind::kSum,
        .temporality = model::Temporality::kCumulative,
        .is_monotonic = true};
    model::DataPoint point = exponential.value_or(model::DataPoint());
    point.start_ns = 1;
    point.time_ns = ++now;
    point.is_int = true;
    point.int_value = total;
    point.value = static_cast<double>(total);
    for (const std::string& name : resources) {
      model::MetricResource resource;
      if (!name.empty()) resource.attributes.push_back({"name", model::ValueView::of_string(name)});
      EXPECT_TRUE(sink.on_resource(resource));
      EXPECT_TRUE(sink.on_scope({}));
      EXPECT_TRUE(sink.on_metric(metric));
      EXPECT_TRUE(sink.on_point(metric, point));
    }
    return ++epoch;
  }
  int64_t total = 0;
  std::vector<std::string> resources = {""};
  std::optional<model::DataPoint> exponential;
  uint64_t now = 10, epoch = 100;
  std::vector<uint64_t> epochs;
};

// Whether the last flush that was taken has a point of the counter with these times and this value.
testing::AssertionResult told(const Head& head, int start, int end, int value) {
  const std::string point = "\"startTimeUnixNano\":\"" + std::to_string(start) +
                            "\",\"timeUnixNano\":\"" + std::to_string(end) + "\",\"asInt\":\"" +
                            std::to_string(value) + "\"";
  if (head.json.contains(point)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << point << " is not in " << head.json;
}

TEST(MetricsFlush, ARefusedFlushOfDeltasIsPartOfTheNext) {
  Source source;
  Head head;
  MetricsFlush flush({.connector = "c", .delta = true}, source, head);
  source.total = 3;
  ASSERT_TRUE(flush.flush());
  EXPECT_NE(head.json.find(R"("aggregationTemporality":1)"), std::string::npos) << head.json;
  EXPECT_TRUE(told(head, 1, 11, 3));
  source.total = 5;
  head.refuse = 1;
  EXPECT_FALSE(flush.flush());
  source.total = 9;
  ASSERT_TRUE(flush.flush());
  EXPECT_TRUE(told(head, 11, 13, 6));
  EXPECT_EQ(source.epochs, (std::vector<uint64_t>{0, 101, 101}));
  ASSERT_TRUE(flush.flush());  // nothing new
  EXPECT_EQ(head.taken, 2);
}

// A histogram whose scale falls between two flushes has counted on, not anew.
TEST(MetricsFlush, DeltasOfHistogramsThatGrowCoarser) {
  Source source;
  source.exponential.emplace();
  Head head;
  MetricsFlush flush({.connector = "c", .delta = true}, source, head);
  source.exponential->positive = {.offset = 4, .counts = {1, 2}};
  source.exponential->scale = 3;
  source.exponential->count = 3;
  ASSERT_TRUE(flush.flush());
  EXPECT_NE(head.json.find(R"("positive":{"offset":4,"bucketCounts":["1","2"]})"),
            std::string::npos)
      << head.json;
  source.exponential->positive = {.offset = 1, .counts = {4, 0, 2}};  // of (4, 5) is bucket 1 now
  source.exponential->scale = 1;
  source.exponential->count = 6;
  ASSERT_TRUE(flush.flush());
  EXPECT_NE(head.json.find(R"("positive":{"offset":1,"bucketCounts":["1","0","2"]})"),
            std::string::npos)
      << head.json;
  EXPECT_NE(head.json.find(R"("count":"3")"), std::string::npos) << head.json;
}

// Of two resources, as the peer tells them: one follows the other; a stream that saw nothing goes on where it was.
TEST(MetricsFlush, DeltasOfSeveralResourcesShareTheirStreams) {
  Source source;
  source.resources = {"a", "b"};
  Head head;
  MetricsFlush flush({.connector = "c", .delta = true, .streams_as_peer = true}, source, head);
  source.total = 3;
  ASSERT_TRUE(flush.flush());
  EXPECT_TRUE(told(head, 1, 11, 3));
  EXPECT_TRUE(told(head, 11, 11, 3));
  ASSERT_TRUE(flush.flush());  // nothing new
  source.total = 5;
  ASSERT_TRUE(flush.flush());
  EXPECT_EQ(head.taken, 2);
  EXPECT_TRUE(told(head, 11, 13, 2));
  EXPECT_TRUE(told(head, 13, 13, 2));
}

TEST(MetricsFlush, TotalsAreToldEachTime) {
  Source source;
  Head head;
  MetricsFlush flush({.connector = "c"}, source, head);
  source.total = 3;
  ASSERT_TRUE(flush.flush());
  ASSERT_TRUE(flush.flush());
  EXPECT_EQ(head.taken, 2);
  EXPECT_NE(head.json.find(R"("aggregationTemporality":2)"), std::string::npos);
  EXPECT_NE(head.json.find(R"("asInt":"3")"), std::string::npos);
}

}  // namespace
}  // namespace sightline::pipeline
