// Pins and the compact set that holds them.
#include "tracestore/pins/pins.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "io/faulty_file_system.h"
#include "io/testing_directory.h"

namespace sightline::tracestore {
namespace {

TraceId trace(uint64_t n) {
  TraceId id;
  for (size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<uint8_t>(n >> (8 * i));
  id.bytes[15] = 1;
  return id;
}

TEST(TraceIdSet, IsASet) {
  Random random(3);
  TraceIdSet set;
  std::set<TraceFingerprint> plain;
  EXPECT_FALSE(set.contains(7));
  EXPECT_FALSE(set.erase(7));
  EXPECT_TRUE(set.run(0).empty());
  std::vector<TraceFingerprint> pool{0, UINT64_MAX, 1ull << 48, (1ull << 48) - 1};
  while (pool.size() < 3000)  // some beside each other, and many in one run
    pool.push_back(pool.size() % 3 == 0 ? random.next() : pool.back() + random.below(3));
  for (int i = 0; i < 60'000; ++i) {
    const TraceFingerprint id = pool[random.below(pool.size())];
    switch (random.below(3)) {
      case 0: ASSERT_EQ(set.insert(id), plain.insert(id).second); break;
      case 1: ASSERT_EQ(set.erase(id), plain.erase(id) == 1); break;
      default: ASSERT_EQ(set.contains(id), plain.contains(id)); break;
    }
    ASSERT_EQ(set.count(), plain.size());
  }
  std::vector<TraceFingerprint> all;
  for (size_t i = 0; i < TraceIdSet::kRuns; ++i)
    for (const TraceFingerprint id : set.run(i)) all.push_back(id);
  EXPECT_TRUE(std::equal(all.begin(), all.end(), plain.begin(), plain.end()));
}

TEST(TraceIdSet, MillionsTakeFewBytesEach) {
  TraceIdSet set;
  constexpr uint64_t kIds = 1'000'000;
  for (uint64_t i = 0; i < kIds; ++i) set.insert(fingerprint_of(trace(i)));
  ASSERT_EQ(set.count(), kIds);
  const double bytes = static_cast<double>(set.memory_bytes()) / kIds;
  std::printf("%.2f bytes a pin\n", bytes);
  EXPECT_LT(bytes, 9);
  for (uint64_t i = 0; i < kIds; ++i) set.erase(fingerprint_of(trace(i)));
  EXPECT_LE(set.memory_bytes(), TraceIdSet::kRuns * 16);  // unpinning frees
}

struct PinsFixture : ::testing::Test {
  void open() {
    pins.reset();
    auto opened = PinSet::open(*fs, directory.path() + "/pins", io::SyncPolicy::kNone);
    ASSERT_TRUE(opened) << opened.error().message;
    pins = std::move(*opened);
  }
  std::string log_bytes() {
    std::string all;
    const auto names = fs->list(directory.path() + "/pins");
    for (const std::string& name : *names)
      if (name.ends_with(".wal")) all += *fs->read_all(directory.path() + "/pins/" + name);
    return all;
  }
  io::TestingDirectory directory;
  std::unique_ptr<io::FileSystem> fs = io::make_posix_file_system();
  std::unique_ptr<PinSet> pins;
};

TEST_F(PinsFixture, SurviveARestartOnceFlushed) {
  open();
  pins->pin(trace(1));
  pins->pin(trace(1));
  pins->pin(trace(2));
  pins->pin(trace(3));
  pins->unpin(trace(2));
  pins->unpin(trace(9));
  EXPECT_EQ(pins->unpin_count(), 1u);
  ASSERT_TRUE(pins->flush());
  pins->pin(trace(4));  // lost: not flushed
  open();
  EXPECT_EQ(pins->count(), 2u);
  EXPECT_TRUE(pins->contains(trace(1)));
  EXPECT_FALSE(pins->contains(trace(2)));
  EXPECT_TRUE(pins->contains(trace(3)));
  EXPECT_FALSE(pins->contains(trace(4)));
}

TEST_F(PinsFixture, ReplaceFollowsItsSourceAndKeepsWhatComesMeanwhile) {
  open();
  for (uint64_t i = 0; i < 1000; ++i) pins->pin(trace(i));
  ASSERT_TRUE(pins->replace([&](const auto& wanted) -> Status {
    for (uint64_t i = 500; i < 1500; ++i) wanted(trace(i));
    pins->pin(trace(7));
    pins->pin(trace(5000));
    return {};
  }));
  EXPECT_EQ(pins->count(), 1002u);
  for (const uint64_t kept : {7, 500, 1499, 5000}) EXPECT_TRUE(pins->contains(trace(kept))) << kept;
  EXPECT_FALSE(pins->contains(trace(8)));
  const auto failed = pins->replace([&](const auto& wanted) -> Status {
    wanted(trace(9));
    return fail(Errc::kIo, "no");
  });
  EXPECT_FALSE(failed);
  EXPECT_EQ(pins->count(), 1003u);
}

TEST_F(PinsFixture, TheLogIsRewrittenWhenItOutgrowsTheSet) {
  open();
  for (uint64_t round = 0; round < 40; ++round) {
    for (uint64_t i = 0; i < 3000; ++i) pins->pin(trace(round * 3000 + i));
    ASSERT_TRUE(pins->flush());
    for (uint64_t i = 0; i < 2990; ++i) pins->unpin(trace(round * 3000 + i));
    ASSERT_TRUE(pins->flush());
  }
  EXPECT_LT(log_bytes().size(), 400'000u);  // of 1.9 million
  open();
  EXPECT_EQ(pins->count(), 400u);
  EXPECT_TRUE(pins->contains(trace(39 * 3000 + 2995)));
}

TEST_F(PinsFixture, ReadsTheWholeIdsOfEarlierVersions) {
  {
    io::RecordLogRecovery recovery;
    const auto nothing = [](uint64_t, uint8_t, std::string_view) -> Status { return {}; };
    auto log = io::RecordLog::open(*fs, directory.path() + "/pins", {}, nothing, &recovery);
    ASSERT_TRUE(log);
    std::string ids;
    for (const uint64_t n : {1, 2, 3})
      ids.append(reinterpret_cast<const char*>(trace(n).bytes.data()), sizeof(TraceId));
    ASSERT_TRUE((*log)->append(1, ids));
    ASSERT_TRUE((*log)->append(2, ids.substr(0, sizeof(TraceId))));
  }
  open();
  EXPECT_EQ(pins->count(), 2u);
  EXPECT_TRUE(pins->contains(trace(3)));
}

TEST_F(PinsFixture, AFailedFlushIsMadeUpFor) {
  io::FaultyFileSystem faulty(*fs, {});
  auto opened = PinSet::open(faulty, directory.path() + "/pins", io::SyncPolicy::kNone);
  ASSERT_TRUE(opened);
  (*opened)->pin(trace(1));
  faulty.set_plan({.fail_at = 1});
  EXPECT_FALSE((*opened)->flush());
  (*opened)->pin(trace(2));
  ASSERT_TRUE((*opened)->flush());
  opened->reset();
  open();
  EXPECT_EQ(pins->count(), 2u);
}

}  // namespace
}  // namespace sightline::tracestore
