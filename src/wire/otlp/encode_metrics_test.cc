#include "wire/otlp/encode_metrics.h"

#include <gtest/gtest.h>

#include "wire/otlp/decode_metrics.h"

namespace sightline::wire::otlp {
namespace {

// Every field of every kind of point.
constexpr std::string_view kEverything =
    R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}],"droppedAttributesCount":2},"scopeMetrics":[{"scope":{"name":"lib","version":"1.2","attributes":[{"key":"a","value":{"boolValue":true}}]},"metrics":[)"
    R"({"name":"g","description":"d","unit":"1","metadata":[{"key":"m","value":{"intValue":"4"}}],"gauge":{"dataPoints":[{"attributes":[{"key":"k","value":{"arrayValue":{"values":[{"doubleValue":1.5},{"stringValue":"x"}]}}}],"timeUnixNano":"20","asDouble":-0.5},{"timeUnixNano":"21","flags":1}]}},)"
    R"({"name":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":"10","timeUnixNano":"20","asInt":"7","exemplars":[{"filteredAttributes":[{"key":"u","value":{"stringValue":"v"}}],"timeUnixNano":"19","asDouble":3.25,"spanId":"b7ad6b7169203331","traceId":"0af7651916cd43dd8448eb211c80319c"},{"timeUnixNano":"18","asInt":"3"}]}]}},)"
    R"({"name":"h","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"10","timeUnixNano":"20","count":"6","sum":7.5,"min":0.25,"max":4,"bucketCounts":["1","2","3"],"explicitBounds":[0.5,1]}]}},)"
    R"({"name":"e","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"20","count":"7","sum":3,"min":-1,"max":9,"scale":-2,"zeroCount":"1","positive":{"offset":-3,"bucketCounts":["1","2"]},"negative":{"bucketCounts":["3"]},"zeroThreshold":0.001}]}},)"
    R"({"name":"q","summary":{"dataPoints":[{"timeUnixNano":"20","count":"4","sum":2,"quantileValues":[{"quantile":0.99,"value":1.5}]}]}}],"schemaUrl":"s1"}],"schemaUrl":"r1"}]})";

TEST(EncodeMetrics, BothEncodingsKeepEverything) {
  const auto protobuf = transcode_metrics_json(kEverything);
  ASSERT_TRUE(protobuf) << protobuf.error().message;
  MetricsJsonEncoder json;
  ASSERT_TRUE(decode_metrics(*protobuf, json));
  EXPECT_EQ(json.take(), kEverything);
  MetricsEncoder encoder;
  ASSERT_TRUE(decode_metrics(*protobuf, encoder));
  EXPECT_EQ(encoder.points(), 6u);
  MetricsJsonEncoder again;
  ASSERT_TRUE(decode_metrics(encoder.take(), again));
  EXPECT_EQ(again.take(), kEverything);
}

TEST(EncodeMetrics, WhatHasNoPointsIsLeftOut) {
  MetricsEncoder encoder;
  ASSERT_TRUE(encoder.on_resource({}));
  ASSERT_TRUE(encoder.on_scope({.name = "lib"}));
  ASSERT_TRUE(encoder.on_metric({.name = "g"}));
  EXPECT_EQ(encoder.take(), "");
}

}  // namespace
}  // namespace sightline::wire::otlp
