#include "tsdb/codec/chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "model/sample.h"
#include "tsdb/codec/histogram_codec.h"
#include "tsdb/codec/integer_column.h"
#include "tsdb/codec/value_column.h"

namespace sightline::tsdb {
namespace {

std::vector<uint64_t> bits(const std::vector<double>& values) {
  std::vector<uint64_t> out;
  for (const double v : values) out.push_back(std::bit_cast<uint64_t>(v));
  return out;
}

void expect_integers(const std::vector<int64_t>& values) {
  std::string bytes;
  append_integer_column(bytes, values);
  ByteReader in(bytes);
  std::vector<int64_t> back(values.size());
  ASSERT_TRUE(read_integer_column(in, back));
  EXPECT_TRUE(in.at_end() && in.ok());
  EXPECT_EQ(back, values);
  ByteReader again(bytes);
  std::vector<double> doubles(values.size());
  ASSERT_TRUE(read_integer_column(again, doubles));
  EXPECT_TRUE(again.at_end() && again.ok());
  EXPECT_EQ(doubles, std::vector<double>(values.begin(), values.end()));
}

size_t expect_values(const std::vector<double>& values) {
  std::string bytes;
  append_value_column(bytes, values);
  ByteReader in(bytes);
  std::vector<double> back(values.size());
  EXPECT_TRUE(read_value_column(in, back));
  EXPECT_TRUE(in.at_end() && in.ok());
  EXPECT_EQ(bits(back), bits(values));
  return bytes.size();
}

TEST(IntegerColumn, Extremes) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (const auto& values : std::vector<std::vector<int64_t>>{{},
                                                              {0},
                                                              {kMin},
                                                              {kMax, kMin},
                                                              {kMin, kMax, kMin},
                                                              {0, kMax, 0, kMin, 0},
                                                              {1, 1, 1},
                                                              {1, 2},
                                                              {3, 2, 1, kMin, 0}})
    expect_integers(values);
}

TEST(IntegerColumn, TheWorkedExampleOfTheFormatPage) {
  std::string bytes;
  append_integer_column(bytes, std::vector<int64_t>{1000, 2000, 3000, 4000});
  EXPECT_EQ(bytes, std::string_view("\x01\xd0\x0f\xd0\x0f\0\0", 7));
}

TEST(IntegerColumn, RandomShapes) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::vector<int64_t> values(random.below(300) + 1);
    const unsigned width = static_cast<unsigned>(random.below(64)) + 1;
    uint64_t value = random.next();
    uint64_t step = random.next() >> (64 - width);
    const uint64_t steadiness = random.below(2) == 0 ? 20 : 100'000;
    for (auto& v : values) {
      v = static_cast<int64_t>(value);
      if (random.below(steadiness) == 0) value = random.next() >> random.below(64);
      value += step + (random.below(2) == 0 ? random.next() >> (64 - std::min(width, 8u)) : 0);
      if (random.below(steadiness * 2) == 0) step = random.next() >> (64 - width);
    }
    expect_integers(values);
  }
}

TEST(ValueColumn, PicksACheapCodec) {
  std::vector<double> counter;
  std::vector<double> decimals;
  std::vector<double> constant(240, 17.5);
  for (int i = 0; i < 240; ++i) {
    counter.push_back(1e6 + i * 7);
    decimals.push_back(static_cast<double>(i % 40) / 100 + 20);
  }
  EXPECT_LE(expect_values(constant), 9u);
  EXPECT_LE(expect_values(counter), 12u);
  EXPECT_LE(expect_values(decimals), 240u);
  counter.back() = model::stale_marker();
  EXPECT_LE(expect_values(counter), 32u) << "a stale marker does not cost the others their codec";
}

TEST(ValueColumn, BitExactForAdversarialValues) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::vector<double> specials = {0.0,
                                        -0.0,
                                        1,
                                        -1,
                                        0.1,
                                        1e-300,
                                        1e300,
                                        9007199254740992.0,
                                        9007199254740993.0,
                                        std::numeric_limits<double>::infinity(),
                                        -std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::quiet_NaN(),
                                        model::stale_marker(),
                                        std::bit_cast<double>(uint64_t{0x7ff8dead0000beef}),
                                        std::numeric_limits<double>::denorm_min(),
                                        std::numeric_limits<double>::max()};
  for (int round = 0; round < 3000; ++round) {
    std::vector<double> values(random.below(260) + 1);
    const uint64_t kind = random.below(6);
    double value = static_cast<double>(random.below(1000));
    for (double& v : values) {
      switch (kind) {
        case 0: v = specials[random.below(specials.size())]; break;
        case 1: v = std::bit_cast<double>(random.next()); break;
        case 2: v = value += static_cast<double>(random.below(10)); break;
        case 3:
          v = static_cast<double>(random.below(100000)) /
              std::pow(10.0, static_cast<double>(random.below(6)));
          break;
        case 4: v = value *= 1.0001; break;
        default: v = random.unit(); break;
      }
      if (random.below(60) == 0) v = specials[random.below(specials.size())];
    }
    expect_values(values);
  }
}

model::Histogram random_histogram(Random& random, bool integral) {
  const auto count = [&] {
    return integral ? static_cast<double>(random.below(1000)) : random.unit() * 10;
  };
  model::Histogram h;
  h.reset_hint = static_cast<model::ResetHint>(random.below(4));
  h.schema = static_cast<int32_t>(random.below(13)) - 4;
  h.sum = random.unit() * 100;
  h.count = count();
  h.zero_count = count();
  h.zero_threshold = 1e-128;
  h.positive_spans = {{static_cast<int32_t>(random.below(20)) - 10, 2}, {1, 1}};
  h.positive_buckets = {count(), count(), count()};
  if (random.below(2) == 0) {
    h.negative_spans = {{0, 1}};
    h.negative_buckets = {count()};
  }
  if (random.below(3) == 0) {
    h = {.schema = model::kCustomBucketsSchema, .count = count(), .sum = 1};
    h.custom_values = {0.1, 0.5};
    h.positive_spans = {{0, 3}};
    h.positive_buckets = {count(), count(), count()};
  }
  return h;
}

TEST(Chunk, FloatsAndHistogramsRoundTrip) {
  const uint64_t seed = Random::entropy_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 500; ++round) {
    const size_t count = random.below(150) + 1;
    std::vector<int64_t> times;
    std::vector<int64_t> created;
    std::vector<double> values;
    std::vector<HistogramPtr> histograms;
    int64_t time = static_cast<int64_t>(random.below(1'000'000'000'000));
    const bool integral = random.below(2) == 0;
    model::Histogram h = random_histogram(random, integral);
    for (size_t i = 0; i < count; ++i) {
      times.push_back(time +=
                      1 + static_cast<int64_t>(random.below(2) == 0 ? 15'000 : random.below(100)));
      created.push_back(random.below(5) == 0 ? 0 : 1000);
      values.push_back(static_cast<double>(random.below(100)));
      if (random.below(5) == 0) h = random_histogram(random, random.below(2) == 0);
      h.count += 3;
      ASSERT_TRUE(check_histogram(h)) << check_histogram(h).error().message;
      histograms.push_back(std::make_shared<const model::Histogram>(h));
    }
    const bool with_created = random.below(2) == 0;
    SampleColumns out;
    const std::span<const int64_t> c =
        with_created ? std::span<const int64_t>(created) : std::span<const int64_t>();
    const std::string floats = encode_chunk(times, std::span<const double>(values), c);
    const std::string natives = encode_chunk(times, std::span<const HistogramPtr>(histograms), c);
    ASSERT_TRUE(decode_chunk(floats, out));
    ASSERT_TRUE(decode_chunk(natives, out));
    EXPECT_EQ(out.times, times);
    EXPECT_EQ(out.values, values);
    EXPECT_EQ(out.created, with_created ? created : std::vector<int64_t>());
    EXPECT_EQ(out.histogram_times, times);
    for (size_t i = 0; i < count; ++i) ASSERT_EQ(*out.histograms[i], *histograms[i]);
    // Cut anywhere, it is an error and leaves the columns as they were.
    const std::string& whole = random.below(2) == 0 ? floats : natives;
    EXPECT_FALSE(decode_chunk(std::string_view(whole).substr(0, random.below(whole.size())), out));
    EXPECT_EQ(out.times.size(), count);
    EXPECT_EQ(out.histograms.size(), count);
  }
}

TEST(Histogram, WhatContradictsItselfIsRefused) {
  const model::Histogram good{
      .schema = 3, .count = 7, .sum = 2.5, .positive_spans = {{1, 2}}, .positive_buckets = {3, 4}};
  EXPECT_TRUE(check_histogram(good));
  const auto refused = [&](auto change) {
    model::Histogram h = good;
    change(h);
    const auto status = check_histogram(h);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::kInvalidArgument);
  };
  refused([](auto& h) { h.schema = 9; });
  refused([](auto& h) { h.positive_buckets.pop_back(); });
  refused([](auto& h) { h.positive_buckets[0] = -1; });
  refused([](auto& h) { h.positive_spans.push_back({-1, 0}); });
  refused([](auto& h) { h.count = -1; });
  refused([](auto& h) { h.custom_values = {1}; });
  refused([](auto& h) {
    h.schema = model::kCustomBucketsSchema;
    h.custom_values = {2, 1};
  });
}

}  // namespace
}  // namespace sightline::tsdb
