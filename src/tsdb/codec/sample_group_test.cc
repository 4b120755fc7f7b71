#include "tsdb/codec/sample_group.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>

#include "base/random.h"
#include "model/sample.h"
#include "tsdb/codec/decoded_groups.h"
#include "tsdb/codec/family_codec.h"

namespace sightline::tsdb {
namespace {

using Column = std::vector<double>;

std::vector<int64_t> times_of(size_t n) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < n; ++i)
    times.push_back(1'700'000'000'000 + static_cast<int64_t>(i) * 15'000 + (i % 7 == 0 ? 1 : 0));
  return times;
}

bool same(const Column& a, const Column& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

Column round_trip(const Column& values, AdaptiveCodec* codec = nullptr) {
  std::string bytes;
  append_adaptive_column(bytes, values);
  if (codec != nullptr) *codec = static_cast<AdaptiveCodec>(bytes[0]);
  Column out(values.size());
  ByteReader in(bytes);
  EXPECT_TRUE(read_adaptive_column(in, out));
  EXPECT_TRUE(in.at_end() && in.ok());
  return out;
}

TEST(AdaptiveColumn, KeepsEveryBit) {
  const double nan = std::nan("7");
  const std::vector<Column> columns = {{1},
                                       {-0.0},
                                       {1, 1, 1},
                                       {0, -0.0},
                                       {1, 2, 3, 4, 5, 6, 7, 8, 9, 3},
                                       {0.1, 0.2, 0.3},
                                       {1e300, -1e-300, nan, INFINITY},
                                       {model::stale_marker(), 1, 2, 3, 4, 5, 6, 7, 8},
                                       {9007199254740991, -9007199254740991, 0, 5},
                                       {1.5, 2.25, model::stale_marker()}};
  for (const Column& column : columns) EXPECT_TRUE(same(round_trip(column), column));
}

TEST(AdaptiveColumn, ASumOfNanosecondsIsAnIntegerAndItsRounding) {
  Random random(1);
  Column sum;
  for (double v = 0; sum.size() < 480; sum.push_back(v))
    for (int i = 0; i < 8; ++i) v += static_cast<double>(random.below(200'000'000)) / 1e9;
  AdaptiveCodec codec{};
  EXPECT_TRUE(same(round_trip(sum, &codec), sum));
  EXPECT_EQ(codec, AdaptiveCodec::kRounded);
  std::string bytes;
  append_adaptive_column(bytes, sum);
  EXPECT_LT(bytes.size(), sum.size() * 5);
}

TEST(AdaptiveColumn, RandomColumns) {
  const char* given = std::getenv("SIGHTLINE_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : Random::entropy_seed();
  SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    Column column;
    const uint64_t kind = random.below(5);
    double v = static_cast<double>(random.below(1'000'000));
    for (uint64_t n = random.below(300) + 1; n > 0; --n) {
      if (kind == 0) v += static_cast<double>(random.below(5));
      if (kind == 1) v = std::round(random.unit() * 1e4) / 1e4;
      if (kind == 2) v = std::bit_cast<double>(random.next());
      if (kind == 3) v += static_cast<double>(random.next() >> random.below(60));
      if (kind == 4) v += random.unit();
      column.push_back(random.below(40) == 0 ? model::stale_marker() : v);
    }
    ASSERT_TRUE(same(round_trip(column), column)) << "kind " << kind;
  }
}

struct Family {
  std::vector<Column> buckets;
  Column count;
};

Family make_family(size_t buckets, size_t samples, Random& random, bool reset, bool stale_end) {
  Family f{.buckets = std::vector<Column>(buckets)};
  Column inside(buckets);
  for (size_t t = 0; t < samples; ++t) {
    if (reset && t == samples / 2) inside.assign(buckets, 0);
    double below = 0;
    for (size_t k = 0; k < buckets; ++k) {
      inside[k] += static_cast<double>(random.below(k + 1) / 2);
      below += inside[k];
      f.buckets[k].push_back(stale_end && t + 1 == samples ? model::stale_marker() : below);
    }
    f.count.push_back(f.buckets.back().back());
  }
  return f;
}

TEST(SampleGroup, FamiliesAndOthersTogether) {
  Random random(7);
  for (const auto& [reset, stale] :
       {std::pair(false, false), std::pair(true, false), std::pair(true, true)}) {
    const size_t samples = 200;
    const Family f = make_family(12, samples, random, reset, stale);
    Column gauge;
    Column scaled;  // with decimals, and markers between
    Column summed;
    double sum = 0;
    for (size_t i = 0; i < samples; ++i) {
      gauge.push_back(std::sin(static_cast<double>(i)));
      scaled.push_back(i % 50 == 49 ? model::stale_marker()
                                    : static_cast<double>(random.below(1'000)) / 100);
      summed.push_back(sum += static_cast<double>(random.below(1'000'000)) / 1e9);
    }
    const std::vector<int64_t> created(samples, 1'600'000'000'000);
    std::vector<GroupMember> members;
    for (const Column& bucket : f.buckets)
      members.push_back({FamilyRole::kBucket, 5, bucket, created});
    members.push_back({FamilyRole::kCount, 5, f.count, created});
    members.push_back({FamilyRole::kNone, 9, gauge, {}});
    members.push_back({FamilyRole::kNone, 10, scaled, {}});
    members.push_back({FamilyRole::kNone, 11, summed, {}});
    const auto times = times_of(samples);
    const std::string bytes = encode_group(times, members);
    EXPECT_LT(bytes.size(), samples * 35);
    DecodedGroups cache;
    for (uint32_t m = 0; m < members.size(); ++m) {
      SampleColumns out;
      ASSERT_TRUE(read_group_member(bytes, m, &cache, out));
      EXPECT_EQ(out.times, times);
      EXPECT_EQ(std::memcmp(out.values.data(), members[m].values.data(), samples * sizeof(double)),
                0)
          << m;
      EXPECT_EQ(out.created.empty(), members[m].created.empty());
      SampleColumns presence;
      ASSERT_TRUE(read_group_member(bytes, m, nullptr, presence, {}, ValueNeed::kPresence));
      EXPECT_EQ(presence.times, times);
      for (size_t i = 0; i < samples; ++i)
        EXPECT_EQ(model::is_stale_marker(presence.values[i]),
                  model::is_stale_marker(members[m].values[i]));
    }
    SampleColumns none;
    EXPECT_FALSE(read_group_member(bytes, static_cast<uint32_t>(members.size()), nullptr, none));
    const auto parts = measure_group(bytes);
    ASSERT_TRUE(parts);
    EXPECT_EQ(parts->family_samples, 13 * samples);
  }
}

TEST(SampleGroup, NoFamilyWhereBucketsAreNotCounts) {
  const Column fractions = {0.5, 1.5};
  const Column more = {1, 2};
  const std::vector<GroupMember> members = {{FamilyRole::kBucket, 1, fractions, {}},
                                            {FamilyRole::kBucket, 1, more, {}}};
  const std::string bytes = encode_group(times_of(2), members);
  EXPECT_EQ(measure_group(bytes)->family_samples, 0u);
  SampleColumns out;
  ASSERT_TRUE(read_group_member(bytes, 0, nullptr, out));
  EXPECT_TRUE(same(out.values, fractions));
}

// Whatever is cut or flipped is an error or other numbers, never a crash; a cut is always an error.
TEST(SampleGroup, DamagedBytes) {
  Random random(3);
  const Family f = make_family(4, 30, random, false, false);
  std::vector<GroupMember> members;
  for (const Column& bucket : f.buckets) members.push_back({FamilyRole::kBucket, 5, bucket, {}});
  members.push_back({FamilyRole::kNone, 0, f.buckets[0], {}});
  const std::string bytes = encode_group(times_of(30), members);
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(measure_group(std::string_view(bytes).substr(0, n)));
  for (size_t i = 0; i < bytes.size() * 8; ++i) {
    std::string flipped = bytes;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    SampleColumns out;
    for (uint32_t m = 0; m < 5; ++m) {
      (void)read_group_member(flipped, m, nullptr, out);
      (void)read_group_member(flipped, m, nullptr, out, {}, ValueNeed::kPresence);
    }
  }
}

}  // namespace
}  // namespace sightline::tsdb
