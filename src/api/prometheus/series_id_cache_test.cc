#include "api/prometheus/series_id_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"

namespace sightline::api::prometheus {
namespace {

std::string name_of(uint64_t series) {
  return std::string(series % 7 + 1, 'n') + std::to_string(series);
}

// Sends the series in this order; every one that is known must be the right one.
void send(SeriesIdCache& cache, uint8_t kind, const std::vector<uint64_t>& order) {
  SeriesIdCache::Session session(cache, kind);
  for (const uint64_t series : order) {
    const std::string name = name_of(series);
    if (session.expected_bytes() == name.size() && session.recognizes(name)) {
      const auto found = session.find(name);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->value, series + kind * 1'000);
      continue;
    }
    if (const auto found = session.find(name))
      EXPECT_EQ(found->value, series + kind * 1'000);
    else
      session.keep(name, {series + kind * 1'000});
  }
}

TEST(SeriesIdCache, FindsWhatWasKeptInWhateverOrderItComes) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  SeriesIdCache cache;
  std::vector<uint64_t> order;
  for (uint64_t i = 0; i < 200; ++i) order.push_back(i);
  for (int round = 0; round < 50; ++round) {
    send(cache, static_cast<uint8_t>(round % 2), order);
    if (::testing::Test::HasFatalFailure()) return;
    if (round % 5 == 4) std::swap(order[random.below(200)], order[random.below(200)]);
    if (round % 7 == 6) order.push_back(200 + static_cast<uint64_t>(round));
  }
}

TEST(SeriesIdCache, TheSameOrderIsForeseen) {
  SeriesIdCache cache;
  const std::vector<uint64_t> order = {5, 3, 9, 1, 7};
  send(cache, 0, order);
  SeriesIdCache::Session session(cache, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const std::string name = name_of(order[i]);
    EXPECT_EQ(session.expected_bytes(), name.size());
    EXPECT_TRUE(session.recognizes(name));
    ASSERT_TRUE(session.find(name));
    std::array<tsdb::SeriesId, 8> room;
    const auto upcoming = session.upcoming(room);
    ASSERT_EQ(upcoming.size(), order.size() - i);
    for (size_t k = 0; k < upcoming.size(); ++k) EXPECT_EQ(upcoming[k].value, order[i + k]);
  }
  EXPECT_EQ(session.expected_bytes(), 0u) << "nothing came after the last";
  EXPECT_FALSE(session.find(name_of(4)));
}

TEST(SeriesIdCache, KindsAreTwoWorlds) {
  SeriesIdCache cache;
  send(cache, 0, {1, 2});
  SeriesIdCache::Session session(cache, 1);
  EXPECT_FALSE(session.find(name_of(1)));
}

TEST(SeriesIdCache, ALaterIdReplacesTheFirst) {
  SeriesIdCache cache;
  send(cache, 0, {1, 2, 3});
  {
    SeriesIdCache::Session session(cache, 0);
    ASSERT_TRUE(session.find(name_of(2)));
    session.keep(name_of(2), {77});
  }
  SeriesIdCache::Session session(cache, 0);
  EXPECT_EQ(session.find(name_of(2))->value, 77u);
}

}  // namespace
}  // namespace sightline::api::prometheus
