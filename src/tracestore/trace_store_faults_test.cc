// Every write, sync, rename and remove fails once, and from then on; torn logs; damaged blocks.
#include <gtest/gtest.h>

#include "io/faulty_file_system.h"
#include "io/testing_directory.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kStart{1'700'000'000'000'000'000};

TraceStoreOptions options_in(const std::string& path) {
  TraceStoreOptions o;
  o.wal_directory = path + "/wal";
  o.blocks_directory = path + "/blocks";
  o.wal_segment_bytes = 4 << 10;
  o.cut_bytes_min = 1;
  o.row_group_rows = 20;
  o.compaction_inputs_min = 2;
  o.block_retention = std::chrono::hours(1);
  o.sync = io::SyncPolicy::kAlways;
  o.decode = testing::decode;
  o.encode = testing::encode;
  return o;
}

using Acknowledged = std::map<TraceId, std::vector<std::pair<SpanId, model::SpanKind>>>;

// Appends, cuts, merges, pins and expires; errors are allowed, lies are not.
void use_store(io::FileSystem& fs, const std::string& path, uint64_t seed,
               Acknowledged& acknowledged) {
  SpanSource source(seed);
  ManualClock clock(kStart);
  Telemetry telemetry;
  auto store = TraceStore::open(fs, clock, telemetry, options_in(path));
  if (!store) return;
  const TraceId pinned = source.trace_id();
  (*store)->pin(pinned);
  std::vector<TraceId> ids{pinned};
  for (int round = 0; round < 6; ++round) {
    ids.push_back(source.trace_id());
    const auto batch = source.batch({ids.back(), pinned}, 12, clock.now());
    if ((*store)->append(batch))
      for (const auto& span : batch->spans)
        acknowledged[span.trace_id].emplace_back(span.span_id, span.kind);
    clock.advance(std::chrono::seconds(11));
    (void)(*store)->maintain();
  }
  (void)(*store)->maintain();
}

void expect_acknowledged(io::FileSystem& fs, const std::string& path,
                         const Acknowledged& acknowledged) {
  ManualClock clock(kStart);
  Telemetry telemetry;
  auto store = TraceStore::open(fs, clock, telemetry, options_in(path));
  ASSERT_TRUE(store) << store.error().message;
  const auto querier = (*store)->querier();
  std::map<TraceId, int> shown;
  ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) ++shown[trace.id];
    return true;
  }));
  for (const auto& [id, spans] : acknowledged) {
    EXPECT_EQ(shown[id], 1);
    const auto found = (*querier)->find(id);
    ASSERT_TRUE(found && *found) << to_hex(id);
    for (const auto& [span_id, kind] : spans)
      EXPECT_TRUE(
          std::any_of((*found)->spans.begin(), (*found)->spans.end(),
                      [&](const auto& s) { return s.span_id == span_id && s.kind == kind; }))
          << to_hex(id) << " lost " << to_hex(span_id);
  }
  EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_quarantined_total"), 0u);
}

TEST(TraceStoreFaults, NothingAcknowledgedIsLostWhicheverOperationFails) {
  spdlog::set_level(spdlog::level::off);
  const auto real = io::make_posix_file_system();
  for (const auto mode : {io::FaultMode::kOnce, io::FaultMode::kFromThen}) {
    uint64_t fault = 1;
    for (;; ++fault) {
      SCOPED_TRACE("fault " + std::to_string(fault) +
                   (mode == io::FaultMode::kOnce ? " once" : " from then"));
      io::TestingDirectory directory;
      io::FaultyFileSystem faulty(*real, {.fail_at = fault, .mode = mode});
      Acknowledged acknowledged;
      use_store(faulty, directory.path(), 5, acknowledged);
      expect_acknowledged(*real, directory.path(), acknowledged);
      if (!faulty.fired() || ::testing::Test::HasFailure()) break;
    }
    EXPECT_GT(fault, 40u);
  }
  spdlog::set_level(spdlog::level::info);
}

std::vector<std::string> files_below(const std::string& directory, std::string_view suffix) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().string().ends_with(suffix)) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(TraceStoreFaults, ATornWalTailIsCutOffAndTheRestAnswers) {
  spdlog::set_level(spdlog::level::off);
  const auto fs = io::make_posix_file_system();
  for (const uint64_t torn : {1, 9, 40}) {
    io::TestingDirectory directory;
    ManualClock clock(kStart);
    Telemetry telemetry;
    SpanSource source(torn);
    const TraceId first = source.trace_id(), last = source.trace_id();
    {
      auto store = TraceStore::open(*fs, clock, telemetry, options_in(directory.path()));
      ASSERT_TRUE((*store)->append(source.batch({first}, 5, kStart)));
      ASSERT_TRUE((*store)->append(source.batch({last}, 5, kStart)));
    }
    const std::string segment = files_below(directory.path() + "/wal", ".wal").back();
    std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - torn);
    auto store = TraceStore::open(*fs, clock, telemetry, options_in(directory.path()));
    ASSERT_TRUE(store) << store.error().message;
    const auto querier = (*store)->querier();
    EXPECT_TRUE((*querier)->find(first)->has_value());
    EXPECT_FALSE((*querier)->find(last)->has_value());
  }
  spdlog::set_level(spdlog::level::info);
}

TEST(TraceStoreFaults, ADamagedBlockIsSetAsideAndTheOthersAnswer) {
  spdlog::set_level(spdlog::level::off);
  const auto fs = io::make_posix_file_system();
  uint64_t footer_damage = 0, query_damage = 0, search_damage = 0;
  for (uint64_t part = 0; part < 40; ++part) {
    io::TestingDirectory directory;
    auto options = options_in(directory.path());
    options.compaction_inputs_min = 100;
    ManualClock clock(kStart);
    Telemetry telemetry;
    SpanSource source(3);
    const TraceId damaged = source.trace_id(), sound = source.trace_id();
    const auto batch = source.batch({damaged}, 30, kStart);
    std::vector<std::string> whole;
    {
      auto store = TraceStore::open(*fs, clock, telemetry, options);
      ASSERT_TRUE((*store)->append(batch));
      ASSERT_TRUE((*store)->flush());
      ASSERT_TRUE((*store)->append(source.batch({sound}, 5, kStart)));
      ASSERT_TRUE((*store)->flush());
      whole = testing::canonical(**(*(*store)->querier())->find(damaged));
    }
    const std::string block = files_below(directory.path() + "/blocks", ".trace").front();
    std::string bytes = *fs->read_all(block);
    bytes[part * (bytes.size() - 1) / 39] ^= 0x20;
    {
      ASSERT_TRUE((*fs->create(block))->append(bytes));
    }
    auto store = TraceStore::open(*fs, clock, telemetry, options);
    ASSERT_TRUE(store) << store.error().message;
    const bool at_start = (*store)->stats().block_count == 1;
    const auto querier = (*store)->querier();
    const auto found = (*querier)->find(damaged);
    ASSERT_TRUE(found);
    // What lies in the value index only a search meets.
    if (found->has_value()) {
      EXPECT_EQ(testing::canonical(**found), whole) << "byte " << part;
      EXPECT_TRUE((*querier)->attribute_keys({{AttributeScope::kSpan}}));
      ++search_damage;
    }
    EXPECT_TRUE((*querier)->find(sound)->has_value());
    ASSERT_TRUE((*store)->maintain());
    EXPECT_EQ((*store)->stats().block_count, 1u);
    EXPECT_EQ(files_below(directory.path() + "/blocks", ".corrupt").size(), 1u);
    ++(at_start ? footer_damage : query_damage);
  }
  EXPECT_GT(footer_damage, 0u);
  EXPECT_GT(query_damage, search_damage);
  EXPECT_GT(search_damage, 0u);
  spdlog::set_level(spdlog::level::info);
}

}  // namespace
}  // namespace sightline::tracestore
