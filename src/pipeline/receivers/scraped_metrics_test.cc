#include "pipeline/receivers/scraped_metrics.h"

#include <gtest/gtest.h>

#include "model/sample.h"
#include "pipeline/exporters/outgoing.h"

namespace sightline::pipeline {
namespace {

class Recorder final : public MetricsConsumer {
 public:
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    json = Outgoing(batch).json();
    return {};
  }
  std::string json;
};

class ScrapedMetricsTest : public testing::Test {
 protected:
  void add(tsdb::Appender& appender, std::initializer_list<model::LabelView> labels, double value) {
    model::LabelsBuilder builder;
    builder.set("job", "j").set("instance", "h:80");
    for (const auto& label : labels) builder.set(label.name, label.value);
    const auto id = appender.series(builder.build());
    ASSERT_TRUE(id);
    ASSERT_TRUE(appender.append(*id, {now}, value));
    last = *id;
  }
  Recorder next;
  Telemetry telemetry;
  ScrapedMetrics metrics{
      next, {.schemes = {{"j", "https"}}}, ReceiverCounters::of(telemetry, "prometheus", "http")};
  int64_t now = 1'000;
  tsdb::SeriesId last;
};

TEST_F(ScrapedMetricsTest, AScrapeIsOneBatch) {
  for (const double count : {3.0, 5.0, 1.0}) {
    auto appender = metrics.appender();
    appender->set_metadata("lat", {model::MetricType::kHistogram, "", "how long"});
    appender->set_metadata("req", {model::MetricType::kCounter, "", ""});
    add(*appender, {{"__name__", "up"}}, 1);
    add(*appender, {{"__name__", "req_total"}, {"code", "200"}}, count);
    ASSERT_TRUE(appender->append_exemplar(
        last, {.labels = model::make_labels({{"k", "v"}}), .value = 1, .time = {now}}));
    add(*appender, {{"__name__", "lat_bucket"}, {"le", "0.5"}}, 1);
    add(*appender, {{"__name__", "lat_bucket"}, {"le", "+Inf"}}, count);
    add(*appender, {{"__name__", "lat_sum"}}, 2.5);
    add(*appender, {{"__name__", "lat_count"}}, count);
    add(*appender, {{"__name__", "target_info"}, {"version", "7"}}, 1);
    ASSERT_TRUE(appender->commit());
    now += 1'000;
  }
  for (
      const char* part :
      {R"({"key":"service.name","value":{"stringValue":"j"}},{"key":"service.instance.id","value":{"stringValue":"h:80"}},{"key":"server.address","value":{"stringValue":"h"}},{"key":"server.port","value":{"stringValue":"80"}},{"key":"url.scheme","value":{"stringValue":"https"}},{"key":"version","value":{"stringValue":"7"}})",
       R"("name":"up","description":"The scraping was successful","metadata":[{"key":"prometheus.type","value":{"stringValue":"gauge"}}],"gauge":{"dataPoints":[{"timeUnixNano":"3000000000","asDouble":1}]})",
       // It fell from 5 to 1, so it began anew.
       R"("name":"req_total","metadata":[{"key":"prometheus.type","value":{"stringValue":"counter"}}],"sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"attributes":[{"key":"code","value":{"stringValue":"200"}}],"startTimeUnixNano":"3000000000","timeUnixNano":"3000000000","asDouble":1,"exemplars":[{"filteredAttributes":[{"key":"k","value":{"stringValue":"v"}}])",
       R"("name":"lat","description":"how long","metadata":[{"key":"prometheus.type","value":{"stringValue":"histogram"}}],"histogram":{"aggregationTemporality":2,"dataPoints":[{"startTimeUnixNano":"3000000000","timeUnixNano":"3000000000","count":"1","sum":2.5,"bucketCounts":["1","0"],"explicitBounds":[0.5]}]})"})
    EXPECT_NE(next.json.find(part), std::string::npos) << part << "\n" << next.json;
  EXPECT_EQ(next.json.find("target_info"), std::string::npos);
}

// An exposition is read to its end before its metadata is told.
TEST_F(ScrapedMetricsTest, MetadataMayComeAfterTheSamples) {
  auto appender = metrics.appender();
  add(*appender, {{"__name__", "lat_bucket"}, {"le", "+Inf"}}, 2);
  ASSERT_TRUE(appender->append_exemplar(last, {.value = 1, .time = {now}}));
  add(*appender, {{"__name__", "lat_count"}}, 2);
  appender->set_metadata("lat", {model::MetricType::kHistogram, "", "how long"});
  ASSERT_TRUE(appender->commit());
  EXPECT_NE(
      next.json.find(
          R"("name":"lat","description":"how long","metadata":[{"key":"prometheus.type","value":{"stringValue":"histogram"}}],"histogram")"),
      std::string::npos)
      << next.json;
  EXPECT_EQ(next.json.find("lat_bucket"), std::string::npos);
  EXPECT_NE(next.json.find(R"("exemplars")"), std::string::npos);
}

TEST_F(ScrapedMetricsTest, AStaleMarkerIsNoRecordedValue) {
  auto appender = metrics.appender();
  add(*appender, {{"__name__", "g"}}, model::stale_marker());
  ASSERT_TRUE(appender->commit());
  EXPECT_NE(next.json.find(R"("flags":1)"), std::string::npos) << next.json;
}

}  // namespace
}  // namespace sightline::pipeline
