#include "tsdb/head/write_pace.h"

#include <gtest/gtest.h>

#include <thread>

namespace sightline::tsdb {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::steady_clock;

constexpr int64_t kNewest = 1'700'000'000'000;
constexpr int64_t kMinute = 60'000;

bool is_held(WritePace& pace, int64_t newest) {
  const auto begun = steady_clock::now();
  pace.hold_back(newest);
  return steady_clock::now() - begun >= WritePace::kHoldMax / 2;
}

TEST(WritePace, OnlyWhoIsFarAheadOfRealTimeWaitsAndOnlyDuringMaintenance) {
  ManualClock clock{{}};
  WritePace pace(clock, minutes(30));
  EXPECT_FALSE(is_held(pace, kNewest + 60 * kMinute)) << "nothing is being made";
  const WritePace::Maintenance maintenance(pace, kNewest);
  EXPECT_FALSE(is_held(pace, kNewest + 30 * kMinute));
  EXPECT_TRUE(is_held(pace, kNewest + 31 * kMinute));
  clock.advance(minutes(10));
  EXPECT_FALSE(is_held(pace, kNewest + 40 * kMinute)) << "ten minutes went by in fact";
  EXPECT_TRUE(is_held(pace, kNewest + 41 * kMinute));
}

TEST(WritePace, WhoWaitsGoesOnWhenMaintenanceEnds) {
  ManualClock clock{{}};
  WritePace pace(clock, minutes(30));
  for (int round = 0; round < 20; ++round) {
    auto maintenance = std::make_unique<WritePace::Maintenance>(pace, kNewest);
    const auto begun = steady_clock::now();
    std::thread writer([&] { pace.hold_back(kNewest + 60 * kMinute); });
    maintenance.reset();
    writer.join();
    if (steady_clock::now() - begun < WritePace::kHoldMax / 2) return;
  }
  FAIL() << "every one of twenty waited to the end of its patience";
}

}  // namespace
}  // namespace sightline::tsdb
