// The filter processor on metrics: which points of one request are left.
#include "pipeline/processors/metrics_filter.h"

#include <gtest/gtest.h>

#include "config/otelcol/otelcol_config.h"
#include "pipeline/processors/metrics_processors.h"
#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {
namespace {

constexpr std::string_view kMetrics =
    R"({"resourceMetrics":[
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeMetrics":[{"scope":{"name":"lib"},"metrics":[
  {"name":"requests","unit":"1","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
    {"attributes":[{"key":"route","value":{"stringValue":"/a"}}],"asInt":"5"},{"attributes":[{"key":"route","value":{"stringValue":"/b"}},{"key":"n","value":{"intValue":"7"}}],"asInt":"6"}]}},
  {"name":"latency","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"3","sum":2.5,"bucketCounts":["1","2"],"explicitBounds":[0.5]}]}}]}]},
 {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"bank"}},{"key":"env","value":{"stringValue":"prod-1"}}]},"scopeMetrics":[{"metrics":[
  {"name":"heat","gauge":{"dataPoints":[{"asDouble":21.5},{"flags":1}]}},
  {"name":"size","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"2","sum":3,"scale":1,"zeroCount":"1"}]}}]}]}]})";

// What comes, a word a point: the metric's name and the first attribute's value.
struct Seen final : MetricsConsumer, model::MetricsSink {
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    last = batch;
    EXPECT_TRUE(wire::otlp::decode_metrics(*batch->protobuf, *this));
    return wire::otlp::PartialSuccess();
  }
  Status on_resource(const model::MetricResource&) override { return {}; }
  Status on_metric(const model::MetricView&) override { return {}; }
  Status on_point(const model::MetricView& metric, const model::DataPoint& point) override {
    (text += text.empty() ? "" : " ") += metric.name;
    if (!point.attributes.empty()) text += point.attributes[0].value.bytes;
    return {};
  }
  SharedMetrics last;
  std::string text;
};

struct MetricsFilterTest : testing::Test {
  // What is left with this configuration of the filter.
  std::string left(const std::string& yaml) {
    auto parsed = config::parse_otelcol(
        "receivers: {otlp: {protocols: {http: }}}\nprocessors:\n  filter: " + yaml +
            "\nexporters: {debug: }\nservice: {pipelines: {metrics: {receivers: [otlp], "
            "processors: [filter], exporters: [debug]}}}\n",
        "c.yaml", config::FixedEnvironment());
    if (!parsed) return parsed.error().message;
    Seen seen;
    auto made = make_metrics_processor(parsed->processors[0], seen, clock, telemetry);
    if (!made) return made.error().message;
    const auto answer = (*made)->consume(batch);
    if (!answer) return answer.error().message;
    passed_on = seen.last;
    return seen.text;
  }

  SystemClock clock;
  Telemetry telemetry;
  SharedMetrics batch =
      make_metrics_batch(std::string(kMetrics), wire::otlp::Encoding::kJson).value();
  SharedMetrics passed_on;
};

TEST_F(MetricsFilterTest, Conditions) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(metrics: {metric: ['name == "requests"']})", "latency heat heat size"},
      {R"(metrics: {metric: ['type == METRIC_DATA_TYPE_SUM and is_monotonic', 'unit == "s"']})",
       "heat heat size"},
      {R"(metrics: {metric: ['aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA']})",
       "requests/a requests/b heat heat size"},
      {R"(metrics: {metric: ['aggregation_temporality == nil']})",
       "requests/a requests/b latency size"},
      {R"(metrics: {metric: ['HasAttrKeyOnDatapoint("n")']})", "latency heat heat size"},
      {R"(metrics: {metric: ['HasAttrOnDatapoint("route", "/a") and name != "requests"', 'HasAttrOnDatapoint("n", "7")']})",
       "requests/a requests/b latency heat heat size"},
      {R"(metrics: {datapoint: ['attributes["route"] == "/a"', 'flags == FLAG_NO_RECORDED_VALUE']})",
       "requests/b latency heat size"},
      {R"(metrics: {datapoint: ['metric.name == "requests" and value_int > 5']})",
       "requests/a latency heat heat size"},
      {R"(metrics: {datapoint: ['value_double > 20.0', 'scale == 1 and zero_count == 1', 'bucket_counts == [1, 2]']})",
       "requests/a requests/b heat"},
      {R"(metrics: {datapoint: ['count == 3 and sum == 2.5']})",
       "requests/a requests/b heat heat size"},
      {R"(metrics: {resource: ['attributes["env"] == "prod-1"']})",
       "requests/a requests/b latency"},
      {R"(metric_conditions: ['scope.name == "lib"', 'datapoint.flags == 1'])", "heat size"},
      {R"(metric_conditions: ['resource.attributes["service.name"] == "shop" and metric.name == "latency"'])",
       "requests/a requests/b heat heat size"},
      {R"(metric_conditions: [{context: metric, conditions: ['IsMatch(name, "^[hl]")']}])",
       "requests/a requests/b size"},
      {R"(metric_conditions: ['resource.attributes["service.name"] != nil'])", ""}};
  for (const auto& [yaml, wanted] : cases)
    EXPECT_EQ(left("{" + std::string(yaml) + "}"), wanted) << yaml;
}

TEST_F(MetricsFilterTest, IncludeAndExclude) {
  const std::pair<const char*, const char*> cases[] = {
      {"{include: {match_type: strict, metric_names: [heat, size]}}", "heat heat size"},
      {"{exclude: {match_type: regexp, metric_names: ['^re', 'e$']}}", "latency heat heat"},
      {"{include: {match_type: regexp, metric_names: ['^.e']}, exclude: {match_type: strict, "
       "metric_names: [heat]}}",
       "requests/a requests/b"},
      {"{include: {match_type: strict, resource_attributes: [{key: service.name, value: bank}]}}",
       "heat heat size"},
      {"{exclude: {match_type: regexp, resource_attributes: [{key: env, value: '^prod'}]}}",
       "requests/a requests/b latency"},
      {"{exclude: {match_type: strict, resource_attributes: [{key: env}]}}",
       "requests/a requests/b latency"}};
  for (const auto& [yaml, wanted] : cases)
    EXPECT_EQ(left("{metrics: " + std::string(yaml) + "}"), wanted) << yaml;
}

TEST_F(MetricsFilterTest, WhatIsNotTouchedGoesOnAsItCame) {
  EXPECT_EQ(left(R"({metrics: {metric: ['name == "other"']}})"),
            "requests/a requests/b latency heat heat size");
  EXPECT_EQ(passed_on, batch);
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_filter_datapoints_filtered_total"), 0u);
  left(R"({metrics: {metric: ['name == "heat"']}})");
  EXPECT_EQ(passed_on->points, 4u);
  EXPECT_EQ(telemetry.counter_total("otelcol_processor_filter_datapoints_filtered_total"), 2u);
}

TEST_F(MetricsFilterTest, Faults) {
  const std::string prefix =
      R"(metrics: {metric: ['HasPrefix(unit, "") and HasPrefix(type, "x")'])";
  EXPECT_EQ(left("{" + prefix + "}}"), "requests/a requests/b latency heat heat size");
  EXPECT_NE(left("{error_mode: propagate, " + prefix + "}}").find("takes a string"),
            std::string::npos);
  const std::pair<const char*, const char*> refused[] = {
      {R"(metrics: {metric: ['span.name == "x"']})", "span.name is not known in this place"},
      {R"(metrics: {metric: ['datapoint.flags == 1']})", "datapoint.flags is not known"},
      {R"(metrics: {datapoint: ['HasAttrKeyOnDatapoint("x")']})", "is not known in this place"},
      {R"(traces: {span: ['metric.name == "x"']})", "metric.name is not known in this place"},
      {R"(metrics: {metric: ['nam == "x"']})", "the path nam is not available here"},
      {"metrics: {include: {match_type: expr, expressions: ['true']}}", "match_type expr"},
      {"metrics: {include: {match_type: regexp, metric_names: ['(']}}", "no regular expression"},
      {"metrics: {include: {metric_names: [a]}}", "match_type must be given"},
      {R"(metrics: {metric: ['name == "x"'], exclude: {match_type: strict, metric_names: [a]}})",
       "cannot be used together"}};
  for (const auto& [yaml, why] : refused) {
    const std::string said = left("{" + std::string(yaml) + "}");
    EXPECT_NE(said.find(why), std::string::npos) << yaml << ": " << said;
  }
}

}  // namespace
}  // namespace sightline::pipeline
