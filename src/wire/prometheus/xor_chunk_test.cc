#include "wire/prometheus/xor_chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "wire/prometheus/remote_read.h"

namespace sightline::wire::prometheus {
namespace {

// The format read back, bit by bit, as its description says.
class Decoder {
 public:
  explicit Decoder(std::string_view chunk) : bytes_(chunk) {}
  void run(std::vector<int64_t>& times, std::vector<double>& values) {
    const size_t count = static_cast<uint8_t>(bytes_[0]) << 8 | static_cast<uint8_t>(bytes_[1]);
    at_ = 16;
    uint64_t value = 0;
    int64_t time = 0, delta = 0;
    for (size_t i = 0; i < count; ++i) {
      if (i == 0) {
        const uint64_t zigzag = uvarint();
        time = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
        value = take(64);
      } else {
        delta = i == 1 ? static_cast<int64_t>(uvarint()) : delta + change();
        time += delta;
        value ^= value_change();
      }
      times.push_back(time);
      values.push_back(std::bit_cast<double>(value));
    }
  }

 private:
  uint64_t take(int count) {
    uint64_t value = 0;
    for (; count > 0; --count, ++at_)
      value = value << 1 | (static_cast<uint8_t>(bytes_.at(at_ / 8)) >> (7 - at_ % 8) & 1);
    return value;
  }
  uint64_t uvarint() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint64_t byte = take(8);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  int64_t change() {
    int ones = 0;
    while (ones < 4 && take(1) == 1) ++ones;
    constexpr int kBits[] = {0, 14, 17, 20, 64};
    const uint64_t bits = take(kBits[ones]);
    if (ones == 0 || ones == 4) return static_cast<int64_t>(bits);
    const uint64_t half = uint64_t{1} << (kBits[ones] - 1);
    return static_cast<int64_t>(bits) - (bits > half ? static_cast<int64_t>(half * 2) : 0);
  }
  uint64_t value_change() {
    if (take(1) == 0) return 0;
    if (take(1) == 1) {
      leading_ = static_cast<int>(take(5));
      const int significant = static_cast<int>(take(6));
      trailing_ = 64 - leading_ - (significant == 0 ? 64 : significant);
    }
    return take(64 - leading_ - trailing_) << trailing_;
  }

  std::string_view bytes_;
  size_t at_ = 0;
  int leading_ = 0, trailing_ = 0;
};

void expect_round_trip(const std::vector<int64_t>& times, const std::vector<double>& values) {
  const std::string chunk = encode_xor_chunk(times, values);
  std::vector<int64_t> got_times;
  std::vector<double> got;
  Decoder(chunk).run(got_times, got);
  EXPECT_EQ(got_times, times);
  ASSERT_EQ(got.size(), values.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint64_t>(got[i]), std::bit_cast<uint64_t>(values[i])) << i;
}

TEST(XorChunkTest, DecodesToWhatWentIn) {
  expect_round_trip({-5}, {1.5});
  expect_round_trip({0, 1}, {0, -0.0});
  expect_round_trip(
      {1, 8193, 8194, 1'000'000, 1'000'001, 1LL << 50},
      {1, 1, std::nan(""), std::bit_cast<double>(0x7ff0000000000002), -1e300, 5e-324});
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> times;
    std::vector<double> values;
    int64_t time = static_cast<int64_t>(random() % 2'000'000'000'000) - 1'000'000'000'000;
    const size_t count = 1 + random() % 300;
    for (size_t i = 0; i < count; ++i) {
      times.push_back(time);
      values.push_back(random() % 3 == 0 ? std::bit_cast<double>(random())
                                         : static_cast<double>(random() % 1000) / 8);
      time += 1 + static_cast<int64_t>(random() % (uint64_t{1} << random() % 40));
    }
    expect_round_trip(times, values);
  }
}

TEST(RemoteReadTest, RequestsAreReadAndDamageIsSaid) {
  // queries {start 1, end 2, matchers {=~ "a" "b"}}, accepted types 1 and, packed, 0.
  const std::string request(
      "\x0a\x0e\x08\x01\x10\x02\x1a\x08\x08\x02\x12\x01"
      "a\x1a\x01"
      "b\x10\x01\x12\x01\x00",
      21);
  const auto got = decode_read_request(request);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->queries.size(), 1u);
  EXPECT_EQ(got->queries[0].end.value, 2);
  ASSERT_EQ(got->queries[0].matchers.size(), 1u);
  EXPECT_EQ(got->queries[0].matchers[0].type, ReadMatch::kRegex);
  EXPECT_EQ(got->queries[0].matchers[0].value, "b");
  EXPECT_EQ(got->accepted_types, (std::vector<int64_t>{1, 0}));
  EXPECT_FALSE(decode_read_request(request.substr(0, 9)));
  EXPECT_FALSE(decode_read_request("\x0f\x0f"));
}

}  // namespace
}  // namespace sightline::wire::prometheus
