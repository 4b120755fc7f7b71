#include "connectors/spanmetrics/span_metrics.h"

#include <gtest/gtest.h>

#include <latch>
#include <map>
#include <thread>

#include "connectors/spanmetrics/testing_spans.h"

namespace sightline::connectors::spanmetrics {
namespace {

using model::MetricPoint;
using model::SpanKind;
using model::ValueView;
using testing::BatchBuilder;
using testing::SpanText;
using testing::text;

constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kNow = 1'795'485'383'488'000'000;
constexpr int64_t kNowMs = 1'795'485'383'488;

struct SpanMetricsTest : ::testing::Test {
  void start(SpanMetricsOptions options = {}) {
    auto made = SpanMetrics::create(clock, std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    metrics = std::move(*made);
  }
  // A span of service "shop" that ended `ago` and lasted `duration`, both in nanoseconds.
  static SpanText span_of(uint64_t duration, uint64_t ago = kMillisecond, uint64_t id = 1) {
    return {.start_ns = kNow - ago - duration, .end_ns = kNow - ago, .id = id};
  }
  void count(const SpanText& span) {
    metrics->consume(BatchBuilder().service("shop").span(span).finish());
  }
  void count(const testing::Attributes& resource, const SpanText& span) {
    metrics->consume(BatchBuilder().resource(resource).span(span).finish());
  }

  std::vector<MetricPoint> points(std::string_view family) const {
    for (auto& each : metrics->collect())
      if (each.name == family) return each.points;
    return {};
  }
  std::vector<MetricPoint> calls() const { return points(metrics->calls_name()); }
  std::vector<MetricPoint> durations() const { return points(metrics->duration_name()); }
  double all_calls() const {
    double sum = 0;
    for (const MetricPoint& point : calls()) sum += point.value;
    return sum;
  }

  ManualClock clock{TimestampNs{kNow}};
  std::unique_ptr<SpanMetrics> metrics;
};

TEST_F(SpanMetricsTest, CountsEverySpanOnce) {
  start();
  BatchBuilder batch;
  batch.service("shop");
  for (int i = 0; i < 7; ++i) batch.span(span_of(3 * kMillisecond));
  batch.service("bank").span(span_of(7 * kMillisecond));
  batch.service("shop").span(
      span_of(5 * kMillisecond));  // the same resource once more in one request
  metrics->consume(batch.finish());
  ASSERT_EQ(calls().size(), 2u);
  EXPECT_EQ(calls()[0].labels.get("service_name"), "bank");
  EXPECT_EQ(calls()[0].value, 1);
  EXPECT_EQ(calls()[1].value, 8);
  EXPECT_EQ(durations()[1].count, 8u);
  EXPECT_DOUBLE_EQ(durations()[1].sum, 26);
  EXPECT_EQ(all_calls(), 9);  // reading changes nothing
  EXPECT_EQ(calls()[0].created, TimestampMs{kNowMs - 1});
}

TEST_F(SpanMetricsTest, LabelsOfOneSeries) {
  start({.collector_instance_id = "here"});
  SpanText span = span_of(kMillisecond);
  span.status = model::StatusCode::kError;
  count({{"service.name", text("shop")},
         {"service.namespace", text("eu")},
         {"service.instance.id", text("i-1")}},
        span);
  EXPECT_EQ(calls().at(0).labels, model::make_labels({{"collector_instance_id", "here"},
                                                      {"instance", "i-1"},
                                                      {"job", "eu/shop"},
                                                      {"otel_scope_name", "spanmetricsconnector"},
                                                      {"service_name", "shop"},
                                                      {"span_kind", "SPAN_KIND_SERVER"},
                                                      {"span_name", "work"},
                                                      {"status_code", "STATUS_CODE_ERROR"}}));
  const auto families = metrics->collect();
  ASSERT_EQ(families.size(), 3u);
  for (const auto& family : {families[1], families[2]})
    EXPECT_EQ(family.empty_labels,
              (std::vector<std::string>{"otel_scope_schema_url", "otel_scope_version"}));
}

TEST_F(SpanMetricsTest, ExcludedDimensionsAreNoLabels) {
  start({.exclude_dimensions = {"span.name", "collector.instance.id"},
         .collector_instance_id = "here"});
  SpanText one = span_of(1), two = span_of(1);
  two.name = "other";
  count(one);
  count(two);
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].value, 2);
  EXPECT_FALSE(calls()[0].labels.has("span_name"));
  EXPECT_FALSE(calls()[0].labels.has("collector_instance_id"));
}

TEST_F(SpanMetricsTest, DimensionFromSpanThenResourceThenDefaultThenNone) {
  start({.dimensions = {{"region", "nowhere"}, {"zone", {}}}});
  SpanText with = span_of(1);
  with.attributes = {{"region", text("of-span")}};
  const testing::Attributes resource = {{"service.name", text("shop")},
                                        {"region", text("of-resource")}};
  count(resource, with);
  count(resource, span_of(1));
  count({{"service.name", text("bank")}}, span_of(1));
  std::map<std::string, double> seen;
  for (const auto& point : calls()) {
    seen[std::string(point.labels.get("region"))] += point.value;
    EXPECT_FALSE(point.labels.has("zone"));
  }
  EXPECT_EQ(seen,
            (std::map<std::string, double>{{"of-span", 1}, {"of-resource", 1}, {"nowhere", 1}}));
}

TEST_F(SpanMetricsTest, DimensionValuesOfEveryKindAreTheirText) {
  start({.dimensions = {{"x", {}}}});
  const auto with = [&](ValueView value) {
    SpanText span = span_of(1);
    span.attributes = {{"x", value}};
    count(span);
  };
  with(ValueView::of_int(200));
  with(text("200"));  // another value, the same label
  with(ValueView::of_int(-7));
  with(ValueView::of_bool(true));
  with(ValueView::of_double(0.5));
  with({.kind = model::ValueKind::kBytes, .bytes = "\x01\x02"});
  with({});  // present without a value: an empty label is an absent one
  std::map<std::string, double> seen;
  for (const auto& point : calls()) seen[std::string(point.labels.get("x"))] = point.value;
  EXPECT_EQ(seen, (std::map<std::string, double>{
                      {"200", 2}, {"-7", 1}, {"true", 1}, {"0.5", 1}, {"AQI=", 1}, {"", 1}}));
}

TEST_F(SpanMetricsTest, NamesThatCollideAfterSanitisingBecomeOneLabel) {
  start({.dimensions = {{"a.b", {}}, {"a_b", {}}, {"job", {}}, {"le", {}}, {"__name__", {}}}});
  SpanText span = span_of(1);
  span.attributes = {{"a_b", text("2")},
                     {"a.b", text("1")},
                     {"job", text("mine")},
                     {"le", text("5")},
                     {"__name__", text("x")}};
  count(span);
  const auto labels = calls().at(0).labels;
  EXPECT_EQ(labels.get("a_b"), "1;2");
  EXPECT_EQ(labels.get("job"), "shop");
  EXPECT_EQ(labels.get("exported_job"), "mine");
  EXPECT_FALSE(labels.has("le"));
  EXPECT_EQ(labels.get("exported_le"), "5");
  EXPECT_FALSE(labels.has("__name__"));
}

TEST_F(SpanMetricsTest, SpansWithoutServiceNameAreNotCounted) {
  start();
  count({{"host.name", text("a")}}, span_of(1));
  EXPECT_TRUE(metrics->collect().empty());
  EXPECT_EQ(metrics->uncounted_spans(), 1u);
  count({{"service.name", text("")}}, span_of(1));  // named, if only by nothing
  EXPECT_EQ(all_calls(), 1);
  EXPECT_EQ(metrics->uncounted_spans(), 1u);
}

TEST_F(SpanMetricsTest, TargetInfoIsOfTheLatestResource) {
  start();
  const auto resource = [](std::string_view version) {
    return testing::Attributes{{"service.name", text("shop")},
                               {"service.version", text(version)},
                               {"__name__", text("up")},
                               {"job", text("mine")},
                               {"service.instance.id", text("i")}};
  };
  count(resource("1"), span_of(1));
  count(resource("2"), span_of(1));
  const auto info = points("target_info");
  ASSERT_EQ(info.size(), 1u);
  EXPECT_EQ(info[0].labels, model::make_labels({{"exported___name__", "up"},
                                                {"exported_job", "mine"},
                                                {"instance", "i"},
                                                {"job", "shop"},
                                                {"service_version", "2"}}));
  EXPECT_EQ(info[0].value, 1);
  EXPECT_FALSE(info[0].has_time);
  EXPECT_EQ(metrics->targets(), std::vector{info[0].labels});
  EXPECT_EQ(calls().size(), 1u);
}

TEST_F(SpanMetricsTest, TargetInfoNeedsJobAndInstance) {
  start();
  count(span_of(1));
  EXPECT_TRUE(metrics->targets().empty());
  count({{"service.name", text("shop")}, {"service.instance.id", text("i")}}, span_of(1));
  EXPECT_EQ(metrics->targets(),
            std::vector{model::make_labels({{"instance", "i"}, {"job", "shop"}})});
}

TEST_F(SpanMetricsTest, SpansThatEndBeforeTheyStartLastNothing) {
  start();
  count({.start_ns = kNow, .end_ns = kNow - kMillisecond});
  count({.start_ns = kNow, .end_ns = kNow});
  EXPECT_EQ(durations().at(0).count, 2u);
  EXPECT_EQ(durations().at(0).sum, 0);
  EXPECT_EQ(durations().at(0).buckets.at(0).count, 2u);
}

TEST_F(SpanMetricsTest, BucketBoundsAreInclusive) {
  start({.buckets = {2, 4}});
  for (const uint64_t nanoseconds : {2 * kMillisecond, 2 * kMillisecond + 1, 4 * kMillisecond,
                                     4 * kMillisecond + 1, uint64_t{0}})
    count(span_of(nanoseconds));
  const auto buckets = durations().at(0).buckets;
  ASSERT_EQ(buckets.size(), 3u);
  EXPECT_EQ(buckets[0].count, 2u);  // cumulative
  EXPECT_EQ(buckets[1].count, 4u);
  EXPECT_EQ(buckets[2].count, 5u);
  EXPECT_TRUE(std::isinf(buckets[2].le));
}

TEST_F(SpanMetricsTest, Seconds) {
  start({.metrics_namespace = "", .unit = DurationUnit::kSeconds, .buckets = {0.002, 1}});
  EXPECT_EQ(metrics->calls_name(), "calls");
  EXPECT_EQ(metrics->duration_name(), "duration_seconds");
  count(span_of(2 * kMillisecond));
  EXPECT_EQ(durations().at(0).buckets[0].count, 1u);
  EXPECT_DOUBLE_EQ(durations().at(0).sum, 0.002);
  EXPECT_DOUBLE_EQ(calls().at(0).exemplar->value, 0.002);
}

TEST_F(SpanMetricsTest, WithoutHistogramOnlyCalls) {
  start({.histogram_enabled = false});
  count(span_of(1));
  EXPECT_FALSE(metrics->has_histogram());
  EXPECT_TRUE(durations().empty());
  EXPECT_TRUE(calls().at(0).exemplar);
  const auto changes = metrics->changes_since(0);
  EXPECT_EQ(changes.series.size(), 1u);
  EXPECT_TRUE(changes.bucket_counts.empty());
  EXPECT_EQ(changes.exemplars.size(), 1u);
}

TEST_F(SpanMetricsTest, ExemplarsAreTheNewestOfEachBucket) {
  start({.buckets = {2, 4}});
  count(span_of(kMillisecond, 50 * kMillisecond, 1));
  count(span_of(kMillisecond, 10 * kMillisecond, 2));
  count(span_of(kMillisecond, 90 * kMillisecond, 3));  // came last, ended first
  count(span_of(9 * kMillisecond, 30 * kMillisecond, 4));
  const auto point = durations().at(0);
  ASSERT_TRUE(point.buckets[0].exemplar);
  EXPECT_EQ(point.buckets[0].exemplar->trace_id, testing::trace_id_of(2));
  EXPECT_EQ(point.buckets[0].exemplar->span_id, testing::span_id_of(2));
  EXPECT_DOUBLE_EQ(point.buckets[0].exemplar->value, 1);
  EXPECT_EQ(point.buckets[0].exemplar->time, TimestampMs{kNowMs - 10});
  EXPECT_FALSE(point.buckets[1].exemplar);
  EXPECT_EQ(point.buckets[2].exemplar->trace_id, testing::trace_id_of(4));
  EXPECT_EQ(calls().at(0).exemplar->trace_id, testing::trace_id_of(2));
}

TEST_F(SpanMetricsTest, ExemplarsAreNeverInTheFutureNorWithoutTime) {
  start();
  count({.start_ns = kNow, .end_ns = kNow + 3'600'000 * kMillisecond});
  EXPECT_EQ(calls().at(0).exemplar->time, TimestampMs{kNowMs});
  start();
  count({.start_ns = kNow, .end_ns = 0});  // not said when: when it came
  EXPECT_EQ(calls().at(0).exemplar->time, TimestampMs{kNowMs});
}

TEST_F(SpanMetricsTest, ExemplarsCanBeOff) {
  start({.exemplars_enabled = false});
  count(span_of(1));
  EXPECT_FALSE(calls().at(0).exemplar);
  const auto point = durations().at(0);
  for (const auto& bucket : point.buckets) EXPECT_FALSE(bucket.exemplar);
  EXPECT_TRUE(metrics->changes_since(0).exemplars.empty());
}

TEST_F(SpanMetricsTest, OverflowOfAService) {
  start({.collector_instance_id = "here", .aggregation_cardinality_limit = 2});
  for (int i = 0; i < 10; ++i) {
    SpanText span = span_of(kMillisecond);
    span.name = "n" + std::to_string(i % 5);
    count(span);
  }
  count({{"service.name", text("bank")}}, span_of(1));  // has a limit of its own
  EXPECT_EQ(all_calls(), 11);
  EXPECT_EQ(metrics->overflowed_spans(), 6u);
  EXPECT_EQ(metrics->series_count(), 4u);
  const auto all = calls();
  const auto overflow =
      std::ranges::find_if(all, [](const auto& p) { return p.labels.has("otel_metric_overflow"); });
  ASSERT_NE(overflow, all.end());
  EXPECT_EQ(overflow->value, 6);
  EXPECT_EQ(overflow->labels, model::make_labels({{"job", "shop"},
                                                  {"otel_metric_overflow", "true"},
                                                  {"otel_scope_name", "spanmetricsconnector"}}));
}

TEST_F(SpanMetricsTest, OverflowOfTheConnector) {
  start({.exclude_dimensions = {"collector.instance.id"},
         .collector_instance_id = "here",
         .series_max = 3});
  for (int i = 0; i < 20; ++i)
    count(
        {{"service.name", text("s" + std::to_string(i % 10))}, {"service.instance.id", text("i")}},
        span_of(kMillisecond));
  EXPECT_EQ(all_calls(), 20);
  EXPECT_EQ(metrics->series_count(), 4u);
  EXPECT_EQ(metrics->overflowed_spans(), 14u);
  EXPECT_EQ(metrics->targets().size(), 3u);
  const auto overflow = calls().at(0);  // fewest labels
  EXPECT_EQ(overflow.value, 14);
  EXPECT_EQ(overflow.labels, model::make_labels({{"otel_metric_overflow", "true"},
                                                 {"otel_scope_name", "spanmetricsconnector"}}));
}

TEST_F(SpanMetricsTest, SeriesExpireAndStartAnew) {
  start({.metrics_expiration = std::chrono::minutes(5)});
  SpanText stays = span_of(1);
  stays.name = "stays";
  count({{"service.name", text("gone")}, {"service.instance.id", text("y")}}, span_of(1));
  count({{"service.name", text("shop")}, {"service.instance.id", text("i")}}, stays);
  clock.advance(std::chrono::minutes(3));
  count({{"service.name", text("shop")}, {"service.instance.id", text("i")}}, stays);
  EXPECT_TRUE(metrics->expire().empty());
  clock.advance(std::chrono::minutes(3));
  const auto expired = metrics->expire();
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0]->labels.get("service_name"), "gone");
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(metrics->targets().size(), 1u);
  EXPECT_EQ(metrics->series_count(), 1u);
  count({{"service.name", text("gone")}, {"service.instance.id", text("y")}}, span_of(1));
  ASSERT_EQ(calls().size(), 2u);
  const auto anew = calls()[1];  // of instance "y", after "i"
  EXPECT_EQ(anew.value, 1);      // counted from nothing, and says since when
  EXPECT_EQ(anew.created, TimestampMs{clock.now_ms().value - 1});
  EXPECT_EQ(metrics->targets().size(), 2u);
  for (const auto& series : metrics->changes_since(0).series)
    EXPECT_NE(series.identity->id, expired[0]->id);
}

TEST_F(SpanMetricsTest, AQuietSeriesOfABusyInstanceExpiresByItsOwnTime) {
  for (const auto& [options, left] :
       {std::pair{SpanMetricsOptions{.metrics_expiration = std::chrono::minutes(5)}, 2u},
        std::pair{SpanMetricsOptions{.series_expiration = std::chrono::minutes(5)}, 1u}}) {
    start(options);
    SpanText busy = span_of(1);
    busy.name = "busy";
    count(span_of(1));
    for (int i = 0; i < 3; ++i) {
      clock.advance(std::chrono::minutes(2));
      count(busy);
    }
    metrics->expire();
    EXPECT_EQ(calls().size(), left);
  }
}

TEST_F(SpanMetricsTest, CallsDurationsAndEventsHaveDimensionsOfTheirOwn) {
  start({.dimensions = {{"all", {}}},
         .calls_dimensions = {{"of.calls", {}}},
         .duration_dimensions = {{"of.duration", "none"}},
         .buckets = {2},
         .events_enabled = true,
         .event_dimensions = {{"kind", {}}}});
  BatchBuilder builder;
  SpanText span = span_of(kMillisecond);
  span.attributes = {{"all", text("a")}, {"of.calls", text("c")}};
  auto batch = builder.service("shop").span(span).finish();
  for (const std::string_view kind : {"x", "x", "y"}) {
    batch.attributes.push_back({"kind", text(kind)});
    batch.events.push_back(
        {.name = "e", .attributes = {static_cast<uint32_t>(batch.attributes.size() - 1), 1}});
  }
  batch.spans[0].events = {0, 3};
  metrics->consume(batch);
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].labels.get("of_calls"), "c");
  EXPECT_FALSE(calls()[0].labels.has("of_duration"));
  ASSERT_EQ(durations().size(), 1u);
  EXPECT_EQ(durations()[0].labels.get("of_duration"), "none");
  EXPECT_FALSE(durations()[0].labels.has("of_calls"));
  EXPECT_EQ(durations()[0].count, 1u);
  const auto events = points("traces_span_metrics_events");
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].labels.get("kind"), "x");
  EXPECT_EQ(events[0].value, 2);
  EXPECT_EQ(events[0].labels.get("all"), "a");
  EXPECT_TRUE(events[0].exemplar);
  EXPECT_EQ(metrics->changes_since(0).series.size(), 4u);
}

TEST_F(SpanMetricsTest, ExponentialHistograms) {
  start({.exponential_max_size = 160, .exemplars_per_point_max = 2});
  for (const uint64_t ms : {1, 2, 2, 1000, 60'000})
    count(span_of(ms * kMillisecond, kMillisecond, ms));
  count(span_of(0));
  const auto point = durations().at(0);
  ASSERT_TRUE(point.native);
  EXPECT_EQ(point.count, 6u);
  EXPECT_EQ(point.native->count, 6);
  EXPECT_EQ(point.native->zero_count, 1);
  EXPECT_DOUBLE_EQ(point.native->sum, 61'005);
  double in_buckets = 0;
  for (const double n : point.native->positive_buckets) in_buckets += n;
  EXPECT_EQ(in_buckets, 5);
  EXPECT_EQ(point.exemplars.size(), 2u);
  EXPECT_EQ(point.buckets.size(), 1u);
  const auto changes = metrics->changes_since(0);
  ASSERT_EQ(changes.series.size(), 1u);
  EXPECT_TRUE(changes.series[0].native);
}

TEST_F(SpanMetricsTest, SampledSpansCountForThoseTheyStandFor) {
  start({.sampling_method_label = true});
  auto batch = BatchBuilder()
                   .service("shop")
                   .span(span_of(kMillisecond))
                   .span(span_of(kMillisecond))
                   .span(span_of(kMillisecond))
                   .finish();
  batch.spans[0].trace_state = "ot=th:c";      // one of four
  batch.spans[1].trace_state = "ot=th:8,x=y";  // one of two
  batch.spans[2].trace_state = "ot=rv:1";      // no tracestate
  metrics->consume(batch);
  std::map<std::string, double> seen;
  for (const auto& point : calls())
    seen[std::string(point.labels.get("sampling_method"))] = point.value;
  EXPECT_EQ(seen, (std::map<std::string, double>{{"counted", 1}, {"extrapolated", 6}}));
  EXPECT_DOUBLE_EQ(durations().at(1).sum, 6);
}

TEST_F(SpanMetricsTest, ResourcesAlikeInTheirKeyAttributesAreOne) {
  start({.resource_key_attributes = {"service.name"}});
  for (const std::string_view instance : {"first", "second", "third"})
    count({{"service.name", text("shop")}, {"service.instance.id", text(instance)}}, span_of(1));
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].value, 3);
  EXPECT_EQ(calls()[0].labels.get("instance"), "first");
}

TEST_F(SpanMetricsTest, DroppedTracesAreNoExemplars) {
  std::vector<TraceId> told;
  start({.buckets = {2},
         .may_be_exemplar = [](const TraceId& id) { return id != testing::trace_id_of(2); },
         .note_exemplar = [&](const TraceId& id) { told.push_back(id); }});
  count(span_of(kMillisecond, kMillisecond, 1));
  count(span_of(kMillisecond, kMillisecond, 2));
  EXPECT_EQ(calls().at(0).value, 2);
  EXPECT_EQ(calls().at(0).exemplar->trace_id, testing::trace_id_of(1));
  EXPECT_FALSE(told.empty());
}

TEST_F(SpanMetricsTest, ExpiryMakesRoomAndTakesOverflowSeriesToo) {
  start({.metrics_expiration = std::chrono::seconds(1),
         .aggregation_cardinality_limit = 1,
         .series_max = 3});
  for (int i = 0; i < 6; ++i) {
    SpanText span = span_of(1);
    span.name = "n" + std::to_string(i % 3);
    count({{"service.name", text(i < 3 ? "a" : i < 5 ? "b" : "c")}}, span);
  }
  EXPECT_EQ(all_calls(), 6);
  clock.advance(std::chrono::seconds(2));
  const uint64_t before = metrics->series_count();
  EXPECT_EQ(metrics->expire().size(), before);
  EXPECT_EQ(metrics->series_count(), 0u);
  EXPECT_TRUE(metrics->collect().empty());
  count(span_of(1));
  EXPECT_EQ(all_calls(), 1);
  EXPECT_FALSE(calls()[0].labels.has("otel_metric_overflow"));
}

TEST_F(SpanMetricsTest, WithoutExpirationNothingExpires) {
  start();
  count(span_of(1));
  clock.advance(std::chrono::hours(1000));
  EXPECT_TRUE(metrics->expire().empty());
  EXPECT_EQ(all_calls(), 1);
}

TEST_F(SpanMetricsTest, ChangesAreWhatChanged) {
  start({.buckets = {2, 4}});
  SpanText other = span_of(3 * kMillisecond, kMillisecond, 2);
  other.name = "other";
  count(span_of(kMillisecond));
  count(other);
  const auto first = metrics->changes_since(0);
  EXPECT_EQ(first.series.size(), 2u);
  EXPECT_EQ(first.exemplars.size(), 4u);
  EXPECT_TRUE(metrics->changes_since(first.epoch).series.empty());
  const auto quiet = metrics->changes_since(first.epoch);
  EXPECT_TRUE(quiet.exemplars.empty());

  count(other);
  const auto second = metrics->changes_since(quiet.epoch);
  ASSERT_EQ(second.series.size(), 1u);
  EXPECT_EQ(second.series[0].identity->labels.get("span_name"), "other");
  EXPECT_EQ(second.series[0].calls, 2u);
  EXPECT_DOUBLE_EQ(second.series[0].duration_sum, 6);
  EXPECT_EQ(second.series[0].buckets_begin, 0u);
  EXPECT_EQ(second.bucket_counts, (std::vector<uint64_t>{0, 2, 2}));
  ASSERT_EQ(second.exemplars.size(), 2u);
  EXPECT_EQ(second.exemplars[0].bucket, ExemplarSnapshot::kOfCalls);
  EXPECT_EQ(second.exemplars[1].bucket, 1u);
  EXPECT_EQ(second.exemplars[1].exemplar.trace_id, testing::trace_id_of(2));
  EXPECT_EQ(metrics->changes_since(0).series.size(), 2u);  // all
  EXPECT_EQ(metrics->changes_since(first.epoch).series.size(),
            1u);  // another reader, at its own pace
}

TEST_F(SpanMetricsTest, ThreadsLoseNothing) {
  start({.dimensions = {{"x", {}}}, .buckets = {2, 4}});
  constexpr int kThreads = 4, kBatches = 50, kSpans = 20;
  std::latch go(kThreads + 1);
  std::atomic<bool> done = false;
  std::vector<std::thread> writers;
  for (int t = 0; t < kThreads; ++t)
    writers.emplace_back([&, t] {
      go.arrive_and_wait();
      for (int b = 0; b < kBatches; ++b) {
        BatchBuilder batch;
        batch.service(b % 2 == 0 ? "shared" : "own-" + std::to_string(t));
        for (int i = 0; i < kSpans; ++i) {
          SpanText span = span_of(static_cast<uint64_t>(i) * kMillisecond / 4);
          span.attributes = {{"x", ValueView::of_int(i % 5)}};
          batch.span(span);
        }
        metrics->consume(batch.finish());
      }
    });
  // A reader of changes must end up with the totals, and never see a number fall.
  std::map<uint64_t, uint64_t> latest;
  std::thread reader([&] {
    uint64_t epoch = 0;
    go.arrive_and_wait();
    for (bool last = false; !last;) {
      last = done.load();
      const auto changes = metrics->changes_since(epoch);
      epoch = changes.epoch;
      for (const auto& series : changes.series) {
        EXPECT_GE(series.calls, latest[series.identity->id]);
        latest[series.identity->id] = series.calls;
        EXPECT_EQ(changes.bucket_counts[series.buckets_begin + 2], series.calls);
      }
    }
  });
  for (auto& writer : writers) writer.join();
  done = true;
  reader.join();
  constexpr uint64_t kTotal = kThreads * kBatches * kSpans;
  EXPECT_EQ(all_calls(), kTotal);
  uint64_t read = 0;
  for (const auto& [id, n] : latest) read += n;
  EXPECT_EQ(read, kTotal);
  EXPECT_EQ(metrics->series_count(), (kThreads + 1) * 5u);
}

// Twice as many series must not take much more than twice as long: quadratic work would take four times, or a hundred.
TEST_F(SpanMetricsTest, ManySeriesTakeLinearTime) {
  const auto seconds_for = [&](int series) {
    start();
    BatchBuilder batch;
    batch.service("shop");
    for (int i = 0; i < series; ++i) {
      SpanText span = span_of(kMillisecond);
      span.name = "n" + std::to_string(i);
      batch.span(span);
    }
    const auto all = batch.finish();
    const auto began = std::chrono::steady_clock::now();
    metrics->consume(all);
    metrics->consume(all);
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_EQ(metrics->series_count(), static_cast<uint64_t>(series));
    EXPECT_EQ(metrics->changes_since(0).series.size(), static_cast<size_t>(series));
    return std::chrono::duration<double>(took).count();
  };
  const double tenth = seconds_for(10'000);
  const double whole = seconds_for(100'000);
  EXPECT_LT(whole, std::max(2.0, 40 * tenth)) << "10^4 series took " << tenth << " s";
}

TEST_F(SpanMetricsTest, ResourcesBeyondTheCacheAreStillTheSameService) {
  start({.resources_cached_max = 2});
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 5; ++i)
      count({{"service.name", text("s" + std::to_string(i))}}, span_of(1));
  ASSERT_EQ(calls().size(), 5u);
  for (const auto& point : calls()) EXPECT_EQ(point.value, 3);
}

TEST_F(SpanMetricsTest, RefusesWhatItCannotCount) {
  const auto error_of = [&](SpanMetricsOptions options) {
    auto made = SpanMetrics::create(clock, std::move(options));
    return made ? std::string("accepted") : made.error().message;
  };
  EXPECT_NE(error_of({.buckets = {2, 2}}).find("bucket 1"), std::string::npos);
  EXPECT_NE(error_of({.buckets = {2, INFINITY}}).find("not finite"), std::string::npos);
  EXPECT_NE(error_of({.dimensions = {{"a", {}}, {"a", {}}}}).find("duplicate dimension name a"),
            std::string::npos);
  EXPECT_NE(error_of({.dimensions = {{"span.name", {}}}}).find("span.name"), std::string::npos);
  EXPECT_NE(error_of({.dimensions = {{"", {}}}}).find("no name"), std::string::npos);
}

}  // namespace
}  // namespace sightline::connectors::spanmetrics
