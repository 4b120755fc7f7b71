#include "tsdb/tsdb.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

Labels named(std::string_view name, std::string_view job = "a") {
  return make_labels({{"__name__", name}, {"job", job}});
}

TsdbOptions unbounded() {
  TsdbOptions options;
  options.future_max_ms = 0;
  return options;
}

TEST(Tsdb, SurvivesRestartFromTheLog) {
  TestingStore store;
  const Labels up = named("up");
  ASSERT_TRUE(store.add(up, kTestStart, 1));
  ASSERT_TRUE(store.add(up, kTestStart + 15'000, model::stale_marker()));
  ASSERT_TRUE(store.add_exemplar(up, test_exemplar(kTestStart + 1, 0.5, 7)));
  for (int round = 0; round < 3; ++round) {
    const SampleColumns columns = store.read(up);
    ASSERT_EQ(columns.times, (std::vector<int64_t>{kTestStart, kTestStart + 15'000}));
    EXPECT_EQ(columns.values[0], 1);
    EXPECT_TRUE(model::is_stale_marker(columns.values[1]));
    ASSERT_EQ(store.exemplars(up).size(), 1u);
    EXPECT_EQ(store.exemplars(up)[0], test_exemplar(kTestStart + 1, 0.5, 7));
    store.reopen();
  }
}

TEST(Tsdb, NothingIsVisibleBeforeCommitOrAfterRollback) {
  TestingStore store;
  auto appender = store.db().appender();
  const auto id = appender->series(named("x"));
  ASSERT_TRUE(id && appender->append(*id, {kTestStart}, 1));
  EXPECT_TRUE((*store.db().querier())->select({}, {}).value()->size() == 0);
  appender->rollback();
  EXPECT_TRUE(store.read(named("x")).times.empty());
  ASSERT_TRUE(appender->append(*id, {kTestStart}, 2));
  ASSERT_TRUE(appender->commit());
  EXPECT_EQ(store.read(named("x")).values, std::vector<double>{2});
}

TEST(Tsdb, SeriesNamedAndNeverWrittenAreForgotten) {
  TestingStore store;
  for (int i = 0; i < 100; ++i) (void)store.db().appender()->series(named("x", std::to_string(i)));
  auto open = store.db().appender();
  const auto id = open->series(named("kept"));
  store.db().maintain();
  store.db().maintain();
  EXPECT_TRUE(store.telemetry().text().find("prometheus_tsdb_head_series 1\n") !=
              std::string::npos);
  ASSERT_TRUE(open->append(*id, {kTestStart}, 1));
  ASSERT_TRUE(open->commit());
  EXPECT_EQ(store.read(named("kept")).values, std::vector<double>{1});
}

TEST(Tsdb, MaintenanceIsDueOnceAWindowCanBeCutOrBlocksJoined) {
  TestingStore store(unbounded());
  EXPECT_FALSE(store.db().is_maintenance_due());
  const int64_t window = store.db().options().head_window_ms;
  ASSERT_TRUE(store.add(named("x"), kTestStart, 1));
  ASSERT_TRUE(store.add(named("x"), kTestStart + window, 2));
  EXPECT_FALSE(store.db().is_maintenance_due()) << "late samples of the first window may come";
  size_t cut = 0;
  for (int64_t time = window + window / 2; time < 6 * window; time += window / 2) {
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(kTestStart + time) * 1'000'000});
    ASSERT_TRUE(store.add(named("x"), kTestStart + time, 3));
    if (!store.db().is_maintenance_due()) continue;
    ++cut;
    store.db().maintain();
    EXPECT_FALSE(store.db().is_maintenance_due());
  }
  EXPECT_EQ(cut, 5u);
  EXPECT_EQ(store.db().stats().blocks.size(), 2u) << "four windows in one, and the fifth";
}

TEST(Tsdb, OldSamplesThatKeepComingAreCutWithTheirWindowNotByTheClock) {
  TestingStore store(unbounded());
  const int64_t window = store.db().options().head_window_ms;
  int64_t now = kTestStart + 10 * kHourMs;
  const auto pass = [&](int64_t time) {
    now += time;
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(now) * 1'000'000});
  };
  pass(0);
  ASSERT_TRUE(store.add(named("x"), kTestStart, 1));
  ASSERT_TRUE(store.add(named("slower"), kTestStart, 1));
  ASSERT_TRUE(store.add(named("x"), kTestStart + window, 1));
  store.db().maintain();
  EXPECT_TRUE(store.db().stats().blocks.empty()) << "the slower one is still on its way";
  ASSERT_TRUE(store.add(named("slower"), kTestStart + window, 1));
  EXPECT_EQ(store.telemetry().counter_total("prometheus_tsdb_out_of_order_samples_total"), 0u);
  pass(window);
  EXPECT_FALSE(store.db().is_maintenance_due());
  pass(window / 2);
  EXPECT_TRUE(store.db().is_maintenance_due()) << "nothing came for long enough";
  store.db().maintain();
  EXPECT_EQ(store.db().stats().blocks.size(), 2u);
}

TEST(Tsdb, ExemplarHookAndOrder) {
  TsdbOptions options;
  std::vector<TraceId> announced;
  options.on_exemplar = [&](TraceId id) { announced.push_back(id); };
  TestingStore store(options);
  const Labels x = named("x");
  ASSERT_TRUE(store.add_exemplar(x, test_exemplar(kTestStart, 1, 1)));
  ASSERT_TRUE(store.add_exemplar(x, test_exemplar(kTestStart, 1, 1)))
      << "a repetition is accepted and ignored";
  ASSERT_TRUE(store.add_exemplar(x, test_exemplar(kTestStart + 5, 1, 2)));
  const auto late = store.add_exemplar(x, test_exemplar(kTestStart + 1, 1, 3));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::kOutOfRange);
  model::Exemplar old = test_exemplar(kTestStart + 6, 1, 0);
  old.trace_id = {};
  old.labels = make_labels({{"traceID", "0af7651916cd43dd8448eb211c80319c"}});
  ASSERT_TRUE(store.add_exemplar(x, old));
  EXPECT_EQ(announced.size(), 3u);
  EXPECT_EQ(store.exemplars(x).size(), 3u);
  EXPECT_EQ(store.telemetry().counter_total("prometheus_tsdb_exemplar_exemplars_appended_total"),
            3u);
  EXPECT_EQ(
      store.telemetry().counter_total("prometheus_tsdb_exemplar_out_of_order_exemplars_total"), 1u);
  // Newer than every sample, and there all the same.
  ASSERT_TRUE(store.add(x, kTestStart, 1));
  EXPECT_EQ(store.exemplars(x, {{kTestStart + 6}, {kTestStart + 6}}).size(), 1u);
  size_t traces = 0;
  ASSERT_TRUE(store.db().for_each_exemplar_trace({{kTestStart + 1}, {kTestStart + 6}},
                                                 [&](TraceId, TimestampMs) { ++traces; }));
  EXPECT_EQ(traces, 2u);
}

TEST(Tsdb, OrderDuplicatesAndBoundsAnswerInThePeersWords) {
  TestingStore store;
  const Labels x = named("x");
  ASSERT_TRUE(store.add(x, kTestStart, 1));
  EXPECT_TRUE(store.add(x, kTestStart, 1)) << "an equal sample is accepted and ignored";
  const auto duplicate = store.add(x, kTestStart, 2);
  ASSERT_FALSE(duplicate);
  EXPECT_EQ(duplicate.error().code, Errc::kAlreadyExists);
  EXPECT_TRUE(duplicate.error().message.starts_with("duplicate sample for timestamp"));
  const auto order = store.add(x, kTestStart - 1, 2);
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().code, Errc::kOutOfRange);
  EXPECT_TRUE(order.error().message.starts_with("out of order sample"));
  EXPECT_TRUE(
      store.add(x, kTestStart - 2 * kHourMs, 2).error().message.starts_with("out of bounds"));
  EXPECT_TRUE(
      store.add(x, kTestStart + 11 * kMinuteMs, 2).error().message.starts_with("out of bounds"));
  EXPECT_EQ(store.telemetry().counter_total("prometheus_tsdb_out_of_order_samples_total"), 1u);
  EXPECT_EQ(store.telemetry().counter_total("prometheus_tsdb_out_of_bound_samples_total"), 2u);
  EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_duplicate_samples_total"), 1u);
}

TEST(Tsdb, OutOfOrderWindowTakesLateSamples) {
  TsdbOptions options = unbounded();
  options.out_of_order_window_ms = kHourMs;
  TestingStore store(options);
  const Labels x = named("x");
  ASSERT_TRUE(store.add(x, kTestStart, 3));
  ASSERT_TRUE(store.add(x, kTestStart - 30 * kMinuteMs, 1));
  ASSERT_TRUE(store.add(x, kTestStart - 10 * kMinuteMs, 2));
  EXPECT_TRUE(
      store.add(x, kTestStart - 2 * kHourMs, 0).error().message.starts_with("too old sample"));
  EXPECT_EQ(store.read(x).values, (std::vector<double>{1, 2, 3}));
  store.reopen();
  EXPECT_EQ(store.read(x).values, (std::vector<double>{1, 2, 3}));
  ASSERT_TRUE(store.db().flush());
  EXPECT_EQ(store.read(x).values, (std::vector<double>{1, 2, 3}));
}

TEST(Tsdb, BlocksAreCutCompactedAndRetired) {
  TsdbOptions options;
  options.retention_time_ms = 20 * kDayMs;
  options.future_max_ms = 0;
  TestingStore store(options);
  const Labels x = named("x");
  const Labels gone = named("gone");
  ASSERT_TRUE(store.add(gone, kTestStart, 9));
  size_t count = 0;
  for (int64_t t = 0; t < 2 * kDayMs; t += kMinuteMs, ++count) {
    ASSERT_TRUE(store.add(x, kTestStart + t, static_cast<double>(t)));
    if (t % (10 * kMinuteMs) == 0) {
      ASSERT_TRUE(
          store.add_exemplar(x, test_exemplar(kTestStart + t, 1, static_cast<uint8_t>(count))));
      store.clock().set_wall(TimestampNs{static_cast<uint64_t>(kTestStart + t) * 1'000'000});
      store.db().maintain();
    }
  }
  const auto check = [&] {
    const SampleColumns columns = store.read(x);
    ASSERT_EQ(columns.times.size(), count);
    for (size_t i = 0; i < count; ++i)
      ASSERT_EQ(columns.values[i], static_cast<double>(columns.times[i] - kTestStart));
    EXPECT_EQ(store.exemplars(x).size(), (count + 9) / 10);
    EXPECT_EQ(store.read(gone).values, std::vector<double>{9});
  };
  check();
  const TsdbStats stats = store.db().stats();
  EXPECT_LT(stats.blocks.size(), 12u);
  EXPECT_GT(stats.blocks.front().level, 1u);
  EXPECT_EQ(stats.head.series, 1u) << "a series without samples leaves the head";
  EXPECT_LT(store.db().stats().wal_bytes, 1u << 20);
  store.reopen();
  check();
  size_t traces = 0;
  ASSERT_TRUE(store.db().for_each_exemplar_trace({}, [&](TraceId, TimestampMs) { ++traces; }));
  EXPECT_EQ(traces, (count + 9) / 10);

  // Twenty more days on, the old blocks go.
  ASSERT_TRUE(store.add(x, kTestStart + 21 * kDayMs, 1));
  store.clock().set_wall(TimestampNs{static_cast<uint64_t>(kTestStart + 21 * kDayMs) * 1'000'000});
  store.db().maintain();
  const SampleColumns rest = store.read(x);
  EXPECT_LT(rest.times.size(), count);
  EXPECT_GT(rest.times.front(), kTestStart);
  EXPECT_TRUE(store.read(gone).times.empty());
}

TEST(Tsdb, TheOldestBlocksGoWhenAllIsOverTheSize) {
  TsdbOptions options;
  options.retention_time_ms = 0;
  options.retention_bytes = 24'000;
  options.future_max_ms = 0;
  options.wal_segment_bytes_max = 4'000;
  TestingStore store(options);
  const Labels x = named("x");
  uint64_t most = 0;
  int64_t time = kTestStart;
  for (int i = 0; i < 6'000; ++i, time += kMinuteMs) {
    ASSERT_TRUE(store.add(x, time, std::sin(i)));  // takes eight bytes
    if (i % 20 != 0) continue;
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(time) * 1'000'000});
    store.db().maintain();
    const TsdbStats stats = store.db().stats();
    most = std::max(most, stats.bytes_on_disk);
    ASSERT_TRUE(stats.blocks.empty() || stats.bytes_on_disk <= options.retention_bytes + 1'000);
  }
  EXPECT_GT(most, options.retention_bytes / 2) << "no more was deleted than had to be";
  EXPECT_GT(store.telemetry().counter_total("prometheus_tsdb_size_retentions_total"), 0u);
  const SampleColumns columns = store.read(x);
  ASSERT_GT(columns.times.size(), 1'000u);
  EXPECT_EQ(columns.times.back(), time - kMinuteMs);
  EXPECT_EQ(columns.times.size(),
            static_cast<size_t>((columns.times.back() - columns.times.front()) / kMinuteMs) + 1)
      << "only from the old end";
  store.reopen();
  EXPECT_EQ(store.read(x).times, columns.times);
}

TEST(Tsdb, AQuerierKeepsItsSnapshot) {
  TestingStore store(unbounded());
  const Labels x = named("x");
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(store.add(x, kTestStart + i * 1000, i));
  auto querier = std::move(*store.db().querier());
  for (int i = 200; i < 600; ++i) ASSERT_TRUE(store.add(x, kTestStart + i * 1000, i));
  ASSERT_TRUE(store.db().flush());
  for (int i = 600; i < 700; ++i) ASSERT_TRUE(store.add(x, kTestStart + i * 1000, i));
  store.db().maintain();
  auto set = querier->select({}, {});
  SampleColumns columns;
  ASSERT_TRUE((*set)->read(0, {}, columns));
  EXPECT_EQ(columns.times.size(), 200u);
  EXPECT_EQ(store.read(x).times.size(), 700u);
  EXPECT_FALSE(store.db().flush()) << "the head cannot forget what the querier still reads";
  set->reset();
  querier.reset();
  EXPECT_TRUE(store.db().flush());
  EXPECT_EQ(store.read(x).times.size(), 700u);
}

TEST(Tsdb, MetadataHistogramsAndCreatedSurviveEverything) {
  TestingStore store(unbounded());
  const Labels x = named("x");
  const Labels h = named("h");
  model::Histogram histogram{
      .schema = 3, .count = 7, .sum = 2.5, .positive_spans = {{1, 2}}, .positive_buckets = {3, 4}};
  {
    auto appender = store.db().appender();
    ASSERT_TRUE(
        appender->append(*appender->series(x), {kTestStart}, 5, TimestampMs{kTestStart - 1000}));
    ASSERT_TRUE(
        appender->append_histogram(*appender->series(h), {kTestStart}, histogram, TimestampMs{42}));
    appender->set_metadata("x", {model::MetricType::kCounter, "seconds", "Help."});
    ASSERT_TRUE(appender->commit());
  }
  const auto check = [&] {
    EXPECT_EQ(store.read(x).created, std::vector<int64_t>{kTestStart - 1000});
    const SampleColumns columns = store.read(h);
    ASSERT_EQ(columns.histograms.size(), 1u);
    EXPECT_EQ(*columns.histograms[0], histogram);
    EXPECT_EQ(columns.histogram_created, std::vector<int64_t>{42});
    const auto metadata = (*store.db().querier())->metadata("x");
    ASSERT_EQ(metadata.size(), 1u);
    EXPECT_EQ(metadata.at("x"),
              (model::MetricMetadata{model::MetricType::kCounter, "seconds", "Help."}));
  };
  check();
  store.reopen();
  check();
  ASSERT_TRUE(store.db().flush());
  check();
  store.reopen();
  check();
}

TEST(Tsdb, SecondOpenerIsRefused) {
  TestingStore store;
  const auto second = Tsdb::open(store.fs(), store.clock(), store.telemetry(), store.options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
}

TEST(Tsdb, LimitsRefuseAndCount) {
  TsdbOptions options;
  options.limits.series_active_max = 2;
  options.limits.label_value_bytes_max = 100;
  options.limits.label_name_bytes_max = 50;
  options.limits.labels_per_series_max = 3;
  options.limits.commit_items_max = 2;
  options.limits.exemplar_label_bytes_max = 20;
  options.limits.metadata_bytes_max = 10;
  TestingStore store(options);
  EXPECT_TRUE(store.add(named("a"), kTestStart, 1));
  EXPECT_TRUE(store.add(named("b"), kTestStart, 1));
  const auto expect = [&](const Labels& labels, Errc code, const char* reason) {
    EXPECT_EQ(store.add(labels, kTestStart, 1).error().code, code) << reason;
    const std::string line =
        "sightline_tsdb_series_refused_total{reason=\"" + std::string(reason) + "\"} 1\n";
    EXPECT_NE(store.telemetry().text().find(line), std::string::npos) << line;
  };
  expect(named("c"), Errc::kResourceExhausted, "series_active_max");
  expect(named(std::string(101, 'x')), Errc::kInvalidArgument, "label_value_bytes_max");
  expect(make_labels({{"__name__", "x"}, {std::string(51, 'n'), "v"}}), Errc::kInvalidArgument,
         "label_name_bytes_max");
  expect(make_labels({{"__name__", "x"}, {"a", "1"}, {"b", "1"}, {"c", "1"}}),
         Errc::kInvalidArgument, "labels_per_series_max");
  expect(named("\xff"), Errc::kInvalidArgument, "labels");
  EXPECT_EQ(store.add({}, kTestStart, 1).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_series_refused_total"), 6u);

  auto appender = store.db().appender();
  const auto id = *appender->series(named("a"));
  model::Exemplar wide = test_exemplar(kTestStart, 1, 1);
  wide.labels = make_labels({{"k", std::string(30, 'v')}});
  EXPECT_EQ(appender->append_exemplar(id, wide).error().code, Errc::kInvalidArgument);
  EXPECT_TRUE(appender->append(id, {kTestStart + 1}, 1));
  EXPECT_TRUE(appender->append(id, {kTestStart + 2}, 1));
  EXPECT_EQ(appender->append(id, {kTestStart + 3}, 1).error().code, Errc::kInvalidArgument)
      << "not asked for again";
  appender->set_metadata("a", {model::MetricType::kGauge, "", std::string(11, 'h')});
  EXPECT_TRUE(appender->commit());
  EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_items_refused_total"), 2u);
  EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_metadata_refused_total"), 1u);
  EXPECT_EQ(store.read(named("a")).times.size(), 3u);
}

}  // namespace
}  // namespace sightline::tsdb
