#include "connectors/spanmetrics/label_names.h"

#include <gtest/gtest.h>

namespace sightline::connectors::spanmetrics {
namespace {

TEST(LabelNames, AttributeKeys) {
  EXPECT_EQ(label_name_of("http.method"), "http_method");
  EXPECT_EQ(label_name_of("a..b"), "a__b");
  EXPECT_EQ(label_name_of("1abc"), "key_1abc");
  EXPECT_EQ(label_name_of("_u"), "_u");
  EXPECT_EQ(label_name_of("__u"), "__u");
  EXPECT_EQ(label_name_of("caf\xc3\xa9"), "caf_");
  EXPECT_EQ(label_name_of(""), "key_");
}

TEST(LabelNames, MetricNames) {
  EXPECT_EQ(metric_name_of("traces.span.metrics.calls"), "traces_span_metrics_calls");
  EXPECT_EQ(metric_name_of("my..weird--name"), "my_weird_name");
  EXPECT_EQ(metric_name_of("5q"), "_5q");
  EXPECT_EQ(metric_name_of("_a__b."), "a_b");
  EXPECT_EQ(metric_name_of("a:b.duration", "seconds"), "a:b_duration_seconds");
  EXPECT_EQ(metric_name_of("milliseconds.duration", "milliseconds"), "milliseconds_duration");
}

TEST(LabelNames, CollisionsJoinInOrderOfTheKeys) {
  AttributeLabels attributes({"job"});
  attributes.add("a..b", "1");
  attributes.add("a.-b", "2");
  attributes.add("job", "mine");
  model::LabelsBuilder labels;
  attributes.build_into(labels);
  EXPECT_EQ(labels.build(), model::make_labels({{"a__b", "2;1"}, {"exported_job", "mine"}}));
}

}  // namespace
}  // namespace sightline::connectors::spanmetrics
