#include "wire/otlp/scan_traces.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::wire::otlp {
namespace {

using Services = std::vector<std::pair<std::string_view, uint64_t>>;

TEST(ScanTraces, CountsSpansOfServices) {
  const std::string one = testing::make_sample_request({.service = "shop"});
  const std::string two = testing::make_sample_request({.service = "bank"});
  const auto spans = decode_traces(std::make_shared<const std::string>(one))->batch->spans.size();
  const std::string both = one + two;
  const auto scanned = scan_traces(both);
  ASSERT_TRUE(scanned);
  EXPECT_EQ(scanned->spans, 2 * spans);
  EXPECT_EQ(scanned->services, (Services{{"shop", spans}, {"bank", spans}}));
  EXPECT_EQ(scan_traces("")->spans, 0u);
}

TEST(ScanTraces, WhatIsTooMuchIsLeftToDecoding) {
  const std::string request = testing::make_sample_request();
  EXPECT_TRUE(scan_traces(request, {.spans_per_request_max = 395}));
  EXPECT_FALSE(scan_traces(request, {.spans_per_request_max = 394}));
  EXPECT_FALSE(scan_traces(request, {.request_bytes_max = request.size() - 1}));
}

// Whatever is done to a request: what is scanned decodes to the same count or is malformed only inside of attributes,
// events and links; what decodes whole is scanned.
TEST(ScanTraces, AgreesWithDecoding) {
  const std::string good = testing::make_sample_request({.routes = 3});
  const uint64_t seed = Random::entropy_seed();
  Random random(seed);
  int scanned_ones = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good.substr(0, 4000);
    const int flips = 1 + static_cast<int>(random.below(3));
    bytes = good;
    for (int i = 0; i < flips; ++i)
      bytes[random.below(std::min<uint64_t>(bytes.size(), 2000))] =
          static_cast<char>(random.below(256));
    const auto decoded = decode_traces(std::make_shared<const std::string>(bytes));
    const auto scanned = scan_traces(bytes);
    scanned_ones += scanned.has_value();
    if (!decoded) continue;
    ASSERT_EQ(scanned.has_value(), decoded->rejected_spans() == 0) << "seed " << seed;
    if (scanned) {
      ASSERT_EQ(scanned->spans, decoded->batch->spans.size()) << "seed " << seed;
    }
  }
  EXPECT_GT(scanned_ones, 100);
}

}  // namespace
}  // namespace sightline::wire::otlp
