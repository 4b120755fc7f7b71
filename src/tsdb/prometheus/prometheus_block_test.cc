#include "tsdb/prometheus/prometheus_block.h"

#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tsdb/block/block_tools.h"
#include "tsdb/prometheus/prometheus_block_writer.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::make_labels;

TEST(XorChunk, KeepsEveryBit) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> times;
    std::vector<double> values;
    int64_t time = static_cast<int64_t>(random.below(1'000'000'000)) - 1000;
    double value = 1;
    for (uint64_t n = random.below(kXorSamplesMax) + 1; n > 0; --n) {
      const uint64_t step = random.below(4);
      time += 1 + static_cast<int64_t>(step == 0   ? random.below(10)
                                       : step == 1 ? 15'000
                                       : step == 2 ? random.below(200'000)
                                                   : random.next() >> 24);
      value = random.below(3) == 0 ? std::bit_cast<double>(random.next()) : value + 1;
      times.push_back(time);
      values.push_back(value);
    }
    SampleColumns out;
    const std::string bytes = encode_xor_chunk(times, values);
    ASSERT_TRUE(decode_xor_chunk(bytes, out));
    ASSERT_EQ(out.times, times);
    ASSERT_EQ(std::memcmp(out.values.data(), values.data(), values.size() * sizeof(double)), 0);
    SampleColumns cut;
    ASSERT_FALSE(decode_xor_chunk(std::string_view(bytes).substr(0, bytes.size() - 1), cut));
  }
}

// The bits as Prometheus writes them: two samples, one second apart, of 1 and 2.
TEST(XorChunk, WorkedExample) {
  const std::string bytes =
      encode_xor_chunk(std::vector<int64_t>{1000, 2000}, std::vector<double>{1, 2});
  EXPECT_EQ(bytes, std::string("\x00\x02"                          // two samples
                               "\xd0\x0f"                          // 1000
                               "\x3f\xf0\x00\x00\x00\x00\x00\x00"  // 1.0
                               "\xe8\x07"                          // 1000 later
                               "\xc2\x5f\xff",
                               17));  // 11, one leading zero, eleven bits, all of them ones
  SampleColumns out;
  ASSERT_TRUE(decode_xor_chunk(bytes, out));
  EXPECT_EQ(out.values, (std::vector<double>{1, 2}));
}

class PrometheusBlockTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 500; ++i) {
      auto appender = store_.db().appender();
      for (int s = 0; s < 20; ++s)
        ASSERT_TRUE(appender->append(*appender->series(series(s)), {kTestStart + i * 15'000},
                                     s % 3 == 0 ? i * 0.1 : i * s));
      ASSERT_TRUE(appender->commit());
    }
    ASSERT_TRUE(store_.db().flush());
    store_.db().maintain();
    blocks_ = store_.db().stats().blocks;
    store_.close();
    std::filesystem::create_directories(out_.path());
    Random random(1);
    for (const BlockMeta& meta : blocks_) {
      auto block = Block::open(store_.fs(), store_.path(meta.directory_name()));
      ASSERT_TRUE(block);
      auto exported = export_prometheus_block(store_.fs(), **block, out_.path(), random);
      ASSERT_TRUE(exported) << exported.error().message;
      samples_ += exported->samples;
      exports_.push_back(out_.path() + "/" + exported->directory);
    }
  }
  static model::Labels series(int s) {
    return make_labels({{"__name__", s % 2 == 0 ? "a" : "b"}, {"s", std::to_string(s)}});
  }

  TestingStore store_{{.future_max_ms = 0}};
  io::TestingDirectory out_;
  std::vector<BlockMeta> blocks_;
  std::vector<std::string> exports_;
  uint64_t samples_ = 0;
};

TEST_F(PrometheusBlockTest, WhatIsExportedIsImported) {
  EXPECT_EQ(samples_, 10'000u);
  const io::TestingDirectory fresh;
  TsdbOptions options{.directory = fresh.path() + "/db", .future_max_ms = 0};
  {
    auto closed = ClosedStore::open(store_.fs(), options.directory);
    ASSERT_TRUE(closed);
    for (int round = 0; round < 2; ++round)  // the second time changes nothing that is read
      for (const std::string& directory : exports_) {
        auto block = PrometheusBlock::open(store_.fs(), directory);
        ASSERT_TRUE(block) << block.error().message;
        auto meta = (*closed)->add(**block, kTestStart + kDayMs);
        ASSERT_TRUE(meta) << meta.error().message;
        ASSERT_TRUE(*meta);
      }
    const auto entries = (*closed)->blocks();
    ASSERT_TRUE(entries);
    for (const auto& entry : *entries) {
      ASSERT_NE(entry.block, nullptr) << entry.fault;
      const auto status = verify_block(*entry.block);
      EXPECT_TRUE(status) << status.error().message;
    }
  }
  ManualClock clock{TimestampNs{0}};
  Telemetry telemetry;
  auto db = Tsdb::open(store_.fs(), clock, telemetry, options);
  ASSERT_TRUE(db);
  auto querier = (*db)->querier();
  auto set = (*querier)->select({}, {});
  ASSERT_EQ((*set)->size(), 20u);
  for (size_t i = 0; i < 20; ++i) {
    SampleColumns columns;
    ASSERT_TRUE((*set)->read(i, {}, columns));
    ASSERT_EQ(columns.times.size(), 500u);
    const int s = std::stoi(std::string((*set)->labels(i).get("s")));
    for (int k = 0; k < 500; ++k)
      ASSERT_EQ(columns.values[static_cast<size_t>(k)], s % 3 == 0 ? k * 0.1 : k * s);
  }
}

TEST_F(PrometheusBlockTest, TheFutureIsNotImported) {
  const io::TestingDirectory fresh;
  auto closed = ClosedStore::open(store_.fs(), fresh.path() + "/db");
  ASSERT_TRUE(closed);
  auto block = PrometheusBlock::open(store_.fs(), exports_.back());
  ASSERT_TRUE(block);
  const auto meta = (*closed)->add(**block, kTestStart);
  ASSERT_FALSE(meta);
  EXPECT_EQ(meta.error().code, Errc::kOutOfRange);
  EXPECT_TRUE((*closed)->blocks()->empty());
}

// Never a part of a block in silence.
TEST_F(PrometheusBlockTest, UnknownEncodingsAreRefused) {
  const std::string path = exports_[0] + "/chunks/000001";
  auto bytes = *store_.fs().read_all(path);
  ByteReader in(std::string_view(bytes).substr(8));
  const uint64_t length = in.uvarint();
  const size_t encoding_at = 8 + in.offset();
  bytes[encoding_at] = 9;  // with a checksum that fits
  std::string checksum;
  append_be32(checksum, crc32c(std::string_view(bytes).substr(encoding_at, 1 + length)));
  bytes.replace(encoding_at + 1 + length, 4, checksum);
  std::ofstream(path, std::ios::binary) << bytes;
  const io::TestingDirectory fresh;
  auto closed = ClosedStore::open(store_.fs(), fresh.path() + "/db");
  auto block = PrometheusBlock::open(store_.fs(), exports_[0]);
  ASSERT_TRUE(closed && block);
  const auto meta = (*closed)->add(**block, kTestStart + kDayMs);
  ASSERT_FALSE(meta);
  EXPECT_EQ(meta.error().code, Errc::kUnsupported);
  EXPECT_TRUE((*closed)->blocks()->empty());
}

TEST_F(PrometheusBlockTest, TombstonesAreHonoured) {
  std::string content;
  append_uvarint(content, 0);  // filled in below
  auto index = store_.fs().read_all(exports_[0] + "/index");
  ASSERT_TRUE(index);
  const uint64_t first_series = load_be64(index->data() + index->size() - 52 + 8) / 16;
  content.clear();
  append_uvarint(content, first_series);
  append_svarint(content, kTestStart);
  append_svarint(content, kTestStart + 10 * 15'000);
  std::string file;
  append_be32(file, 0x0130ba30);
  file.push_back(1);
  file += content;
  append_be32(file, crc32c(content));
  std::ofstream(exports_[0] + "/tombstones", std::ios::binary) << file;
  auto block = PrometheusBlock::open(store_.fs(), exports_[0]);
  ASSERT_TRUE(block);
  model::Labels labels;
  ASSERT_TRUE(*(*block)->next(labels));
  ASSERT_TRUE(*(*block)->next(labels));
  SampleColumns first;
  SampleColumns second;
  ASSERT_TRUE((*block)->read_floats(0, first));
  ASSERT_TRUE((*block)->read_floats(1, second));
  EXPECT_EQ(first.times.size() + 11, second.times.size());
}

// Every byte flipped is an error, or is where nothing is kept.
TEST_F(PrometheusBlockTest, DamageIsNoticed) {
  const auto read = [&]() -> Status {
    auto block = PrometheusBlock::open(store_.fs(), exports_[0]);
    if (!block) return std::unexpected(block.error());
    model::Labels labels;
    SampleColumns columns;
    for (uint32_t i = 0;; ++i) {
      auto more = (*block)->next(labels);
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
      if (auto status = (*block)->read_floats(i, columns); !status) return status;
    }
  };
  ASSERT_TRUE(read());
  const std::string path = exports_[0] + "/chunks/000001";
  const auto bytes = *store_.fs().read_all(path);
  for (size_t i = 8; i < bytes.size(); i += 97) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 4);
    std::ofstream(path, std::ios::binary) << flipped;
    EXPECT_FALSE(read()) << "byte " << i;
  }
}

TEST_F(PrometheusBlockTest, VerifyFindsABrokenBlock) {
  const std::string path = store_.path(blocks_[0].directory_name()) + "/chunks";
  auto bytes = *store_.fs().read_all(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path, std::ios::binary) << bytes;
  auto closed = ClosedStore::open(store_.fs(), store_.options().directory);
  ASSERT_TRUE(closed);
  EXPECT_FALSE(ClosedStore::open(store_.fs(), store_.options().directory))
      << "a second one must wait";
  const auto entries = (*closed)->blocks();
  ASSERT_TRUE(entries);
  size_t broken = 0;
  for (const auto& entry : *entries)
    if (!verify_block(*entry.block)) {
      ++broken;
      EXPECT_TRUE((*closed)->quarantine(entry.name));
    }
  EXPECT_EQ(broken, 1u);
  EXPECT_EQ((*closed)->blocks()->size(), entries->size() - 1);
}

}  // namespace
}  // namespace sightline::tsdb
