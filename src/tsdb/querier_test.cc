#include "tsdb/querier.h"

#include <gtest/gtest.h>

#include "model/sample.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

constexpr size_t kSeries = 5'000;

void add_series(TestingStore& store, int64_t time) {
  auto appender = store.db().appender();
  for (size_t i = 0; i < kSeries; ++i) {
    const auto id = appender->series(model::make_labels(
        {{"__name__", "m"}, {"i", "value-" + std::to_string(i * 7 % kSeries)}, {"zone", "a"}}));
    ASSERT_TRUE(id);
    ASSERT_TRUE(appender->append(*id, {time}, 1));
  }
  ASSERT_TRUE(appender->commit());
}

// How often a querier asks, and when it is told to stop.
struct Asking {
  size_t count = 0;
  size_t stop_at = SIZE_MAX;
  StillWanted wanted() {
    return [this]() -> Status {
      if (++count >= stop_at) return fail(Errc::kCancelled, "no longer");
      return {};
    };
  }
};

TEST(Querier, WhatIsNoLongerWantedIsGivenUp) {
  TestingStore store({.future_max_ms = 0});
  add_series(store, kTestStart);
  ASSERT_TRUE(store.db().flush());
  add_series(store, kTestStart + kHourMs);  // the head and a block have all of them
  const std::vector<Matcher> matchers = {*Matcher::create(MatchOp::kRegex, "i", "v.*"),
                                         *Matcher::create(MatchOp::kNotRegex, "i", ".*x")};
  using Look = std::function<Status(const Querier&)>;
  const auto failed = [](const auto& result) -> Status {
    if (result) return {};
    return std::unexpected(result.error());
  };
  const Look looks[] = {
      [&](const Querier& querier) { return failed(querier.select(matchers, {})); },
      [&](const Querier& querier) { return failed(querier.label_names(matchers, {})); },
      [&](const Querier& querier) { return failed(querier.label_values("i", matchers, {})); }};
  for (const Look& look : looks) {
    Asking whole;
    EXPECT_TRUE(look(**store.db().querier(whole.wanted())));
    EXPECT_GT(whole.count, kSeries / 1024 * 4);
    for (size_t stop_at = 1; stop_at <= whole.count; ++stop_at) {
      Asking asking{.stop_at = stop_at};
      const Status status = look(**store.db().querier(asking.wanted()));
      ASSERT_FALSE(status) << stop_at;
      EXPECT_EQ(status.error().code, Errc::kCancelled);
      EXPECT_EQ(status.error().message, "no longer");
      EXPECT_EQ(asking.count, stop_at) << "it went on";
    }
  }
}

// The head remembers the order of series that many queries found; some come and go meanwhile.
TEST(Querier, SeriesAreInOrderOfLabelsHoweverMany) {
  TestingStore store({.future_max_ms = 0});
  add_series(store, kTestStart);
  const auto expect_sorted = [&](std::string_view regex, size_t count) {
    const auto matcher = *Matcher::create(MatchOp::kRegex, "i", std::string(regex));
    const auto querier = *store.db().querier();
    const auto set = *querier->select({&matcher, 1}, {});
    ASSERT_EQ(set->size(), count) << regex;
    for (size_t i = 1; i < count; ++i) ASSERT_LT(set->labels(i - 1), set->labels(i)) << regex;
  };
  for (int round = 0; round < 3; ++round) {
    expect_sorted(".*", kSeries + 100 * static_cast<size_t>(round));
    expect_sorted("value-1.*", 1'111);
    expect_sorted("value-123.*", 11);
    for (int i = 0; i < 100; ++i)
      ASSERT_TRUE(store.add(
          model::make_labels(
              {{"__name__", "m"}, {"i", std::to_string(i)}, {"round", std::to_string(round)}}),
          kTestStart, 1));
  }
}

TEST(Querier, PresenceTellsOfTheSameTimesAndStaleMarkers) {
  TestingStore store({.future_max_ms = 0});
  constexpr int kSamples = 1'000;
  const double steps[] = {1, 0.25, 1e-9, 0};  // integers, decimals, neither, all the same
  for (const bool flushed : {true, false}) {
    const int64_t start = kTestStart + (flushed ? 0 : 6 * kHourMs);
    for (int i = 0; i < kSamples; ++i) {
      auto appender = store.db().appender();
      for (size_t s = 0; s < std::size(steps); ++s) {
        const auto id =
            appender->series(model::make_labels({{"__name__", "m"}, {"s", std::to_string(s)}}));
        const double value = i % 301 == 300 ? model::stale_marker() : 3 + i * i % 17 * steps[s];
        ASSERT_TRUE(appender->append(*id, {start + i * 15'000}, value));
      }
      ASSERT_TRUE(appender->commit());
    }
    if (flushed) {
      ASSERT_TRUE(store.db().flush());
    }
  }
  const auto querier = *store.db().querier();
  const auto set = *querier->select({}, {});
  ASSERT_EQ(set->size(), std::size(steps));
  for (const TimeRange range :
       {TimeRange{}, TimeRange{{kTestStart + 7'000'000}, {kTestStart + 6 * kHourMs + 1'000'000}}})
    for (size_t s = 0; s < set->size(); ++s) {
      SampleColumns whole;
      SampleColumns presence;
      ASSERT_TRUE(set->read(s, range, whole));
      ASSERT_TRUE(set->read_presence(s, range, presence));
      ASSERT_GT(whole.times.size(), 500u);
      EXPECT_EQ(presence.times, whole.times);
      ASSERT_EQ(presence.values.size(), whole.values.size());
      for (size_t i = 0; i < whole.values.size(); ++i)
        ASSERT_EQ(model::is_stale_marker(presence.values[i]),
                  model::is_stale_marker(whole.values[i]))
            << s << " " << i;
    }
}

}  // namespace
}  // namespace sightline::tsdb
