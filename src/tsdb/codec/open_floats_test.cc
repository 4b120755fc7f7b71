#include "tsdb/codec/open_floats.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "base/random.h"
#include "model/sample.h"
#include "tsdb/head/series.h"

namespace sightline::tsdb {
namespace {

struct Expected {
  int64_t time;
  double value;
  int64_t created;
};

void expect_samples(const OpenFloats& open, const std::vector<Expected>& all, int64_t min,
                    int64_t max) {
  SampleColumns read;
  open.read(min, max, read);
  size_t i = 0;
  for (const Expected& e : all) {
    if (e.time < min || e.time > max) continue;
    ASSERT_LT(i, read.times.size());
    EXPECT_EQ(read.times[i], e.time);
    EXPECT_EQ(std::bit_cast<uint64_t>(read.values[i]), std::bit_cast<uint64_t>(e.value));
    EXPECT_EQ(read.created.empty() ? 0 : read.created[i], e.created);
    ++i;
  }
  EXPECT_EQ(i, read.times.size());
  EXPECT_EQ(i, read.values.size());
}

TEST(OpenFloats, KeepsEveryBit) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::vector<double> specials = {0.0,
                                        -0.0,
                                        0.1,
                                        9007199254740992.0,
                                        -9007199254740993.0,
                                        1e300,
                                        std::numeric_limits<double>::denorm_min(),
                                        std::numeric_limits<double>::infinity(),
                                        -std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::quiet_NaN(),
                                        model::stale_marker()};
  for (int round = 0; round < 300; ++round) {
    OpenFloats open;
    std::vector<Expected> all;
    int64_t time = static_cast<int64_t>(random.next() >> 4) - kTimeAbsMax / 2;
    double value = static_cast<double>(random.below(1'000'000));
    int64_t created = 0;
    for (uint64_t i = 0, n = random.below(200) + 1; i < n; ++i) {
      time += 15'000 + static_cast<int64_t>(random.below(4)) - (random.below(20) == 0 ? 14'000 : 0);
      if (random.below(10) == 0)
        value = specials[random.below(specials.size())];
      else if (random.below(3) == 0)
        value += static_cast<double>(random.below(100'000)) / 8;
      else
        value += static_cast<double>(random.below(60)) - 5;
      if (random.below(30) == 0) created = time - static_cast<int64_t>(random.below(100'000));
      open.append(time, value, created);
      all.push_back({time, value, created});
    }
    EXPECT_EQ(open.count(), all.size());
    EXPECT_EQ(open.first_time(), all.front().time);
    EXPECT_EQ(open.last_time(), all.back().time);
    expect_samples(open, all, kNoTime, std::numeric_limits<int64_t>::max());
    const int64_t from = all[random.below(all.size())].time;
    const int64_t to = all[random.below(all.size())].time;
    expect_samples(open, all, from, to);
    open.erase_before(from);
    std::erase_if(all, [&](const Expected& e) { return e.time < from; });
    expect_samples(open, all, kNoTime, std::numeric_limits<int64_t>::max());
    open.clear();
    EXPECT_TRUE(open.empty());
    open.append(time + 5, 1.5, 0);
    expect_samples(open, {{time + 5, 1.5, 0}}, kNoTime, std::numeric_limits<int64_t>::max());
  }
}

}  // namespace
}  // namespace sightline::tsdb
