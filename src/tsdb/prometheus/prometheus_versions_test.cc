// What other versions of Prometheus wrote and write: index version 1 (2.0 and older), XOR2 chunks and chunks with start timestamps
// (from 3.8 on). The chunks' bytes below are the peer's own.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/checksum.h"
#include "model/sample.h"
#include "tsdb/block/block_tools.h"
#include "tsdb/prometheus/prometheus_block.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::make_labels;

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

const double kStale = model::stale_marker();
const std::vector<int64_t> kTimes = {1000, 2000, 3000, 4000,    5000,          6000,
                                     6500, 7500, 7501, 300'000, 10'000'000'000};
const std::vector<double> kValues = {1, 2, 2, 3.5, kStale, 3.5, 3.5, -1e300, kStale, 4, 5};

void expect_values(const SampleColumns& columns) {
  EXPECT_EQ(columns.times, kTimes);
  ASSERT_EQ(columns.values.size(), kValues.size());
  EXPECT_EQ(std::memcmp(columns.values.data(), kValues.data(), kValues.size() * sizeof(double)), 0);
}

TEST(Xor2Chunk, IsReadAsThePeerWroteIt) {
  const std::string bytes = bytes_of(
      "000b00d00f3ff0000000000000e807c12fffab02fede0c60fa607d7c77c8791000eb3ee0cfe47692af89f90f2200"
      "1d67"
      "f000000012a016cc6e6830");
  SampleColumns columns;
  ASSERT_TRUE(decode_xor2_chunk(bytes, columns));
  expect_values(columns);
  EXPECT_TRUE(columns.created.empty());
  for (size_t n = 0; n + 1 < bytes.size(); ++n) {
    SampleColumns cut;
    EXPECT_FALSE(decode_xor2_chunk(std::string_view(bytes).substr(0, n), cut)) << n;
    EXPECT_TRUE(cut.times.empty() && cut.values.empty() && cut.created.empty());
  }
}

TEST(Xor2Chunk, StartTimestampsAreCreatedOnes) {
  SampleColumns columns;
  ASSERT_TRUE(decode_xor2_chunk(bytes_of("000b86d00f3ff0000000000000e807e807c12fffab02fede0c74e307d"
                                         "303ebe3be43c8800759fc3e9b833fc7d1c8"
                                         "ed255f13f21e44003acf1f000000012a016cc6e683fc047693"),
                                columns));
  expect_values(columns);
  std::vector<int64_t> created(kTimes.size(), 6200);
  std::fill_n(created.begin(), 6, 500);
  EXPECT_EQ(columns.created, created);

  columns.clear();
  ASSERT_TRUE(decode_xor2_chunk(
      bytes_of("000b01d00f3ff0000000000000e807c12ffff191e3e8ac0bf1f47fc7d0f1f46f063c7d183e981f5f1df"
               "21e44003acf"
               "e1f4dc19fe3e8e47692af89f90f22001d67f1c2f800000009500b6637341fe02398780"),
      columns));
  expect_values(columns);
  created.assign(kTimes.size(), 900);
  created[0] = created[9] = 0;  // unknown
  EXPECT_EQ(columns.created, created);
}

// From the 128th sample on they are told always, for want of bits to say from where on.
TEST(Xor2Chunk, StartTimestampsThatBeginLate) {
  SampleColumns columns;
  ASSERT_TRUE(decode_xor2_chunk(
      bytes_of("00827fd00f3ff0000000000000e80700000000000000000000000000000001f3e030fa0fe778fa00"),
      columns));
  ASSERT_EQ(columns.times.size(), 130u);
  EXPECT_EQ(columns.times.back(), 130'000);
  std::vector<int64_t> created(130, 0);
  created[128] = created[129] = 128'001;
  EXPECT_EQ(columns.created, created);
}

TEST(HistogramStartChunk, IsReadAsThePeerWroteIt) {
  const std::string bytes = bytes_of(
      "000482ff3f50624dd2f1a9fc8c6478fa2d1401e000000000000947a01fc7d118ea1bf0411ec7c10c78fa00");
  SampleColumns columns;
  ASSERT_TRUE(decode_histogram_chunk(kHistogramStartEncoding, bytes, columns));
  EXPECT_EQ(columns.histogram_times, (std::vector<int64_t>{1000, 2000, 3000, 4000}));
  EXPECT_EQ(columns.histogram_created, (std::vector<int64_t>{500, 500, 2900, 2900}));
  for (size_t i = 0; i < 4; ++i) {
    const model::Histogram& h = *columns.histograms[i];
    const auto more = static_cast<double>(i);
    EXPECT_EQ(h.schema, 1);
    EXPECT_EQ(h.zero_threshold, 0.001);
    EXPECT_EQ(h.count, 6 + more);
    EXPECT_EQ(h.zero_count, 1 + more);
    EXPECT_EQ(h.sum, 7.5 + more);
    EXPECT_EQ(h.positive_buckets, (std::vector<double>{2, 3}));
  }
  for (size_t n = 0; n + 1 < bytes.size(); ++n) {
    SampleColumns cut;
    EXPECT_FALSE(
        decode_histogram_chunk(kHistogramStartEncoding, std::string_view(bytes).substr(0, n), cut))
        << n;
    EXPECT_TRUE(cut.histograms.empty() && cut.histogram_created.empty());
  }
}

TEST(HistogramStartChunk, OfFloats) {
  SampleColumns columns;
  columns.histogram_times = {1};  // what was there before has no start
  columns.histograms = {std::make_shared<const model::Histogram>()};
  ASSERT_TRUE(decode_histogram_chunk(kFloatHistogramStartEncoding,
                                     bytes_of("000380ff3f50624dd2f1a9fc8c6478fa10060000000000000ffc"
                                              "0000000000001007800000000000100000000000"
                                              "0000100200000000000036013c7d1b41e12fff86a13f6030"),
                                     columns));
  EXPECT_EQ(columns.histogram_times, (std::vector<int64_t>{1, 1000, 2000, 3000}));
  EXPECT_EQ(columns.histogram_created, (std::vector<int64_t>{0, 700, 700, 700}));
  for (size_t i = 1; i < 4; ++i)
    EXPECT_EQ(columns.histograms[i]->count, 5 + static_cast<double>(i));
}

// Writes index version 1 as Prometheus 2.0 did: series where they come, symbols named by where they lie, sections that begin
// at multiples of four.
class OldBlock {
 public:
  explicit OldBlock(std::string directory) : directory_(std::move(directory)) {
    append_be32(chunks_, 0x85bd40dd);
    chunks_ += std::string("\x01\0\0\0", 4);
    append_be32(index_, 0xbaaad700);
    index_.push_back(1);
  }

  // All of them before the first series; ascending.
  void symbols(const std::vector<std::string>& all) {
    toc_.push_back(index_.size());
    std::string content;
    append_be32(content, static_cast<uint32_t>(all.size()));
    for (const std::string& each : all) {
      places_[each] = index_.size() + 4 + content.size();
      append_sized(content, each);
    }
    append_be32(index_, static_cast<uint32_t>(content.size()));
    index_ += content;
    append_be32(index_, crc32c(content));
    toc_.push_back(index_.size());
  }
  // Returns what tombstones name it by.
  uint64_t series(const model::Labels& labels, std::span<const int64_t> times,
                  std::span<const double> values) {
    const std::string data = encode_xor_chunk(times, values);
    const uint64_t ref = chunks_.size();
    append_uvarint(chunks_, data.size());
    const std::string content = "\x01" + data;
    chunks_ += content;
    append_be32(chunks_, crc32c(content));
    std::string body;
    append_uvarint(body, labels.size());
    for (const model::LabelView label : labels) {
      append_uvarint(body, places_.at(std::string(label.name)));
      append_uvarint(body, places_.at(std::string(label.value)));
    }
    append_uvarint(body, 1);
    append_svarint(body, times.front());
    append_uvarint(body, static_cast<uint64_t>(times.back() - times.front()));
    append_uvarint(body, ref);
    const uint64_t at = index_.size();
    append_sized(index_, body);
    append_be32(index_, crc32c(body));
    return at;
  }
  void write(uint64_t deleted_series, int64_t min, int64_t max) {
    while (index_.size() % 4 != 0) index_.push_back('\0');
    for (int section = 0; section < 4; ++section) {  // which nobody reads: empty
      toc_.push_back(index_.size());
      append_be32(index_, 0);
      append_be32(index_, crc32c(""));
    }
    std::string toc;
    for (const uint64_t at : toc_) append_be64(toc, at);
    index_ += toc;
    append_be32(index_, crc32c(toc));
    std::string tombstones;
    append_uvarint(tombstones, deleted_series);
    append_svarint(tombstones, min);
    append_svarint(tombstones, max);
    std::string file;
    append_be32(file, 0x0130ba30);
    file.push_back(1);
    file += tombstones;
    append_be32(file, crc32c(tombstones));
    std::filesystem::create_directories(directory_ + "/chunks");
    std::ofstream(directory_ + "/chunks/000001", std::ios::binary) << chunks_;
    std::ofstream(directory_ + "/tombstones", std::ios::binary) << file;
    write_index(index_);
  }
  void write_index(const std::string& bytes) const {
    std::ofstream(directory_ + "/index", std::ios::binary) << bytes;
  }
  const std::string& index() const { return index_; }

 private:
  const std::string directory_;
  std::string chunks_;
  std::string index_;
  std::vector<uint64_t> toc_;
  std::map<std::string, uint64_t> places_;
};

class OldBlockTest : public testing::Test {
 protected:
  static constexpr int kSeries = 7;
  void SetUp() override {
    std::filesystem::create_directories(directory_);
    std::vector<std::string> symbols = {"__name__", "s", "up"};
    for (int s = 0; s < kSeries; ++s)
      symbols.insert(symbols.begin() + s, std::string(1, static_cast<char>('0' + s)));
    block_.symbols(symbols);
    uint64_t deleted = 0;
    for (int s = 0; s < kSeries; ++s) {
      const uint64_t at = block_.series(labels(s), times(), values(s));
      if (s == 3) deleted = at;
    }
    block_.write(deleted, kTestStart, kTestStart + 9 * 15'000);
  }
  static model::Labels labels(int s) {
    return make_labels({{"__name__", "up"}, {"s", std::to_string(s)}});
  }
  static std::vector<int64_t> times() {
    std::vector<int64_t> out;
    for (int i = 0; i < 100; ++i) out.push_back(kTestStart + i * 15'000);
    return out;
  }
  static std::vector<double> values(int s) {
    std::vector<double> out;
    for (int i = 0; i < 100; ++i) out.push_back(s * 1000 + i * 0.25);
    return out;
  }

  const std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  const io::TestingDirectory home_;
  const std::string directory_ = home_.path() + "/01DXXFZDYD1MQW6079WK0K6EDQ";
  OldBlock block_{directory_};
};

TEST_F(OldBlockTest, IsImported) {
  TsdbOptions options{.directory = home_.path() + "/db", .future_max_ms = 0};
  {
    auto closed = ClosedStore::open(*fs_, options.directory);
    ASSERT_TRUE(closed);
    auto block = PrometheusBlock::open(*fs_, directory_);
    ASSERT_TRUE(block) << block.error().message;
    auto meta = (*closed)->add(**block, kTestStart + kDayMs);
    ASSERT_TRUE(meta) << meta.error().message;
    ASSERT_TRUE(*meta);
    EXPECT_EQ((*meta)->series, static_cast<uint64_t>(kSeries));
    EXPECT_EQ((*meta)->samples, kSeries * 100u - 10);
  }
  ManualClock clock{TimestampNs{0}};
  Telemetry telemetry;
  auto db = Tsdb::open(*fs_, clock, telemetry, options);
  ASSERT_TRUE(db);
  auto querier = (*db)->querier();
  auto set = (*querier)->select({}, {});
  ASSERT_TRUE(set);
  ASSERT_EQ((*set)->size(), static_cast<size_t>(kSeries));
  for (int s = 0; s < kSeries; ++s) {
    SampleColumns columns;
    EXPECT_EQ((*set)->labels(static_cast<size_t>(s)), labels(s));
    ASSERT_TRUE((*set)->read(static_cast<size_t>(s), {}, columns));
    const ptrdiff_t gone = s == 3 ? 10 : 0;  // its tombstone says so
    const auto all_times = times();
    const auto all_values = values(s);
    EXPECT_EQ(columns.times, std::vector<int64_t>(all_times.begin() + gone, all_times.end()));
    EXPECT_EQ(columns.values, std::vector<double>(all_values.begin() + gone, all_values.end()));
  }
}

// Every byte of the symbols, the series and the table of contents flipped is an error.
TEST_F(OldBlockTest, DamageIsNoticed) {
  const auto read = [&]() -> Status {
    auto block = PrometheusBlock::open(*fs_, directory_);
    if (!block) return std::unexpected(block.error());
    model::Labels found;
    SampleColumns columns;
    uint32_t count = 0;
    for (;; ++count) {
      auto more = (*block)->next(found);
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (auto status = (*block)->read_floats(count, columns); !status) return status;
    }
    return count == kSeries ? Status() : fail(Errc::kCorrupt, "only ", count, " series");
  };
  ASSERT_TRUE(read());
  const std::string& good = block_.index();
  const size_t toc = good.size() - 52;
  const size_t unread =
      load_be64(good.data() + toc + 2 * 8) - 3;  // padding and four empty sections
  for (size_t i = 0; i < good.size(); ++i) {
    if (i >= unread && i < toc) continue;
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x15);
    block_.write_index(flipped);
    EXPECT_FALSE(read()) << "byte " << i;
  }
  for (size_t length = 0; length < good.size(); ++length) {
    block_.write_index(good.substr(0, length));
    EXPECT_FALSE(read()) << length << " bytes";
  }
}

}  // namespace
}  // namespace sightline::tsdb
