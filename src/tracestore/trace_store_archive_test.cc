// Blocks in object storage: they move there, are found there by whoever comes next, and no failure of any request loses a
// span or falsifies an answer.
#include <gtest/gtest.h>

#include "io/faulty_file_system.h"
#include "io/faulty_object_store.h"
#include "io/testing_directory.h"
#include "tracestore/block/archive_manifest.h"
#include "tracestore/testing_spans.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kStart{1'700'000'000'000'000'000};

struct QuietLog {
  QuietLog() { spdlog::set_level(spdlog::level::off); }
  ~QuietLog() { spdlog::set_level(spdlog::level::info); }
};

TraceStoreOptions options_in(const std::string& path, std::shared_ptr<io::ObjectStore> objects) {
  TraceStoreOptions o;
  o.wal_directory = path + "/wal";
  o.blocks_directory = path + "/blocks";
  o.objects = std::move(objects);
  o.upload_bytes_min = 1;
  o.wal_segment_bytes = 4 << 10;
  o.cut_bytes_min = 1;
  o.row_group_rows = 20;
  o.compaction_inputs_min = 2;
  o.block_retention = std::chrono::hours(1);
  o.decode = testing::decode;
  o.encode = testing::encode;
  return o;
}

std::shared_ptr<io::ObjectStore> shared_view(io::ObjectStore& store) {
  return {std::shared_ptr<void>(), &store};
}

struct ArchiveFixture : ::testing::Test {
  void open(const std::string& machine, std::unique_ptr<TraceStore>& into) {
    into.reset();
    auto opened = TraceStore::open(*fs, clock, telemetry, options(machine));
    ASSERT_TRUE(opened) << opened.error().message;
    into = std::move(*opened);
  }
  TraceStoreOptions options(const std::string& machine) {
    return options_in(directory.path() + "/" + machine, shared_view(objects));
  }
  std::vector<std::string> found(TraceStore& from, const TraceId& id) {
    auto querier = from.querier();
    EXPECT_TRUE(querier) << querier.error().message;
    auto batch = (*querier)->find(id);
    EXPECT_TRUE(batch) << batch.error().message;
    return batch && *batch ? testing::canonical(**batch) : std::vector<std::string>();
  }
  // One trace in one block of the archive.
  TraceId archived_trace(TraceStore& into) {
    const TraceId id = source.trace_id();
    EXPECT_TRUE(into.append(source.batch({id}, 30, clock.now())));
    EXPECT_TRUE(into.flush());
    EXPECT_TRUE(into.archive_everything());
    return id;
  }
  size_t object_count() { return real->list("blocks/")->size(); }

  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  std::unique_ptr<io::ObjectStore> real =
      io::make_local_object_store(*fs, directory.path() + "/bucket");
  io::FaultyObjectStore objects{*real, {}};
  ManualClock clock{kStart};
  Telemetry telemetry;
  SpanSource source{7};
  std::unique_ptr<TraceStore> store;
};

TEST_F(ArchiveFixture, BlocksMoveAndAreFoundByTheNextMachine) {
  open("first", store);
  std::map<TraceId, std::vector<std::string>> contents;
  for (int i = 0; i < 3; ++i) {
    const TraceId id = archived_trace(*store);
    contents[id] = found(*store, id);
    EXPECT_FALSE(contents[id].empty());
  }
  EXPECT_TRUE(fs->exists(directory.path() + "/bucket/manifest"));
  EXPECT_EQ(store->stats().archived_blocks, store->stats().block_count);
  store.reset();
  std::filesystem::remove_all(directory.path() + "/first");
  open("second", store);
  for (const auto& [id, content] : contents) EXPECT_EQ(found(*store, id), content);
  int shown = 0;
  const auto querier = store->querier();
  ASSERT_TRUE((*querier)->scan({}, [&](RowGroup& group) {
    shown += static_cast<int>(group.traces().size());
    return true;
  }));
  EXPECT_EQ(shown, 3);
}

TEST_F(ArchiveFixture, BlocksWaitUntilTheyAreWorthAMove) {
  auto o = options("one");
  o.upload_bytes_min = 1 << 30;
  o.upload_after = std::chrono::minutes(5);
  auto opened = TraceStore::open(*fs, clock, telemetry, o);
  ASSERT_TRUE(opened);
  const TraceId id = source.trace_id();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE((*opened)->append(source.batch({id}, 10, clock.now())));
    ASSERT_TRUE((*opened)->flush());
    ASSERT_TRUE((*opened)->archive());
    clock.advance(std::chrono::seconds(60));
  }
  EXPECT_EQ((*opened)->stats().archived_blocks, 0u);
  EXPECT_EQ((*opened)->stats().block_count, 3u);
  clock.advance(std::chrono::minutes(3));
  ASSERT_TRUE((*opened)->archive());
  EXPECT_EQ((*opened)->stats().archived_blocks, 1u);  // merged into one
  EXPECT_EQ((*opened)->stats().block_count, 1u);
  EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_uploaded_total"), 1u);
}

TEST_F(ArchiveFixture, CompactionAndRetentionWorkThere) {
  open("one", store);
  const TraceId pinned = archived_trace(*store);
  store->pin(pinned);
  const auto content = found(*store, pinned);
  std::vector<TraceId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(archived_trace(*store));
  EXPECT_LT(store->stats().archived_blocks, 6u);
  for (const TraceId& id : ids) EXPECT_FALSE(found(*store, id).empty());
  EXPECT_EQ(object_count(), store->stats().archived_blocks);
  clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(store->archive());
  for (const TraceId& id : ids) EXPECT_TRUE(found(*store, id).empty());
  EXPECT_EQ(found(*store, pinned), content);
  EXPECT_EQ(object_count(), 1u);
  open("other", store);  // pins are local; the block that holds pinned traces is not
  EXPECT_EQ(found(*store, pinned), content);
  store->pin(pinned);
  store->unpin(pinned);
  ASSERT_TRUE(store->archive());
  EXPECT_EQ(object_count(), 0u);
}

TEST_F(ArchiveFixture, AReaderKeepsTheObjectsItReads) {
  open("one", store);
  const TraceId id = archived_trace(*store);
  const auto content = found(*store, id);
  auto held = store->querier();
  clock.advance(std::chrono::hours(2));
  ASSERT_TRUE(store->archive());
  EXPECT_EQ(store->stats().block_count, 0u);
  EXPECT_EQ(object_count(), 1u);
  std::filesystem::remove_all(directory.path() + "/one/blocks/cache");
  {
    const auto batch = (*held)->find(id);
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ(testing::canonical(**batch), content);
  }
  held = fail(Errc::kCancelled, "let go");
  ASSERT_TRUE(store->archive());
  EXPECT_EQ(object_count(), 0u);
}

TEST_F(ArchiveFixture, StorageThatIsAwayAtStartDoesNotKeepSpansOut) {
  const QuietLog quiet;
  open("one", store);
  const TraceId old = archived_trace(*store);
  store.reset();
  objects.set_plan({.fail_at = 1, .mode = io::FaultMode::kFromThen, .count_reads = true});
  open("one", store);
  const TraceId fresh = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({fresh}, 5, clock.now())));
  EXPECT_FALSE(store->archive());
  const auto querier = store->querier();
  ASSERT_FALSE(querier);
  EXPECT_EQ(querier.error().code, Errc::kUnavailable);
  objects.set_plan({});
  ASSERT_TRUE(store->archive());  // waits for its next try
  EXPECT_FALSE(store->querier());
  clock.advance(kArchiveRetryMax);
  ASSERT_TRUE(store->archive());
  EXPECT_FALSE(found(*store, old).empty());
  EXPECT_FALSE(found(*store, fresh).empty());
}

TEST_F(ArchiveFixture, StorageThatRefusesEndsTheStart) {
  objects.set_plan({.fail_at = 1, .error = Errc::kIo, .count_reads = true});
  const auto refused = TraceStore::open(*fs, clock, telemetry, options("one"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("object storage"), std::string::npos);
}

TEST_F(ArchiveFixture, AnAnswerThatLacksABlockIsAnError) {
  const QuietLog quiet;
  open("one", store);
  const TraceId id = archived_trace(*store);
  store.reset();
  std::filesystem::remove_all(directory.path() + "/one/blocks/cache");
  open("one", store);
  objects.set_plan({.fail_at = 1, .mode = io::FaultMode::kFromThen, .count_reads = true});
  const auto querier = store->querier();
  EXPECT_EQ((*querier)->find(id).error().code, Errc::kUnavailable);
  EXPECT_EQ((*querier)->scan({}, [](RowGroup&) { return true; }).error().code, Errc::kUnavailable);
  // The value index is local.
  EXPECT_TRUE((*querier)->attribute_keys({{AttributeScope::kSpan}}));
  objects.set_plan({});
  EXPECT_FALSE(found(*store, id).empty());
  EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_quarantined_total"), 0u);
}

TEST_F(ArchiveFixture, ADamagedOrMissingBlockIsSetAsideAndTheOthersAnswer) {
  const QuietLog quiet;
  for (const bool missing : {false, true}) {
    real = io::make_local_object_store(*fs, directory.path() + (missing ? "/b1" : "/b2"));
    io::FaultyObjectStore fresh(*real, {});
    auto o = options_in(directory.path() + (missing ? "/m1" : "/m2"), shared_view(fresh));
    o.compaction_inputs_min = 100;
    auto opened = TraceStore::open(*fs, clock, telemetry, o);
    ASSERT_TRUE(opened);
    const TraceId damaged = archived_trace(**opened), sound = archived_trace(**opened);
    const std::string key = real->list("blocks/")->front().key;
    opened->reset();
    std::filesystem::remove_all(o.blocks_directory + "/cache");
    std::string bytes = *real->get(key);
    bytes[bytes.size() / 3] ^= 1;
    ASSERT_TRUE(missing ? real->remove(key) : real->put(key, bytes));
    opened = TraceStore::open(*fs, clock, telemetry, o);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(found(**opened, damaged).empty());
    EXPECT_FALSE(found(**opened, sound).empty());
    ASSERT_TRUE((*opened)->archive());
    EXPECT_EQ((*opened)->stats().block_count, 1u);
    EXPECT_EQ(real->get(key).has_value(), !missing);  // for people to look at
    opened->reset();
    opened = TraceStore::open(*fs, clock, telemetry, o);  // it is not opened again
    ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->stats().block_count, 1u);
  }
  EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_quarantined_total"), 2u);
}

TEST_F(ArchiveFixture, ALostOrDamagedManifestIsMadeAnew) {
  const QuietLog quiet;
  open("one", store);
  std::vector<TraceId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(archived_trace(*store));
  store.reset();
  const std::string manifest = *real->get("manifest");
  for (size_t at = 0; at <= manifest.size(); at += 7) {
    std::string bytes = manifest;
    if (at > 0) bytes[at - 1] ^= 8;
    ASSERT_TRUE(at == 0 ? real->remove("manifest") : real->put("manifest", bytes));
    open("one", store);
    for (const TraceId& id : ids) EXPECT_FALSE(found(*store, id).empty()) << at;
    store.reset();
  }
}

TEST_F(ArchiveFixture, WhoTookTheArchiveOverIsNotDisturbed) {
  const QuietLog quiet;
  open("one", store);
  const TraceId old = archived_trace(*store);
  std::unique_ptr<TraceStore> successor;
  open("two", successor);
  const TraceId late = source.trace_id();
  ASSERT_TRUE(store->append(source.batch({late}, 5, clock.now())));
  ASSERT_TRUE(store->flush());
  const auto refused = store->archive();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kAlreadyExists);
  EXPECT_FALSE(found(*store, late).empty());  // still local
  clock.advance(std::chrono::hours(2));
  EXPECT_FALSE(store->archive());  // retention takes nothing away either
  EXPECT_FALSE(found(*successor, old).empty());
  const TraceId next = archived_trace(*successor);
  EXPECT_FALSE(found(*successor, next).empty());
}

TEST_F(ArchiveFixture, LocalBlocksOfAnotherHistoryAreNotTakenForMovedOnes) {
  open("one", store);
  const TraceId moved = archived_trace(*store);
  store.reset();
  // Another machine, which has no archive yet and whose blocks have the same ids.
  auto local = options("two");
  local.objects = nullptr;
  auto other = TraceStore::open(*fs, clock, telemetry, local);
  ASSERT_TRUE(other);
  const TraceId own = source.trace_id();
  ASSERT_TRUE((*other)->append(source.batch({own}, 5, clock.now())));
  ASSERT_TRUE((*other)->flush());
  other->reset();
  open("two", store);
  EXPECT_FALSE(found(*store, own).empty());
  EXPECT_FALSE(found(*store, moved).empty());
  ASSERT_TRUE(store->archive_everything());
  EXPECT_FALSE(found(*store, own).empty());
  EXPECT_FALSE(found(*store, moved).empty());
}

TEST(ArchiveManifest, ReadsWhatItWroteAndNothingElse) {
  ArchiveManifest manifest{.generation = 7, .owner = {1, 2, 3}, .next_id = 12};
  manifest.blocks = {{3, 100, 90, 0xabcd, false}, {11, 1ull << 40, 8, 1, true}};
  const std::string bytes = manifest.encode();
  const auto read = ArchiveManifest::decode(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->encode(), bytes);
  EXPECT_EQ(read->blocks[1].bytes, 1ull << 40);
  EXPECT_TRUE(read->blocks[1].is_set_aside);
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(ArchiveManifest::decode(bytes.substr(0, length)));
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    EXPECT_FALSE(ArchiveManifest::decode(damaged)) << at;
  }
  ArchiveManifest impossible = manifest;
  impossible.blocks[0].id = 11;  // twice
  EXPECT_FALSE(ArchiveManifest::decode(impossible.encode()));
}

// Manifests that earlier versions wrote stay readable. SIGHTLINE_REWRITE=1 writes the file anew.
TEST(ArchiveManifest, TheGoldenFileStillReads) {
  ArchiveManifest manifest{.generation = 7, .owner = {1, 2, 3}, .next_id = 12};
  manifest.blocks = {{3, 100, 90, 0xabcd, false}, {11, 1ull << 40, 8, 1, true}};
  const std::string path = std::string(SIGHTLINE_TESTDATA) + "/golden_v1.manifest";
  const auto fs = io::make_posix_file_system();
  if (std::getenv("SIGHTLINE_REWRITE") != nullptr) {
    ASSERT_TRUE((*fs->create(path))->append(manifest.encode()));
  }
  const auto bytes = fs->read_all(path);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, manifest.encode());
  EXPECT_TRUE(ArchiveManifest::decode(*bytes));
}

using Acknowledged = std::map<TraceId, std::vector<std::pair<SpanId, model::SpanKind>>>;

// No span that was acknowledged is missing, or the answer is an error; no trace is shown twice.
void expect_honest(const TraceStore& store, const Acknowledged& acknowledged, bool must_answer) {
  const auto querier = store.querier();
  ASSERT_TRUE(querier || !must_answer) << querier.error().message;
  if (!querier) return;
  std::map<TraceId, int> shown;
  const auto scanned = (*querier)->scan({}, [&](RowGroup& group) {
    for (const TraceRows& trace : group.traces()) ++shown[trace.id];
    return true;
  });
  ASSERT_TRUE(scanned || !must_answer) << scanned.error().message;
  for (const auto& [id, spans] : acknowledged) {
    EXPECT_TRUE(!scanned || shown[id] == 1) << to_hex(id);
    const auto found = (*querier)->find(id);
    ASSERT_TRUE(found || !must_answer) << found.error().message;
    if (!found) continue;
    ASSERT_TRUE(*found) << to_hex(id);
    for (const auto& [span_id, kind] : spans)
      EXPECT_TRUE(
          std::any_of((*found)->spans.begin(), (*found)->spans.end(),
                      [&](const auto& s) { return s.span_id == span_id && s.kind == kind; }))
          << to_hex(id) << " lost " << to_hex(span_id);
  }
}

// Appends, cuts, moves, merges, pins and expires; errors are allowed, lies are not. The cache is small, so that reading
// asks the storage now and then.
void use_store(io::FileSystem& fs, TraceStoreOptions options, Acknowledged& acknowledged) {
  SpanSource source(5);
  ManualClock clock(kStart);
  Telemetry telemetry;
  options.cache_bytes_max = 3'000;
  auto store = TraceStore::open(fs, clock, telemetry, options);
  if (!store) return;
  const TraceId pinned = source.trace_id();
  (*store)->pin(pinned);
  for (int round = 0; round < 4; ++round) {
    const auto batch = source.batch({source.trace_id(), pinned}, 12, clock.now());
    if ((*store)->append(batch))
      for (const auto& span : batch->spans)
        acknowledged[span.trace_id].emplace_back(span.span_id, span.kind);
    clock.advance(std::chrono::seconds(11));
    (void)(*store)->maintain();
    (void)(*store)->archive();
    expect_honest(**store, acknowledged, false);
  }
  clock.advance(kArchiveRetryMax);
  (void)(*store)->archive();
}

TEST(ArchiveFaults, NothingAcknowledgedIsLostWhicheverRequestFails) {
  const QuietLog quiet;
  const auto fs = io::make_posix_file_system();
  uint64_t tried = 0;
  for (const auto mode : {io::FaultMode::kOnce, io::FaultMode::kFromThen}) {
    for (const bool happened_all_the_same : {false, true}) {
      for (const bool reads : {false, true}) {
        uint64_t fault = 1;
        for (;; ++fault, ++tried) {
          SCOPED_TRACE("fault " + std::to_string(fault) + (reads ? " counting reads" : "") +
                       (happened_all_the_same ? ", carried out," : "") +
                       (mode == io::FaultMode::kOnce ? " once" : " from then"));
          io::TestingDirectory directory;
          const auto real = io::make_local_object_store(*fs, directory.path() + "/bucket");
          io::FaultyObjectStore faulty(*real, {.fail_at = fault,
                                               .mode = mode,
                                               .half_writes = happened_all_the_same,
                                               .count_reads = reads});
          Acknowledged acknowledged;
          use_store(*fs, options_in(directory.path(), shared_view(faulty)), acknowledged);
          // The next process, whose storage answers.
          ManualClock clock(kStart);
          Telemetry telemetry;
          auto store = TraceStore::open(*fs, clock, telemetry,
                                        options_in(directory.path(), shared_view(*real)));
          ASSERT_TRUE(store) << store.error().message;
          expect_honest(**store, acknowledged, true);
          ASSERT_TRUE((*store)->flush());
          ASSERT_TRUE((*store)->archive_everything());
          expect_honest(**store, acknowledged, true);
          EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_quarantined_total"), 0u);
          // No object is left over, and none is missing.
          EXPECT_EQ(real->list("blocks/")->size(), (*store)->stats().archived_blocks);
          if (!faulty.fired() || ::testing::Test::HasFailure()) break;
        }
        if (::testing::Test::HasFailure()) return;
        EXPECT_GT(fault, reads ? 25u : 12u);
      }
    }
  }
  std::printf("%llu faults of object storage tried\n", static_cast<unsigned long long>(tried));
}

// The same with the local disk failing while blocks move: every seventh operation, all of them with SIGHTLINE_ALL_FAULTS.
TEST(ArchiveFaults, NothingAcknowledgedIsLostWhicheverFileOperationFails) {
  const QuietLog quiet;
  const auto fs = io::make_posix_file_system();
  const uint64_t step = std::getenv("SIGHTLINE_ALL_FAULTS") != nullptr ? 1 : 7;
  uint64_t tried = 0;
  for (const auto mode : {io::FaultMode::kOnce, io::FaultMode::kFromThen}) {
    for (uint64_t fault = 1;; fault += step, ++tried) {
      SCOPED_TRACE("fault " + std::to_string(fault) +
                   (mode == io::FaultMode::kOnce ? " once" : " from then"));
      io::TestingDirectory directory;
      const auto real = io::make_local_object_store(*fs, directory.path() + "/bucket");
      io::FaultyFileSystem faulty(*fs, {.fail_at = fault, .mode = mode});
      Acknowledged acknowledged;
      auto options = options_in(directory.path(), shared_view(*real));
      options.sync = io::SyncPolicy::kAlways;
      use_store(faulty, options, acknowledged);
      ManualClock clock(kStart);
      Telemetry telemetry;
      auto store = TraceStore::open(*fs, clock, telemetry, options);
      ASSERT_TRUE(store) << store.error().message;
      expect_honest(**store, acknowledged, true);
      EXPECT_EQ(telemetry.counter_total("sightline_tracestore_blocks_quarantined_total"), 0u);
      if (!faulty.fired()) break;
      if (::testing::Test::HasFailure()) return;
    }
  }
  std::printf("%llu faults of the file system tried\n", static_cast<unsigned long long>(tried));
}

}  // namespace
}  // namespace sightline::tracestore
