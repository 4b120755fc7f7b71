#include "api/prometheus/exemplar_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace sightline::api::prometheus {
namespace {

using ::testing::ElementsAre;

std::vector<ExemplarCandidate> candidates(
    std::initializer_list<std::pair<int64_t, double>> points) {
  std::vector<ExemplarCandidate> out;
  for (const auto& [time, value] : points)
    out.push_back({.exemplar = {.value = value, .time = {time}}});
  return out;
}

std::vector<int64_t> times(const std::vector<ExemplarCandidate>& candidates) {
  std::vector<int64_t> out;
  for (const auto& candidate : candidates) out.push_back(candidate.exemplar.time.value);
  return out;
}

TEST(ExemplarChoice, SpreadTakesOneOfEachStretchAndTheLargestOfIt) {
  auto all = candidates({{0, 1}, {10, 5}, {20, 2}, {500, 1}, {990, 3}, {1000, 9}});
  choose_exemplars(all, 3, ExemplarStrategy::kSpread);
  EXPECT_THAT(times(all), ElementsAre(10, 500, 1000));
  auto crowded = candidates({{0, 1}, {1, 5}, {2, 2}, {1000, 1}});
  choose_exemplars(
      crowded, 3,
      ExemplarStrategy::kSpread);  // nothing in the middle: the largest left takes its place
  EXPECT_THAT(times(crowded), ElementsAre(1, 2, 1000));
}

TEST(ExemplarChoice, ExtremeTakesTheLargest) {
  auto all = candidates({{0, 1}, {10, 5}, {20, 2}, {30, std::nan("")}, {40, 7}});
  choose_exemplars(all, 2, ExemplarStrategy::kExtreme);
  EXPECT_THAT(times(all), ElementsAre(10, 40));
}

TEST(ExemplarChoice, TypicalIsNearestToWhatIsShown) {
  auto by_median = candidates({{0, 1}, {10, 100}, {20, 5}, {30, 6}, {40, 4}});
  choose_exemplars(by_median, 1, ExemplarStrategy::kTypical);
  EXPECT_THAT(times(by_median), ElementsAre(20));
  auto shown = candidates({{0, 1}, {10, 100}, {20, 5}});
  for (auto& candidate : shown) candidate.shown = 90;
  choose_exemplars(shown, 1, ExemplarStrategy::kTypical);
  EXPECT_THAT(times(shown), ElementsAre(10));
}

TEST(ExemplarChoice, NothingIsLeftOutWithoutNeed) {
  auto all = candidates({{20, 2}, {0, 1}});
  choose_exemplars(all, 2, ExemplarStrategy::kExtreme);
  EXPECT_THAT(times(all), ElementsAre(0, 20));
  choose_exemplars(all, 0, ExemplarStrategy::kSpread);
  EXPECT_TRUE(all.empty());
}

TEST(ShareLimit, IsEvenAndUsesAllOfIt) {
  EXPECT_THAT(share_limit({10, 10, 10}, 7), ElementsAre(3, 2, 2));
  EXPECT_THAT(share_limit({1, 10, 10}, 9), ElementsAre(1, 4, 4));
  EXPECT_THAT(share_limit({1, 1}, SIZE_MAX), ElementsAre(1, 1));
  EXPECT_THAT(share_limit({5, 5, 5}, 2), ElementsAre(1, 1, 0));
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<size_t> available(random() % 8);
    for (size_t& a : available) a = random() % 20;
    const size_t limit = random() % 100;
    const auto shares = share_limit(available, limit);
    const size_t all = std::accumulate(available.begin(), available.end(), size_t{0});
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), size_t{0}), std::min(all, limit));
    for (size_t i = 0; i < shares.size(); ++i) EXPECT_LE(shares[i], available[i]);
  }
}

TEST(ExemplarChoice, AnyChoiceHasTheAskedSizeAndOrder) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<ExemplarCandidate> all(1 + random() % 40);
    for (auto& candidate : all)
      candidate.exemplar = {.value = static_cast<double>(random() % 9),
                            .time = {static_cast<int64_t>(random() % 1000)}};
    const size_t count = 1 + random() % 40, size = all.size();
    choose_exemplars(all, count, static_cast<ExemplarStrategy>(round % 3));
    EXPECT_EQ(all.size(), std::min(size, count));
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, [](const auto& c) { return c.exemplar.time; }));
  }
}

}  // namespace
}  // namespace sightline::api::prometheus
