#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/random.h"
#include "io/faulty_file_system.h"
#include "io/file_system.h"
#include "io/record_log.h"
#include "io/testing_directory.h"

namespace sightline::io {
namespace {

using Records = std::vector<std::string>;

// Opens the log, gathering its records.
Result<std::unique_ptr<RecordLog>> open_log(FileSystem& fs, const std::string& directory,
                                            Records& records, RecordLogOptions options = {},
                                            RecordLogRecovery* recovery = nullptr) {
  records.clear();
  return RecordLog::open(
      fs, directory, options,
      [&](uint64_t, uint8_t type, std::string_view payload) -> Status {
        records.push_back(std::to_string(type) + ":" + std::string(payload));
        return {};
      },
      recovery);
}

void append_raw(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::app) << bytes;
}

TEST(FileSystem, WritesReadsListsAndLocks) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  ASSERT_TRUE(write_file_atomically(*fs, dir.path() + "/a", "hello"));
  EXPECT_EQ(fs->read_all(dir.path() + "/a").value(), "hello");
  EXPECT_EQ(fs->open_read(dir.path() + "/a").value()->bytes(), "hello");
  EXPECT_EQ(fs->list(dir.path()).value(), std::vector<std::string>{"a"});
  EXPECT_EQ(fs->size_of_tree(dir.path()).value(), 5u);
  const auto missing = fs->open_read(dir.path() + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  auto lock = fs->lock(dir.path());
  ASSERT_TRUE(lock);
  const auto second = fs->lock(dir.path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kAlreadyExists);
  lock->reset();
  EXPECT_TRUE(fs->lock(dir.path()));
}

TEST(RecordLog, KeepsRecordsAcrossReopening) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  Records records;
  {
    auto log = open_log(*fs, dir.path(), records).value();
    ASSERT_TRUE(log->append(1, "one"));
    ASSERT_TRUE(log->append(2, ""));
  }
  {
    auto log = open_log(*fs, dir.path(), records).value();
    EXPECT_EQ(records, (Records{"1:one", "2:"}));
    ASSERT_TRUE(log->append(3, "three"));
  }
  (void)open_log(*fs, dir.path(), records);
  EXPECT_EQ(records, (Records{"1:one", "2:", "3:three"}));
}

TEST(RecordLog, EveryTruncationKeepsThePrefix) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  Records records;
  {
    auto log = open_log(*fs, dir.path() + "/a", records).value();
    for (const std::string payload : {"first", "second", "third"})
      ASSERT_TRUE(log->append(7, payload));
  }
  const std::string whole = fs->read_all(dir.path() + "/a/00000001.wal").value();
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::string copy = dir.path() + "/cut" + std::to_string(n);
    ASSERT_TRUE(fs->create_directories(copy));
    append_raw(copy + "/00000001.wal", whole.substr(0, n));
    RecordLogRecovery recovery;
    auto log = open_log(*fs, copy, records, {}, &recovery);
    ASSERT_TRUE(log) << n;
    const size_t expected = n < 8 + 14 ? 0 : n < 8 + 14 + 15 ? 1 : 2;
    EXPECT_EQ(records.size(), expected) << n;
    // And the log goes on from there.
    ASSERT_TRUE((*log)->append(7, "later")) << n;
    log->reset();
    (void)open_log(*fs, copy, records);
    EXPECT_EQ(records.size(), expected + 1) << n;
    EXPECT_EQ(records.back(), "7:later") << n;
  }
}

TEST(RecordLog, EveryFlippedByteIsFound) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  Records records;
  {
    auto log = open_log(*fs, dir.path() + "/a", records).value();
    ASSERT_TRUE(log->append(1, "payload"));
  }
  const std::string whole = fs->read_all(dir.path() + "/a/00000001.wal").value();
  for (size_t n = 0; n < whole.size(); ++n) {
    std::string broken = whole;
    broken[n] = static_cast<char>(broken[n] ^ 0x20);
    const std::string copy = dir.path() + "/flip" + std::to_string(n);
    ASSERT_TRUE(fs->create_directories(copy));
    append_raw(copy + "/00000001.wal", broken);
    RecordLogRecovery recovery;
    ASSERT_TRUE(open_log(*fs, copy, records, {}, &recovery));
    EXPECT_TRUE(records.empty()) << n;
    EXPECT_GT(recovery.bytes_dropped, 0u) << n;
    EXPECT_NE(recovery.note, "") << n;
  }
}

TEST(RecordLog, CutsAndRemovesSegments) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  Records records;
  auto log = open_log(*fs, dir.path(), records, {.segment_bytes_max = 64}).value();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(log->append(1, "0123456789"));
  const uint64_t segment = log->cut().value();
  ASSERT_TRUE(log->append(1, "kept"));
  ASSERT_TRUE(log->remove_before(segment));
  EXPECT_EQ(fs->list(dir.path()).value().size(), 1u);
  log.reset();
  (void)open_log(*fs, dir.path(), records);
  EXPECT_EQ(records, Records{"1:kept"});
}

TEST(RecordLog, ConcurrentAppendersLoseNothing) {
  const TestingDirectory dir;
  const auto fs = make_posix_file_system();
  Records records;
  {
    auto log = open_log(*fs, dir.path(), records, {.segment_bytes_max = 4096}).value();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i)
          ASSERT_TRUE(log->append(static_cast<uint8_t>(t), std::to_string(i)));
      });
    for (std::thread& thread : threads) thread.join();
  }
  (void)open_log(*fs, dir.path(), records);
  EXPECT_EQ(records.size(), 800u);
  // Of each thread the records lie in its order.
  std::vector<int> next(4, 0);
  for (const std::string& record : records) {
    const int t = record[0] - '0';
    EXPECT_EQ(record.substr(2), std::to_string(next[t]++));
  }
}

// Whatever single operation fails, once or for ever: what was acknowledged is
// there after reopening, in order. What was refused is not, unless the disk went
// away before it could be undone: then at most the one record in flight is.
TEST(RecordLog, EveryFaultKeepsWhatWasAcknowledged) {
  const auto real = make_posix_file_system();
  for (const FaultMode mode : {FaultMode::kOnce, FaultMode::kFromThen}) {
    for (const SyncPolicy sync : {SyncPolicy::kNone, SyncPolicy::kAlways}) {
      for (uint64_t n = 1;; ++n) {
        const TestingDirectory dir;
        FaultyFileSystem fs(*real, {.fail_at = n, .mode = mode});
        Records ignored;
        Records acknowledged;
        if (auto log = open_log(fs, dir.path() + "/wal", ignored,
                                {.sync = sync, .segment_bytes_max = 60})) {
          for (int i = 0; i < 8; ++i)
            if ((*log)->append(1, "record " + std::to_string(i)))
              acknowledged.push_back("1:record " + std::to_string(i));
        }
        Records found;
        ASSERT_TRUE(open_log(*real, dir.path() + "/wal", found)) << n;
        if (mode == FaultMode::kFromThen && found.size() == acknowledged.size() + 1)
          found.pop_back();
        EXPECT_EQ(found, acknowledged) << "fault at operation " << n;
        if (!fs.fired()) break;
        ASSERT_LT(n, 200u);
      }
    }
  }
}

}  // namespace
}  // namespace sightline::io
