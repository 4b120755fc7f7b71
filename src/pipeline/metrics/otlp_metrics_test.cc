#include "pipeline/metrics/otlp_metrics.h"

#include <gtest/gtest.h>

#include "base/number_text.h"
#include "pipeline/metrics/metric_names.h"
#include "tsdb/testing_store.h"

namespace sightline::pipeline {
namespace {

TEST(MetricNames, AsTheCollectorWritesThem) {
  EXPECT_EQ(prometheus_metric_name("my..weird--name", "ms", MetricSuffix::kNone),
            "my_weird_name_milliseconds");
  EXPECT_EQ(prometheus_metric_name("5q", "%", MetricSuffix::kNone), "_5q_percent");
  EXPECT_EQ(prometheus_metric_name("io", "By/s", MetricSuffix::kTotal),
            "io_bytes_per_second_total");
  EXPECT_EQ(prometheus_metric_name("ratio.g", "1", MetricSuffix::kRatio), "g_ratio");
  EXPECT_EQ(prometheus_metric_name("http.server.duration", "s", MetricSuffix::kNone),
            "http_server_duration_seconds");
  EXPECT_EQ(prometheus_metric_name("requests_total", "{request}", MetricSuffix::kTotal),
            "requests_total");
  EXPECT_EQ(prometheus_metric_name("wait.seconds", "s", MetricSuffix::kNone), "wait_seconds");
  EXPECT_EQ(prometheus_label_name("a..b"), "a__b");
  EXPECT_EQ(prometheus_label_name("1abc"), "key_1abc");
  EXPECT_EQ(prometheus_label_name("_u"), "key_u");
  EXPECT_EQ(prometheus_label_name("__u"), "__u");
}

class OtlpMetricsTest : public testing::Test {
 protected:
  static constexpr int64_t kAt = tsdb::kTestStart;

  // Of one metric, with `body` in the place of its data; $T stands for kAt in nanoseconds, $S for a minute before.
  static std::string request(
      const std::string& name, const std::string& unit, std::string body,
      const std::string& resource =
          R"({"key":"service.name","value":{"stringValue":"cart"}},{"key":"service.namespace","value":{"stringValue":"shop"}},{"key":"service.instance.id","value":{"stringValue":"i1"}})") {
    const auto fill = [&](const std::string& mark, int64_t ms) {
      for (size_t at; (at = body.find(mark)) != std::string::npos;)
        body.replace(at, mark.size(), "\"" + std::to_string(ms) + "000000\"");
    };
    fill("$T2", kAt + 15'000);
    fill("$T", kAt);
    fill("$S", kAt - 60'000);
    return R"({"resourceMetrics":[{"resource":{"attributes":[)" + resource +
           R"(]},"scopeMetrics":[{"metrics":[{"name":")" + name +
           R"(","description":"d","unit":")" + unit + "\"," + body + "}]}]}]}";
  }
  Result<wire::otlp::PartialSuccess> send(const std::string& json) {
    return metrics_.receive(json, wire::otlp::Encoding::kJson);
  }
  static model::Labels labels(const std::string& name,
                              std::initializer_list<model::LabelView> more = {}) {
    model::LabelsBuilder builder;
    builder.set("__name__", name).set("job", "shop/cart").set("instance", "i1");
    for (const auto& label : more) builder.set(label.name, label.value);
    return builder.build();
  }
  std::vector<double> values(const model::Labels& of) { return store_.read(of).values; }

  tsdb::TestingStore store_{{.future_max_ms = 0}};
  OtlpMetrics metrics_{store_.db()};
};

TEST_F(OtlpMetricsTest, ASumIsACounterWithItsExemplarAndStart) {
  const auto partial = send(request(
      "http.requests", "",
      R"("sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"5","startTimeUnixNano":$S,
    "timeUnixNano":$T,"attributes":[{"key":"a..b","value":{"intValue":"1"}},{"key":"a.-b","value":{"intValue":2}}],
    "exemplars":[{"asDouble":0.5,"timeUnixNano":$T,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","filteredAttributes":[{"key":"k","value":{"boolValue":true}}]}]}]})"));
  ASSERT_TRUE(partial) << partial.error().message;
  EXPECT_EQ(partial->rejected, 0u);
  const auto series = labels("http_requests_total", {{"a__b", "2;1"}});
  EXPECT_EQ(values(series), std::vector<double>{5});
  EXPECT_EQ(store_.read(series).created, std::vector<int64_t>{kAt - 60'000});
  const auto exemplars = store_.exemplars(series);
  ASSERT_EQ(exemplars.size(), 1u);
  EXPECT_EQ(to_hex(exemplars[0].trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(exemplars[0].labels.get("k"), "true");
  const auto metadata = (*store_.db().querier())->metadata("http_requests_total");
  EXPECT_EQ(metadata.at("http_requests_total").type, model::MetricType::kCounter);
  EXPECT_TRUE(values(labels("target_info")).empty())
      << "there is nothing to tell beyond job and instance";
}

TEST_F(OtlpMetricsTest, ResourceAttributesGoToTargetInfo) {
  ASSERT_TRUE(send(request(
      "g", "1", R"("gauge":{"dataPoints":[{"asDouble":0.25,"timeUnixNano":$T}]})",
      R"({"key":"service.name","value":{"stringValue":"cart"}},{"key":"k8s.pod.name","value":{"stringValue":"p"}})")));
  EXPECT_EQ(values(model::make_labels({{"__name__", "g_ratio"}, {"job", "cart"}})),
            std::vector<double>{0.25});
  EXPECT_EQ(values(model::make_labels(
                {{"__name__", "target_info"}, {"job", "cart"}, {"k8s_pod_name", "p"}})),
            std::vector<double>{1});
}

TEST_F(OtlpMetricsTest, ExplicitHistogramsAreClassic) {
  ASSERT_TRUE(send(request(
      "latency", "s",
      R"("histogram":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","dataPoints":[{"timeUnixNano":$T,"count":"6","sum":7.5,
    "bucketCounts":["1","2","3"],"explicitBounds":[0.5,1],"exemplars":[{"asDouble":0.7,"traceId":"0af7651916cd43dd8448eb211c80319c"},{"asDouble":9}]}]})")));
  EXPECT_EQ(values(labels("latency_seconds_bucket", {{"le", "0.5"}})), std::vector<double>{1});
  EXPECT_EQ(values(labels("latency_seconds_bucket", {{"le", "1"}})), std::vector<double>{3});
  EXPECT_EQ(values(labels("latency_seconds_bucket", {{"le", "+Inf"}})), std::vector<double>{6});
  EXPECT_EQ(values(labels("latency_seconds_count")), std::vector<double>{6});
  EXPECT_EQ(values(labels("latency_seconds_sum")), std::vector<double>{7.5});
  EXPECT_EQ(store_.exemplars(labels("latency_seconds_bucket", {{"le", "1"}})).size(), 1u);
  EXPECT_EQ(store_.exemplars(labels("latency_seconds_bucket", {{"le", "+Inf"}})).size(), 1u);
}

TEST_F(OtlpMetricsTest, ExponentialHistogramsAreNative) {
  ASSERT_TRUE(send(request(
      "h", "",
      R"("exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":$T,"count":"7","sum":3,"scale":9,"zeroCount":"1",
    "positive":{"offset":0,"bucketCounts":["1","2","0","0","0","0","3"]}}]})")));
  const auto columns = store_.read(labels("h"));
  ASSERT_EQ(columns.histograms.size(), 1u);
  const model::Histogram& h = *columns.histograms[0];
  EXPECT_EQ(h.schema, 8);
  EXPECT_EQ(h.count, 7);
  EXPECT_EQ(h.zero_count, 1);
  EXPECT_EQ(h.positive_spans,
            (std::vector<model::BucketSpan>{{1, 1}, {2, 1}}));  // 1 and 2 -> 1, 7 -> 4
  EXPECT_EQ(h.positive_buckets, (std::vector<double>{3, 3}));
}

TEST_F(OtlpMetricsTest, Summaries) {
  ASSERT_TRUE(send(request(
      "s", "",
      R"("summary":{"dataPoints":[{"timeUnixNano":$T,"count":"4","sum":2,"quantileValues":[{"quantile":0.99,"value":1.5}]}]})")));
  EXPECT_EQ(values(labels("s", {{"quantile", "0.99"}})), std::vector<double>{1.5});
  EXPECT_EQ(values(labels("s_sum")), std::vector<double>{2});
  EXPECT_EQ(values(labels("s_count")), std::vector<double>{4});
}

TEST_F(OtlpMetricsTest, DeltasAreSummedUp) {
  const auto point = [&](const char* time, int value) {
    return request(
        "d", "",
        R"("sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":$S,"timeUnixNano":)" +
            std::string(time) + R"(,"asInt":")" + std::to_string(value) + R"("}]})");
  };
  ASSERT_TRUE(send(point("$T", 3)));
  ASSERT_TRUE(send(point("$T2", 4)));
  EXPECT_EQ(values(labels("d_total")), (std::vector<double>{3, 7}));
  const auto again = send(point("$T2", 4));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::kInvalidArgument);
  EXPECT_EQ(values(labels("d_total")), (std::vector<double>{3, 7}));
}

// A point that is refused is not in the sum, and does not begin it anew.
TEST_F(OtlpMetricsTest, ARefusedDeltaIsNotCounted) {
  const auto point = [&](const char* time, const std::string& counts) {
    return request(
        "h", "",
        R"("histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":$S,"timeUnixNano":)" +
            std::string(time) + R"(,"count":"1","sum":1,"explicitBounds":[1],"bucketCounts":[)" +
            counts + "]}]}");
  };
  ASSERT_TRUE(send(point("$T", R"("1","0")")));
  EXPECT_FALSE(send(point("$T2", R"("1","0","0")")));
  ASSERT_TRUE(send(point("$T2", R"("1","0")")));
  EXPECT_EQ(values(labels("h_count")), (std::vector<double>{1, 2}));
}

// Exponential ones too: one of a scale that cannot be stored would leave all after it as coarse.
TEST_F(OtlpMetricsTest, ADeltaTooCoarseToBeStoredDoesNotSpoilItsStream) {
  const auto point = [&](const char* time, int scale) {
    return request(
        "e", "",
        R"("exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":$S,"timeUnixNano":)" +
            std::string(time) + R"(,"count":"1","sum":1,"scale":)" + std::to_string(scale) +
            R"(,"positive":{"offset":0,"bucketCounts":["1"]}}]})");
  };
  ASSERT_TRUE(send(point("$T", 3)));
  EXPECT_FALSE(send(point("$T2", -9)));
  ASSERT_TRUE(send(point("$T2", 3)));
  const auto columns = store_.read(labels("e"));
  ASSERT_EQ(columns.histograms.size(), 2u);
  EXPECT_EQ(columns.histograms[1]->schema, 3);
  EXPECT_EQ(columns.histograms[1]->count, 2);
}

// Two resources that are one to Prometheus, at one time: the store has a value there, the next point says both.
TEST_F(OtlpMetricsTest, DeltasOfOneTimeShowWithTheNext) {
  const auto point = [&](const char* start, const char* time) {
    return request(
        "d", "",
        R"("sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":)" +
            std::string(start) + R"(,"timeUnixNano":)" + std::string(time) + R"(,"asInt":"3"}]})");
  };
  ASSERT_TRUE(send(point("$T", "$T")));
  const auto second = send(point("$T", "$T"));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->rejected, 0u);
  ASSERT_TRUE(send(point("$T", "$T2")));
  EXPECT_EQ(values(labels("d_total")), (std::vector<double>{3, 9}));
}

TEST_F(OtlpMetricsTest, NoRecordedValueEndsASeriesAndBadPointsAreTold) {
  ASSERT_TRUE(send(request(
      "g", "",
      R"("gauge":{"dataPoints":[{"asDouble":1,"timeUnixNano":$T},{"flags":1,"timeUnixNano":$T2}]})")));
  const auto columns = store_.read(labels("g"));
  ASSERT_EQ(columns.values.size(), 2u);
  EXPECT_TRUE(model::is_stale_marker(columns.values[1]));
  const auto partial = send(request(
      "g", "",
      R"("gauge":{"dataPoints":[{"asDouble":9,"timeUnixNano":$T},{"asDouble":1,"timeUnixNano":$T2,"attributes":[{"key":"x","value":{"stringValue":"y"}}]}]})"));
  ASSERT_TRUE(partial);
  EXPECT_EQ(partial->rejected, 1u);
  EXPECT_NE(partial->message.find("out of order"), std::string::npos) << partial->message;
}

TEST_F(OtlpMetricsTest, PrometheusAddress) {
  net::HttpRouter router;
  metrics_.add_prometheus_route(router);
  net::HttpRequest post{
      .method = "POST",
      .path = "/api/v1/otlp/v1/metrics",
      .body = request("g", "", R"("gauge":{"dataPoints":[{"asDouble":1,"timeUnixNano":$T}]})")};
  post.headers.set("Content-Type", "application/json");
  EXPECT_EQ(router.dispatch(post).status, 200);
  post.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(router.dispatch(post).status, 415);
  post.headers.set("Content-Type", "application/x-protobuf");
  EXPECT_EQ(router.dispatch(post).status, 400);
  EXPECT_EQ(values(labels("g")), std::vector<double>{1});
}

}  // namespace
}  // namespace sightline::pipeline
