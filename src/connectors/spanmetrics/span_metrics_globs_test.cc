// Dimensions by glob, and how many exemplars there are.
#include <gtest/gtest.h>

#include <algorithm>

#include "connectors/spanmetrics/span_metrics.h"
#include "connectors/spanmetrics/testing_spans.h"

namespace sightline::connectors::spanmetrics {
namespace {

using testing::BatchBuilder;
using testing::SpanText;
using testing::text;

struct SpanMetricsGlobs : ::testing::Test {
  void start(SpanMetricsOptions options) {
    options.keep_attributes = true;
    auto made = SpanMetrics::create(clock, std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    metrics = std::move(*made);
  }
  // Labels of each series of a family, but for those that every series has.
  std::vector<std::string> labels_of(std::string_view family) const {
    std::vector<std::string> all;
    for (const auto& each : metrics->collect()) {
      if (each.name != family) continue;
      for (const auto& point : each.points) {
        model::LabelsBuilder labels(point.labels);
        for (const char* name :
             {"job", "otel_scope_name", "service_name", "span_kind", "span_name", "status_code"})
          labels.remove(name);
        all.push_back(labels.build().to_string());
      }
    }
    std::ranges::sort(all);
    return all;
  }

  ManualClock clock{TimestampNs{1'795'485'383'488'123'456}};
  std::unique_ptr<SpanMetrics> metrics;
};

TEST_F(SpanMetricsGlobs, EveryAttributeThatMatchesIsADimension) {
  start({.dimensions = {{"http.method", {}, {}}, {{}, {}, "k8s.*"}},
         .calls_dimensions = {{{}, {}, "db.**"}},
         .exemplars_enabled = false});
  metrics->consume(BatchBuilder()
                       .resource({{"service.name", text("shop")},
                                  {"k8s.pod", text("p1")},
                                  {"k8s.node", text("n1")},
                                  {"k8s.pod.uid", text("u")}})
                       .span({.attributes = {{"http.method", text("GET")},
                                             {"k8s.pod", text("p2")},
                                             {"db.sql.table", text("t")}}})
                       .span({.attributes = {{"http.route", text("/")}}})
                       .finish());
  EXPECT_EQ(labels_of("traces_span_metrics_calls"),
            (std::vector<std::string>{
                R"({db_sql_table="t", http_method="GET", k8s_node="n1", k8s_pod="p2"})",
                R"({k8s_node="n1", k8s_pod="p1"})"}));
  EXPECT_EQ(labels_of("traces_span_metrics_duration_milliseconds"),
            (std::vector<std::string>{R"({http_method="GET", k8s_node="n1", k8s_pod="p2"})",
                                      R"({k8s_node="n1", k8s_pod="p1"})"}));
}

TEST_F(SpanMetricsGlobs, SpansAlikeInWhatMatchesAreOneSeries) {
  start({.dimensions = {{{}, {}, "a.*"}}, .exemplars_enabled = false});
  BatchBuilder batch;
  batch.service("shop");
  for (const char* other : {"1", "2"})
    batch.span({.attributes = {{"a.x", text("same")}, {"b.x", text(other)}}});
  batch.span({.attributes = {{"a.y", text("same")}}});
  metrics->consume(batch.finish());
  EXPECT_EQ(labels_of("traces_span_metrics_calls"),
            (std::vector<std::string>{R"({a_x="same"})", R"({a_y="same"})"}));
}

TEST_F(SpanMetricsGlobs, AGlobThatIsNoneIsRefused) {
  const auto made = SpanMetrics::create(clock, {.dimensions = {{{}, {}, "[a"}}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("has [ without ]"), std::string::npos);
}

TEST_F(SpanMetricsGlobs, NoExemplarsWhereNoneMayBe) {
  for (const uint32_t most : {0u, 1u}) {
    start({.exemplars_per_point_max = most});
    metrics->consume(BatchBuilder().service("shop").span({.end_ns = 5'000'000}).finish());
    EXPECT_EQ(metrics->changes_since(0).exemplars.size(), 2 * most);
    size_t shown = 0;
    for (const auto& family : metrics->collect())
      for (const auto& point : family.points) {
        shown += point.exemplar.has_value();
        for (const auto& bucket : point.buckets) shown += bucket.exemplar.has_value();
      }
    EXPECT_EQ(shown, 2 * most);
  }
}

}  // namespace
}  // namespace sightline::connectors::spanmetrics
