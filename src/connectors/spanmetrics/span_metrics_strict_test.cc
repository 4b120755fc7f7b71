// With flushes_as_peer: what export_points() tells when it shall be what the collector's own connector tells.
#include <gtest/gtest.h>

#include <map>

#include "connectors/spanmetrics/span_metrics.h"
#include "connectors/spanmetrics/testing_spans.h"
#include "model/value_text.h"

namespace sightline::connectors::spanmetrics {
namespace {

using testing::BatchBuilder;
using testing::SpanText;
using testing::text;

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kNow = 1'795'485'383'488'123'456;

struct Told final : model::MetricsSink {
  struct Point {
    std::string resource;  // "key=value;" of each attribute
    std::string metric, attributes;
    int64_t value = 0;
    std::vector<model::PointExemplar> exemplars;
  };
  static std::string text_of(const std::vector<model::AttributeView>& attributes) {
    std::string all;
    for (const auto& a : attributes)
      ((all.append(a.key) += '=') += model::value_text(a.value)) += ';';
    return all;
  }
  Status on_resource(const model::MetricResource& r) override {
    resource = text_of(r.attributes);
    return {};
  }
  Status on_metric(const model::MetricView&) override { return {}; }
  Status on_point(const model::MetricView& metric, const model::DataPoint& p) override {
    points.push_back({resource, std::string(metric.name), text_of(p.attributes),
                      p.is_int ? p.int_value : static_cast<int64_t>(p.count), p.exemplars});
    return {};
  }
  std::vector<Point> calls() const {
    std::vector<Point> all;
    for (const Point& p : points)
      if (p.metric.ends_with("calls")) all.push_back(p);
    return all;
  }
  std::string resource;
  std::vector<Point> points;
};

struct StrictSpanMetrics : ::testing::Test {
  void SetUp() override {
    auto made = SpanMetrics::create(
        clock, {.exemplars_per_point_max = 2, .keep_attributes = true, .flushes_as_peer = true});
    ASSERT_TRUE(made) << made.error().message;
    metrics = std::move(*made);
  }
  Told flush() {
    Told told;
    const auto next = metrics->export_points(told, epoch);
    EXPECT_TRUE(next);
    epoch = next.value_or(0);
    return told;
  }
  static SpanText span_of(uint64_t id) {
    return {.start_ns = kNow - 2 * kMillisecond, .end_ns = kNow - kMillisecond, .id = id};
  }
  void count(const SpanText& span) {
    metrics->consume(BatchBuilder().service("shop").span(span).finish());
  }

  ManualClock clock{TimestampNs{kNow}};
  uint64_t epoch = 0;
  std::unique_ptr<SpanMetrics> metrics;
};

TEST_F(StrictSpanMetrics, ExemplarsAreTheFirstSinceTheLastFlush) {
  for (uint64_t id = 1; id <= 4; ++id) count(span_of(id));
  const Told first = flush();
  ASSERT_EQ(first.points.size(), 2u);
  for (const auto& point : first.points) {
    ASSERT_EQ(point.exemplars.size(), 2u) << point.metric;
    EXPECT_EQ(point.exemplars[0].trace_id, testing::trace_id_of(1));
    EXPECT_EQ(point.exemplars[1].trace_id, testing::trace_id_of(2));
    EXPECT_EQ(point.exemplars[0].time_ns, kNow);  // that of the flush
  }
  for (const auto& point : flush().points) EXPECT_TRUE(point.exemplars.empty());
  count(span_of(7));
  for (const auto& point : flush().points) {
    ASSERT_EQ(point.exemplars.size(), 1u);
    EXPECT_EQ(point.exemplars[0].trace_id, testing::trace_id_of(7));
  }
}

TEST_F(StrictSpanMetrics, DeltasNeedNoZeroToBeginWith) {
  auto made = SpanMetrics::create(
      clock, {.keep_attributes = true, .flushes_as_peer = true, .told_as_deltas = true});
  ASSERT_TRUE(made) << made.error().message;
  metrics = std::move(*made);
  count(span_of(1));
  EXPECT_EQ(flush().calls().at(0).value, 1);
}

TEST_F(StrictSpanMetrics, EachResourceIsCountedApart) {
  for (const std::string version : {"1", "2", "2"})
    metrics->consume(
        BatchBuilder()
            .resource({{"service.name", text("shop")}, {"service.version", text(version)}})
            .span(span_of(1))
            .finish());
  EXPECT_EQ(flush().calls().size(), 2u);  // at first 0 each
  std::map<std::string, int64_t> by_resource;
  for (const auto& point : flush().calls()) by_resource[point.resource] += point.value;
  EXPECT_EQ(by_resource,
            (std::map<std::string, int64_t>{{"service.name=shop;service.version=1;", 1},
                                            {"service.name=shop;service.version=2;", 2}}));
}

TEST_F(StrictSpanMetrics, NumbersThatAreNoKindAndNoStatusHaveNoName) {
  const auto told_of = [&](std::string_view encoded) {
    SetUp();
    epoch = 0;
    auto batch = BatchBuilder().service("shop").span(span_of(1)).finish();
    batch.spans[0].kind = model::SpanKind::kUnspecified;
    batch.spans[0].encoded = encoded;
    metrics->consume(batch);
    return flush().calls().at(0).attributes;
  };
  EXPECT_NE(told_of("\x30\x09").find("span.kind=;status.code=STATUS_CODE_UNSET"),
            std::string::npos);
  EXPECT_NE(
      told_of(std::string_view("\x30\x09\x30\x00", 4)).find("span.kind=SPAN_KIND_UNSPECIFIED"),
      std::string::npos);
  EXPECT_NE(told_of("\x7a\x02\x18\x07").find("span.kind=SPAN_KIND_UNSPECIFIED;status.code=;"),
            std::string::npos);
}

TEST_F(StrictSpanMetrics, ForeignNumbersAreSeriesOfTheirOwn) {
  auto batch = BatchBuilder().service("shop").span(span_of(1)).span(span_of(2)).finish();
  for (auto& span : batch.spans) span.kind = model::SpanKind::kUnspecified;
  batch.spans[1].encoded = "\x30\x09";
  metrics->consume(batch);
  EXPECT_EQ(flush().calls().size(), 2u);
}

}  // namespace
}  // namespace sightline::connectors::spanmetrics
