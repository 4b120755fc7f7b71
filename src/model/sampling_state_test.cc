#include "model/sampling_state.h"

#include <gtest/gtest.h>

#include "model/exponential_histogram.h"

namespace sightline::model {
namespace {

TEST(SamplingState, ReadsAndWritesATraceState) {
  const auto state = SamplingState::parse(" x=1 ,ot=th:c;rv:1234567890abcd;p:8, a@b=c");
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(*state->threshold, 0xc0000000000000u);
  EXPECT_EQ(*state->randomness, 0x1234567890abcdu);
  EXPECT_EQ(state->text(), "ot=rv:1234567890abcd;th:c;p:8,x=1,a@b=c");
  EXPECT_EQ(SamplingState::parse("")->text(), "");
  for (const char* broken : {"ot=", "ot=th:xyz", "ot=rv:1", "ot=th:123456789abcdef", "ot=th:1;",
                             "X=1", "a", "=b", "a=", "a=b,ot=Th:1"})
    EXPECT_FALSE(SamplingState::parse(broken)) << broken;
  EXPECT_FALSE(SamplingState::parse(std::string(2000, 'a') + "=b"));
}

TEST(SamplingState, ThresholdsOfProbabilities) {
  EXPECT_EQ(threshold_of_probability(1, 4), kAlwaysSample);
  EXPECT_EQ(threshold_of_probability(0, 4), kNeverSample);
  EXPECT_EQ(threshold_of_probability(0.25, 4), 0xc0000000000000u);
  EXPECT_EQ(threshold_of_probability(0.5, 0), 0x80000000000000u);
  EXPECT_EQ(threshold_of_probability(1.0 / 3, 4), 0xaaab0000000000u);
  EXPECT_DOUBLE_EQ(probability_of_threshold(0xc0000000000000u), 0.25);
}

// Whatever the values, every one is in the bucket that holds it, and there are never too many buckets.
TEST(ExponentialHistogram, KeepsEveryValueInItsBucket) {
  ExponentialHistogram histogram(20);
  uint64_t seed = 7;
  SCOPED_TRACE(seed);
  std::vector<double> values;
  for (int i = 0; i < 500; ++i) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    values.push_back(std::ldexp(1 + static_cast<double>(seed >> 12) * 0x1p-52,
                                static_cast<int>(seed % 30) - 10));
    histogram.add(values.back());
    ASSERT_LE(histogram.buckets().size(), 20u);
  }
  histogram.add(0, 3);
  EXPECT_EQ(histogram.count(), 503u);
  EXPECT_EQ(histogram.zero_count(), 3u);
  const double base = std::pow(2, std::pow(2, -histogram.scale()));
  for (size_t i = 0; i < histogram.buckets().size(); ++i) {
    const double lower = std::pow(base, histogram.offset() + static_cast<int>(i)),
                 upper = lower * base;
    const auto in = std::count_if(values.begin(), values.end(),
                                  [&](double v) { return v > lower && v <= upper; });
    EXPECT_EQ(histogram.buckets()[i], static_cast<uint64_t>(in)) << i;
  }
  const auto native = histogram.to_native();
  double sum = native.zero_count;
  for (const double n : native.positive_buckets) sum += n;
  EXPECT_EQ(sum, 503);
}

}  // namespace
}  // namespace sightline::model
