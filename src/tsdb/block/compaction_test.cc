// What blocks are made of: sealed chunks taken as they are, groups coded anew, groups copied.
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::make_labels;

struct Feed {
  model::Labels labels;
  int64_t from = 0;
  int64_t to = std::numeric_limits<int64_t>::max();
  int64_t pause_from = 0;  // of every half hour
  int64_t offset = 0;      // of its timestamps
  double value = 0;
  std::map<int64_t, double> samples;
};

// Pods of a histogram and a gauge with decimals; some series come later, some end early, one is out of step.
std::vector<Feed> make_feeds() {
  std::vector<Feed> feeds;
  for (const char* pod : {"a", "b", "c"}) {
    for (const char* le : {"0.1", "1.0", "+Inf"})
      feeds.push_back(
          {.labels = make_labels({{"__name__", "seconds_bucket"}, {"pod", pod}, {"le", le}})});
    feeds.push_back({.labels = make_labels({{"__name__", "seconds_count"}, {"pod", pod}})});
    feeds.push_back({.labels = make_labels({{"__name__", "ratio"}, {"pod", pod}})});
  }
  feeds.push_back({.labels = make_labels({{"__name__", "later"}, {"pod", "a"}}),
                   .from = kTestStart + 5 * kHourMs});
  for (const int64_t minutes : {7, 130, 400})
    feeds.push_back({.labels = make_labels({{"__name__", "ends"}, {"at", std::to_string(minutes)}}),
                     .to = kTestStart + minutes * kMinuteMs});
  // Their times begin as those of the others do in each window of the head, and are fewer.
  for (const int64_t minutes : {20, 29})
    feeds.push_back(
        {.labels = make_labels({{"__name__", "pauses"}, {"at", std::to_string(minutes)}}),
         .pause_from = minutes * kMinuteMs});
  feeds.push_back({.labels = make_labels({{"__name__", "alone"}}), .offset = 7});
  return feeds;
}

void scrape(TestingStore& store, std::vector<Feed>& feeds, int64_t time, Random& random) {
  auto appender = store.db().appender();
  for (Feed& feed : feeds) {
    if (time < feed.from || time >= feed.to) continue;
    if (feed.pause_from > 0 && time % (30 * kMinuteMs) >= feed.pause_from) continue;
    if (feed.labels.metric_name() == "ratio")
      feed.value = static_cast<double>(random.below(1'000)) / 1'000;
    else
      feed.value += static_cast<double>(random.below(4));
    const int64_t at = time + feed.offset;
    ASSERT_TRUE(appender->append(*appender->series(feed.labels), {at}, feed.value));
    feed.samples[at] = feed.value;
  }
  ASSERT_TRUE(appender->commit());
}

void expect_everything(TestingStore& store, const std::vector<Feed>& feeds) {
  for (const Feed& feed : feeds) {
    SCOPED_TRACE(feed.labels.to_string());
    const SampleColumns columns = store.read(feed.labels);
    std::map<int64_t, double> read;
    for (size_t i = 0; i < columns.times.size(); ++i) read[columns.times[i]] = columns.values[i];
    EXPECT_EQ(read, feed.samples);
  }
}

TEST(Compaction, EveryWayABlockIsMadeKeepsEverySample) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  TestingStore store;
  std::vector<Feed> feeds = make_feeds();
  uint32_t level = 0;
  for (int64_t time = kTestStart; time < kTestStart + 15 * kHourMs; time += 15'000) {
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(time) * 1'000'000});
    scrape(store, feeds, time, random);
    if (time % (20 * kMinuteMs) == 0) store.db().maintain();
    if (time % (3 * kHourMs) == 0) expect_everything(store, feeds);
  }
  store.db().maintain();
  expect_everything(store, feeds);
  for (const BlockMeta& block : store.db().stats().blocks) level = std::max(level, block.level);
  EXPECT_GE(level, 3u) << "blocks of two hours were merged";
  store.reopen();
  expect_everything(store, feeds);
}

}  // namespace
}  // namespace sightline::tsdb
