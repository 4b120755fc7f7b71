#include "tracestore/block/block.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "io/testing_directory.h"
#include "tracestore/block/block_inspection.h"
#include "tracestore/block/block_writer.h"
#include "tracestore/testing_spans.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kNow{1'700'000'000'000'000'000};

struct Written {
  std::shared_ptr<const model::SpanBatch> batch;
  std::map<TraceId, std::vector<std::string>> traces;  // canonical, sorted
  std::string bytes;
};

Written write_block(uint64_t seed, size_t trace_count, size_t span_count,
                    uint32_t row_group_rows = 16) {
  Written written;
  SpanSource source(seed);
  std::vector<TraceId> ids;
  for (size_t i = 0; i < trace_count; ++i) ids.push_back(source.trace_id());
  written.batch = source.batch(ids, span_count, kNow);
  std::map<TraceId, TraceSpans> traces;
  for (uint32_t i = 0; i < written.batch->spans.size(); ++i) {
    const TraceId& id = written.batch->spans[i].trace_id;
    traces[id].id = id;
    traces[id].spans.push_back({written.batch.get(), i});
  }
  io::TestingDirectory directory;
  const auto fs = io::make_posix_file_system();
  auto writer = BlockWriter::create(*fs, directory.path(), 7, row_group_rows);
  for (auto& [id, trace] : traces) {
    unite_spans(trace.spans);
    auto& canonical = written.traces[id];
    for (const SpanRef& ref : trace.spans)
      canonical.push_back(testing::canonical(*ref.batch, ref.span()));
    std::sort(canonical.begin(), canonical.end());
    EXPECT_TRUE((*writer)->add(std::move(trace), written.batch));
  }
  EXPECT_TRUE(
      (*writer)->finish({.newest_received = kNow, .continued = {ids[0]}, .replaced = {3, 5}}));
  written.bytes = *fs->read_all(block_path(directory.path(), 7));
  return written;
}

Result<std::vector<std::string>> read_trace(const Block& block, const TraceId& id) {
  const auto ordinal = block.find(id);
  if (!ordinal) return std::unexpected(ordinal.error());
  if (!*ordinal) return std::vector<std::string>();
  const uint32_t wanted = **ordinal;
  const auto batch = block.read_traces({&wanted, 1}, block.row_group_of(wanted), nullptr);
  if (!batch) return std::unexpected(batch.error());
  return testing::canonical(**batch);
}

void expect_holds(const Written& written, std::string_view bytes) {
  const auto block = Block::open(bytes, nullptr, 7, "test");
  ASSERT_TRUE(block) << block.error().message;
  EXPECT_EQ((*block)->summary().traces, written.traces.size());
  EXPECT_EQ((*block)->summary().newest_received, kNow);
  EXPECT_EQ((*block)->summary().replaced, (std::vector<uint64_t>{3, 5}));
  for (const auto& [id, spans] : written.traces) {
    const auto found = read_trace(**block, id);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, spans);
  }
}

TEST(Block, FindsEveryTraceWholeAndNoOther) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Written written = write_block(seed, 1 + seed * 3, 20 + seed * 20);
    expect_holds(written, written.bytes);
    const auto block = Block::open(written.bytes, nullptr, 7, "test");
    SpanSource other(1000 + seed);
    for (int i = 0; i < 100; ++i) EXPECT_FALSE((*block)->find(other.trace_id())->has_value());
  }
}

// Row groups of 400 rows, a few of which the small cache holds.
TEST(Block, WhatStaysOpenAnswersAsWhatIsOpenedAnew) {
  const Written written = write_block(21, 400, 6'000, 400);
  const auto alone = Block::open(written.bytes, nullptr, 7, "alone");
  for (const uint64_t bytes_max : {uint64_t{0}, uint64_t{300'000}, uint64_t{64} << 20}) {
    const auto cache = std::make_shared<RowGroupCache>(
        RowGroupCache::Limits{.decoder_bytes_max = bytes_max, .table_bytes_max = bytes_max / 4});
    const auto block = Block::open(written.bytes, nullptr, 7, "test", cache);
    ASSERT_GT((*block)->zones().size(), 5u);
    std::vector<std::shared_ptr<const model::SpanBatch>>
        held;  // what was read before stays as it was
    std::vector<std::vector<std::string>> as_it_was;
    Random random(3);
    for (int i = 0; i < 600; ++i) {
      const auto ordinal = static_cast<uint32_t>(random.below((*block)->summary().traces));
      const auto batch =
          (*block)->read_traces({&ordinal, 1}, (*block)->row_group_of(ordinal), nullptr);
      ASSERT_TRUE(batch) << batch.error().message;
      const auto expected =
          (*alone)->read_traces({&ordinal, 1}, (*alone)->row_group_of(ordinal), nullptr);
      ASSERT_EQ(testing::canonical(**batch), testing::canonical(**expected));
      if (i % 10 == 0) {
        held.push_back(*batch);
        as_it_was.push_back(testing::canonical(**batch));
      }
      EXPECT_LE(cache->bytes(), bytes_max + bytes_max / 4);
    }
    EXPECT_EQ(cache->bytes() > 0, bytes_max > 0);
    for (size_t i = 0; i < held.size(); ++i) EXPECT_EQ(testing::canonical(*held[i]), as_it_was[i]);
    const uint64_t before = cache->bytes();
    {
      const auto same_cache = Block::open(written.bytes, nullptr, 8, "other", cache);
      const uint32_t first = 0;
      ASSERT_TRUE((*same_cache)->read_traces({&first, 1}, 0, nullptr));
    }
    EXPECT_LE(cache->bytes(), before);  // a block takes along what is its own
  }
}

TEST(Block, ManyReadersShareWhatStaysOpen) {
  const Written written = write_block(22, 60, 1'500, 400);
  const auto cache = std::make_shared<RowGroupCache>(RowGroupCache::Limits{});
  const auto block = Block::open(written.bytes, nullptr, 7, "test", cache);
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 4; ++reader)
    readers.emplace_back([&, reader] {
      auto at = written.traces.begin();
      std::advance(at, reader * 7);
      for (int i = 0; i < 150; ++i) {
        const auto found = read_trace(**block, at->first);
        EXPECT_TRUE(found && *found == at->second);
        if (++at == written.traces.end()) at = written.traces.begin();
      }
    });
  for (auto& reader : readers) reader.join();
}

TEST(Block, ADamagedByteGivesAnErrorNeverAWrongSpan) {
  Written written = write_block(4, 4, 12);
  for (size_t at = 0; at < written.bytes.size(); ++at) {
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ (1 << at % 8));
    if (const auto block = Block::open(written.bytes, nullptr, 7, "test")) {
      for (const auto& [id, spans] : written.traces) {
        const auto found = read_trace(**block, id);
        ASSERT_TRUE(!found || *found == spans) << "byte " << at;
      }
    }
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ (1 << at % 8));
  }
}

TEST(Block, ATruncatedFileDoesNotOpen) {
  const Written written = write_block(5, 4, 12);
  for (size_t length = 0; length < written.bytes.size(); ++length)
    EXPECT_FALSE(Block::open(std::string_view(written.bytes).substr(0, length), nullptr, 7, "test"))
        << length;
}

TEST(Block, ColumnsAddUpToTheFile) {
  const Written written = write_block(7, 12, 300);
  const auto block = Block::open(written.bytes, nullptr, 7, "test");
  const auto columns = inspect_columns(**block);
  ASSERT_TRUE(columns) << columns.error().message;
  uint64_t bytes = 8;  // the magic in front
  for (const ColumnUse& column : *columns) {
    bytes += column.name == "zones and footer" ? column.bytes - 8 : column.bytes;
    EXPECT_EQ(column.encodings.find('?'), std::string::npos) << column.name;
  }
  EXPECT_EQ(bytes, written.bytes.size());
}

TEST(Block, VerifyingFindsEveryDamagedByteOfARowGroup) {
  Written written = write_block(8, 3, 20);
  EXPECT_TRUE(verify_block(**Block::open(written.bytes, nullptr, 7, "test")));
  for (size_t at = 8; at < written.bytes.size(); ++at) {
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ 4);
    const auto block = Block::open(written.bytes, nullptr, 7, "test");
    EXPECT_TRUE(!block || !verify_block(**block)) << "byte " << at;
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ 4);
  }
}

std::string golden(int version) {
  const auto fs = io::make_posix_file_system();
  const auto bytes = fs->read_all(std::string(SIGHTLINE_TESTDATA) + "/golden_v" +
                                  std::to_string(version) + ".trace");
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes.value_or(std::string());
}

// Blocks that earlier versions wrote stay readable. SIGHTLINE_REWRITE=1 writes the newest file anew.
TEST(Block, TheGoldenFilesStillRead) {
  const Written written = write_block(6, 5, 30);
  if (std::getenv("SIGHTLINE_REWRITE") != nullptr) {
    const auto fs = io::make_posix_file_system();
    const std::string path =
        std::string(SIGHTLINE_TESTDATA) + "/golden_v" + std::to_string(kBlockVersion) + ".trace";
    ASSERT_TRUE((*fs->create(path))->append(written.bytes));
  }
  for (int version = kOldestBlockVersion; version <= kBlockVersion; ++version) {
    SCOPED_TRACE(version);
    const std::string bytes = golden(version);
    expect_holds(written, bytes);
    EXPECT_TRUE(verify_block(**Block::open(bytes, nullptr, 7, "golden")));
  }
}

TEST(Block, EarlierRowGroupsMoveIntoBlocksOfThisVersion) {
  const Written written = write_block(6, 5, 30);
  const std::string bytes = golden(kOldestBlockVersion);
  const auto old = Block::open(bytes, nullptr, 7, "golden");
  ASSERT_TRUE(old) << old.error().message;
  io::TestingDirectory directory;
  const auto fs = io::make_posix_file_system();
  auto writer = BlockWriter::create(*fs, directory.path(), 8, 16);
  std::vector<ValueIndexBuilder::Copy> copies;
  for (uint32_t number = 0; number < (*old)->zones().size(); ++number) {
    const auto row_group = (*old)->row_group_bytes(number);
    ASSERT_TRUE(row_group) << row_group.error().message;
    std::vector<TraceId> ids;
    for (uint32_t i = 0; i < row_group->zone.traces; ++i)
      ids.push_back((*old)->trace_id(row_group->zone.first_trace + i));
    const std::vector<bool> gone(ids.size(), false);
    const auto here = (*writer)->add_copy(row_group->held.bytes, row_group->zone, ids, gone, 0);
    ASSERT_TRUE(here) << here.error().message;
    copies.push_back({number, *here});
  }
  const auto values = (*old)->value_index();
  ASSERT_TRUE(values && (*writer)->add_copied_values(**values, copies));
  ASSERT_TRUE((*writer)->finish({.newest_received = kNow, .replaced = {3, 5}}));
  const std::string moved = *fs->read_all(block_path(directory.path(), 8));
  EXPECT_EQ(moved[7], static_cast<char>(kBlockVersion));
  expect_holds(written, moved);
  EXPECT_TRUE(verify_block(**Block::open(moved, nullptr, 8, "moved")));
}

// Pages, dictionaries and lists longer than a part that has a checksum.
TEST(Block, ADamagedByteOfManyPagesGivesAnErrorNeverAWrongSpan) {
  Written written = write_block(9, 60, 1'600, 1'000);
  const auto sound = Block::open(written.bytes, nullptr, 7, "test");
  ASSERT_GT((*sound)->zones()[0].chunk_bytes, 20 * kCheckedBytes);
  Random random(17);
  std::vector<TraceId> asked;
  for (const auto& [id, spans] : written.traces)
    if (random.below(6) == 0) asked.push_back(id);
  int found_damaged = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t at = random.below(written.bytes.size());
    const auto bit = static_cast<char>(1 << random.below(8));
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ bit);
    if (const auto block = Block::open(written.bytes, nullptr, 7, "test")) {
      EXPECT_FALSE(verify_block(**block)) << "byte " << at;
      for (const TraceId& id : asked) {
        const auto found = read_trace(**block, id);
        ASSERT_TRUE(!found || *found == written.traces[id]) << "byte " << at;
        found_damaged += found ? 0 : 1;
      }
    }
    written.bytes[at] = static_cast<char>(written.bytes[at] ^ bit);
  }
  EXPECT_GT(found_damaged, 0);
}

}  // namespace
}  // namespace sightline::tracestore
