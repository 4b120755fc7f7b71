#include "net/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sightline::net {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMax = 1u << 20;

std::string sample(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "span " + std::to_string(text.size() * 7919 % 1000) + ";";
  text.resize(bytes);
  return text;
}

class CompressionTest : public ::testing::TestWithParam<Compression> {};

TEST_P(CompressionTest, WhatIsPackedUnpacks) {
  for (const size_t bytes : {0, 1, 1000, 70'000, 1'000'000}) {
    const std::string plain = sample(bytes);
    const auto back = decompress(GetParam(), compress(GetParam(), plain), kMax);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, plain);
  }
}

TEST_P(CompressionTest, StopsExactlyAtTheLimit) {
  const std::string packed = compress(GetParam(), sample(5000));
  EXPECT_TRUE(decompress(GetParam(), packed, 5000));
  const auto over = decompress(GetParam(), packed, 4999);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::kResourceExhausted);
  EXPECT_FALSE(decompress(GetParam(), packed, 0));
}

TEST_P(CompressionTest, EveryCutIsAnError) {
  const std::string packed = compress(GetParam(), sample(3000));
  for (size_t n = 0; n < packed.size(); ++n) {
    const auto cut = decompress(GetParam(), std::string_view(packed).substr(0, n), kMax);
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, Errc::kInvalidArgument);
  }
}

TEST_P(CompressionTest, NoFlippedByteCrashes) {
  std::string packed = compress(GetParam(), sample(3000));
  for (char& byte : packed) {
    byte = static_cast<char>(byte ^ 0x55);
    const auto result = decompress(GetParam(), packed, kMax);
    if (!result) {
      EXPECT_FALSE(result.error().message.empty());
    }
    byte = static_cast<char>(byte ^ 0x55);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, CompressionTest,
                         ::testing::Values(Compression::kGzip, Compression::kDeflate,
                                           Compression::kZstd));

TEST(GzipTest, SaysWhatIsWrong) {
  std::string packed = compress(Compression::kGzip, sample(3000));
  const auto cut = decompress(Compression::kGzip, std::string_view(packed).substr(0, 50), kMax);
  EXPECT_EQ(cut.error().message, "gzip body is cut short at offset 50");
  EXPECT_THAT(decompress(Compression::kGzip, "plain text", kMax).error().message,
              HasSubstr("incorrect header check"));
  EXPECT_THAT(decompress(Compression::kGzip, packed + "tail", kMax).error().message,
              HasSubstr("damaged"));
  const auto twice = decompress(Compression::kGzip, packed + packed, kMax);
  ASSERT_TRUE(twice);
  EXPECT_EQ(*twice, sample(3000) + sample(3000));
}

TEST(GzipTest, ABombCostsItsLimit) {
  const std::string bomb = compress(Compression::kGzip, std::string(64u << 20, '\0'));
  EXPECT_LT(bomb.size(), 400'000u);
  EXPECT_EQ(decompress(Compression::kGzip, bomb, kMax).error().code, Errc::kResourceExhausted);
}

TEST(DeflateTest, BareStreamsAreAccepted) {
  const std::string wrapped = compress(Compression::kDeflate, sample(3000));
  const auto bare = decompress(Compression::kDeflate,
                               std::string_view(wrapped).substr(2, wrapped.size() - 6), kMax);
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(*bare, sample(3000));
}

TEST(SnappyTest, ChecksTheDeclaredSizeFirst) {
  const std::string plain = sample(100'000);
  const std::string packed = snappy_compress(plain);
  EXPECT_EQ(*snappy_decompress(packed, plain.size()), plain);
  EXPECT_EQ(snappy_decompress(packed, plain.size() - 1).error().code, Errc::kResourceExhausted);
  EXPECT_EQ(snappy_decompress("\xff\xff\xff\xff\x0f", kMax).error().code, Errc::kResourceExhausted);
  std::string reused;  // by one that is a little longer each time
  for (size_t size = 100; size < 3'000; size += 70) {
    const std::string longer(size, 'x');
    ASSERT_TRUE(snappy_decompress_into(reused, snappy_compress(longer), kMax));
    EXPECT_EQ(reused, longer);
  }
  EXPECT_EQ(snappy_decompress("", kMax).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(snappy_decompress(packed.substr(0, 20), kMax).error().code, Errc::kInvalidArgument);
}

TEST(NamesTest, ReadAndChosen) {
  EXPECT_EQ(parse_compression(" GZip "), Compression::kGzip);
  EXPECT_EQ(parse_compression(""), Compression::kIdentity);
  EXPECT_EQ(parse_compression("br"), std::nullopt);
  EXPECT_EQ(parse_compression("gzip, zstd"), std::nullopt);
  EXPECT_EQ(choose_compression(""), Compression::kIdentity);
  EXPECT_EQ(choose_compression("gzip, deflate, br, zstd"), Compression::kGzip);
  EXPECT_EQ(choose_compression("gzip;q=0.5, zstd;q=0.9"), Compression::kZstd);
  EXPECT_EQ(choose_compression("gzip;q=0, *"), Compression::kZstd);
  EXPECT_EQ(choose_compression("gzip;q=0, *;q=0"), Compression::kIdentity);
  EXPECT_EQ(choose_compression("br"), Compression::kIdentity);
  EXPECT_EQ(choose_compression("deflate, gzip"), Compression::kDeflate);
  EXPECT_EQ(choose_compression("zstd, deflate"), Compression::kDeflate);
  EXPECT_EQ(choose_compression("deflate;q=0.1, zstd"), Compression::kZstd);
}

}  // namespace
}  // namespace sightline::net
