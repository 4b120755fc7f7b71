// Deletes and snapshots of a store that goes on.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tsdb/block/block_tools.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

const Labels kA = make_labels({{"__name__", "a"}, {"job", "one"}});
const Labels kB = make_labels({{"__name__", "b"}, {"job", "two"}});
const Labels kNative = make_labels({{"__name__", "n"}, {"job", "one"}});

TsdbOptions unbounded(int64_t out_of_order_ms = 0) {
  TsdbOptions options;
  options.future_max_ms = 0;
  options.retention_time_ms = 0;
  options.out_of_order_window_ms = out_of_order_ms;
  return options;
}

Matcher named(std::string_view name) {
  return *Matcher::create(MatchOp::kEqual, "__name__", std::string(name));
}

int64_t at(int64_t minute) { return kTestStart + minute * kMinuteMs; }

// A sample, a histogram and an exemplar a minute.
void fill(TestingStore& store, int64_t from, int64_t to) {
  for (int64_t m = from; m < to; ++m) {
    auto appender = store.db().appender();
    const model::Histogram h{.schema = 1,
                             .count = static_cast<double>(m),
                             .sum = 1,
                             .positive_spans = {{0, 1}},
                             .positive_buckets = {static_cast<double>(m)}};
    ASSERT_TRUE(appender->append(*appender->series(kA), {at(m)}, static_cast<double>(m)));
    ASSERT_TRUE(appender->append(*appender->series(kB), {at(m)}, static_cast<double>(m)));
    ASSERT_TRUE(appender->append_histogram(*appender->series(kNative), {at(m)}, h));
    for (const Labels& labels : {kA, kNative})
      ASSERT_TRUE(appender->append_exemplar(
          *appender->series(labels), test_exemplar(at(m), 1, static_cast<uint8_t>(m % 250 + 1))));
    appender->set_metadata("a", {model::MetricType::kCounter, "", "Help."});
    ASSERT_TRUE(appender->commit());
  }
}

struct Held {
  size_t a, b, native, exemplars, series, names;
  friend bool operator==(const Held&, const Held&) = default;
};

Held held(TestingStore& store) {
  auto querier = store.db().querier();
  return {.a = store.read(kA).times.size(),
          .b = store.read(kB).times.size(),
          .native = store.read(kNative).histograms.size(),
          .exemplars = store.exemplars(kA).size() + store.exemplars(kNative).size(),
          .series = (*querier)->select({}, {}).value()->size(),
          .names = (*querier)->label_values("__name__", {}, {}).value().size()};
}

void expect_held(TestingStore& store, const Held& expected, const char* when) {
  SCOPED_TRACE(when);
  const Held found = held(store);
  EXPECT_EQ(found.a, expected.a);
  EXPECT_EQ(found.b, expected.b);
  EXPECT_EQ(found.native, expected.native);
  EXPECT_EQ(found.exemplars, expected.exemplars);
  EXPECT_EQ(found.series, expected.series);
  EXPECT_EQ(found.names, expected.names);
}

TEST(Deletion, IsHonouredInHeadAndBlocksAndStaysSo) {
  TestingStore store(unbounded());
  fill(store, 0, 100);
  ASSERT_TRUE(store.db().flush());
  fill(store, 100, 200);
  // From the middle of the block to the middle of the head.
  const Matcher job = *Matcher::create(MatchOp::kEqual, "job", "one");
  ASSERT_TRUE(store.db().delete_series({&job, 1}, {{at(50)}, {at(149)}}));
  const Held expected{100, 200, 100, 200, 3, 3};
  expect_held(store, expected, "at once");
  EXPECT_EQ(store.read(kA).values[50], 150);
  EXPECT_EQ(store.exemplars(kNative)[50].time.value, at(150));
  store.reopen();
  expect_held(store, expected, "after a restart");
  ASSERT_TRUE(store.db().clean_tombstones());
  expect_held(store, expected, "cleaned");
  ASSERT_TRUE(store.db().flush());
  expect_held(store, expected, "flushed");
  store.reopen();
  expect_held(store, expected, "flushed and restarted");
  size_t traces = 0;
  ASSERT_TRUE(store.db().for_each_exemplar_trace({}, [&](TraceId, TimestampMs) { ++traces; }));
  EXPECT_EQ(traces, 200u);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store.options().directory))
    EXPECT_NE(entry.path().filename(), "tombstones") << entry.path();
}

TEST(Deletion, ASeriesOfWhichNothingIsLeftIsNotFound) {
  for (const bool in_block : {false, true}) {
    TestingStore store(unbounded());
    fill(store, 0, 50);
    ASSERT_TRUE(!in_block || store.db().flush());
    const Matcher a = named("a");
    ASSERT_TRUE(store.db().delete_series({&a, 1}, {}));
    const Held expected{0, 50, 50, 50, 2, 2};
    expect_held(store, expected, "at once");
    EXPECT_EQ((*store.db().querier())->label_values("job", {&a, 1}, {})->size(), 0u);
    store.reopen();
    expect_held(store, expected, "after a restart");
    ASSERT_TRUE(store.add(kA, at(60), 7));
    EXPECT_EQ(store.read(kA).values, std::vector<double>{7}) << "what comes later is there";
    EXPECT_EQ(held(store).series, 3u);
    store.reopen();
    EXPECT_EQ(store.read(kA).values, std::vector<double>{7});
    ASSERT_TRUE(store.db().flush());
    EXPECT_EQ(store.read(kA).values, std::vector<double>{7});
  }
}

TEST(Deletion, TakesWhatWasThereBeforeAndNothingThatComesLater) {
  TestingStore store(unbounded(kHourMs));
  ASSERT_TRUE(store.add(kA, at(30), 1));
  ASSERT_TRUE(store.add(kA, at(10), 2));  // out of order
  const Matcher a = named("a");
  ASSERT_TRUE(store.db().delete_series({&a, 1}, {{at(0)}, {at(1000)}}));
  EXPECT_TRUE(store.read(kA).times.empty());
  ASSERT_TRUE(store.add(kA, at(20), 3));  // out of order, within the range, but later
  ASSERT_TRUE(store.add(kA, at(10), 5));  // where an out-of-order sample was deleted
  ASSERT_TRUE(store.add(kA, at(40), 4));
  const std::vector<double> expected{5, 3, 4};
  EXPECT_EQ(store.read(kA).values, expected);
  store.reopen();
  EXPECT_EQ(store.read(kA).values, expected);
  ASSERT_TRUE(store.db().flush());
  EXPECT_EQ(store.read(kA).values, expected);
}

TEST(Deletion, AQuerierThatBeganBeforeSeesItStill) {
  TestingStore store(unbounded());
  fill(store, 0, 50);
  ASSERT_TRUE(store.db().flush());
  fill(store, 50, 100);
  auto querier = std::move(*store.db().querier());
  const Matcher b = named("b");
  auto set = querier->select({&b, 1}, {});
  ASSERT_TRUE(store.db().delete_series({}, {}));
  SampleColumns columns;
  ASSERT_TRUE((*set)->read(0, {}, columns));
  EXPECT_EQ(columns.times.size(), 100u);
  EXPECT_EQ(held(store), (Held{0, 0, 0, 0, 0, 0}));
}

TEST(Deletion, CompactionDropsIt) {
  TestingStore store(unbounded());
  for (int64_t part = 0; part < 4; ++part) {
    fill(store, part * 120, part * 120 + 100);
    ASSERT_TRUE(store.db().flush());
  }
  const Matcher a = named("a");
  ASSERT_TRUE(store.db().delete_series({&a, 1}, {{at(0)}, {at(250)}}));
  const Held before = held(store);
  EXPECT_EQ(before.a, 400u - 200 - 11);
  store.db().maintain();
  EXPECT_EQ(held(store), before);
  uint64_t samples = 0;
  for (const BlockMeta& block : store.db().stats().blocks) samples += block.samples;
  EXPECT_EQ(samples, before.a + before.b + before.native);
  // All of it: the blocks are gone.
  ASSERT_TRUE(store.db().delete_series({}, {}));
  EXPECT_EQ(held(store), (Held{0, 0, 0, 0, 0, 0}));
  ASSERT_TRUE(store.db().clean_tombstones());
  EXPECT_TRUE(store.db().stats().blocks.empty());
  store.reopen();
  EXPECT_EQ(held(store), (Held{0, 0, 0, 0, 0, 0}));
}

TEST(Deletion, VerifyChecksTombstonesAndADamagedFileSetsTheBlockAside) {
  TestingStore store(unbounded());
  fill(store, 0, 20);
  ASSERT_TRUE(store.db().flush());
  const Matcher a = named("a");
  ASSERT_TRUE(store.db().delete_series({&a, 1}, {{at(3)}, {at(5)}}));
  const std::string name = store.db().stats().blocks.front().directory_name();
  store.close();
  const std::string file = store.path(name + "/tombstones");
  const auto bytes = *store.fs().read_all(file);
  EXPECT_TRUE(verify_block(**Block::open(store.fs(), store.path(name))));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_FALSE(Tombstones::parse(flipped)) << i;
    EXPECT_FALSE(Tombstones::parse(std::string_view(bytes).substr(0, i))) << i;
  }
  std::ofstream(file, std::ios::binary) << bytes.substr(0, bytes.size() - 1);
  store.reopen();
  EXPECT_EQ(held(store), (Held{0, 0, 0, 0, 0, 0})) << "what was deleted does not come back";
  EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_blocks_quarantined_total"), 1u);
}

// The worked example of docs/formats/tsdb_block.md.
TEST(Tombstones, WorkedExample) {
  Tombstones tombstones;
  tombstones.add(2, {1000, 2000});
  const std::string bytes = tombstones.to_bytes();
  EXPECT_EQ(bytes, std::string("SLTD\x01\0\0\0\x33\x16\x66\xa6\x01\x02\x01\xd0\x0f\xa0\x1f", 19));
  const auto parsed = Tombstones::parse(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(is_deleted(parsed->of(2), 1000, 2000));
  EXPECT_TRUE(parsed->of(1).empty());
}

TEST(DeletedRanges, JoinAndCover) {
  DeletedRanges ranges;
  add_range(ranges, {10, 20});
  add_range(ranges, {30, 40});
  add_range(ranges, {21, 25});  // touches
  EXPECT_EQ(ranges, (DeletedRanges{{10, 25}, {30, 40}}));
  add_range(ranges, {INT64_MIN, 5});
  add_range(ranges, {24, 31});
  EXPECT_EQ(ranges, (DeletedRanges{{INT64_MIN, 5}, {10, 40}}));
  EXPECT_TRUE(is_deleted(ranges, 10, 40));
  EXPECT_FALSE(is_deleted(ranges, 5, 10));
  EXPECT_FALSE(is_deleted(ranges, 9));
  add_range(ranges, {0, INT64_MAX});
  EXPECT_EQ(ranges, (DeletedRanges{{INT64_MIN, INT64_MAX}}));
}

TEST(Snapshot, IsADataDirectoryOfItsOwn) {
  TestingStore store(unbounded());
  fill(store, 0, 100);
  ASSERT_TRUE(store.db().flush());
  fill(store, 100, 150);
  const Matcher b = named("b");
  ASSERT_TRUE(store.db().delete_series({&b, 1}, {{at(50)}, {at(120)}}));
  const Held expected = held(store);
  const auto with = store.db().write_snapshot(Tsdb::SnapshotHead::kWithHead);
  ASSERT_TRUE(with) << with.error().message;
  const auto without = store.db().write_snapshot(Tsdb::SnapshotHead::kWithoutHead);
  ASSERT_TRUE(without);
  EXPECT_EQ(with->size(), std::string("20261124T015531Z-0ede55745380a8d2").size());
  EXPECT_EQ(held(store), expected);
  fill(store, 150, 160);
  ASSERT_TRUE(store.db().delete_series({}, {}));  // leaves the snapshots as they are
  ASSERT_TRUE(store.db().clean_tombstones());
  store.close();
  const std::string original = store.options().directory;
  store.options().directory = original + "/snapshots/" + *with + "/metrics";
  store.reopen();
  EXPECT_EQ(held(store), expected);
  EXPECT_EQ((*store.db().querier())->metadata("a").at("a").help, "Help.");
  store.close();
  {
    auto closed = ClosedStore::open(store.fs(), store.options().directory);
    const auto entries = (*closed)->blocks();
    for (const auto& entry : *entries) {
      ASSERT_NE(entry.block, nullptr);
      EXPECT_TRUE(verify_block(*entry.block));
    }
  }
  store.options().directory = original + "/snapshots/" + *without + "/metrics";
  store.reopen();
  EXPECT_EQ(store.read(kA).times.size(), 100u);
  EXPECT_EQ(store.read(kB).times.size(), 50u);
}

}  // namespace
}  // namespace sightline::tsdb
