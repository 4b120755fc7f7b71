// Every operation on the disk fails once, or everything after it fails: what was
// acknowledged is there after the next start, and nothing else.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "base/random.h"
#include "io/faulty_file_system.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

TsdbOptions small_options(const std::string& directory,
                          io::SyncPolicy sync = io::SyncPolicy::kNone) {
  TsdbOptions options;
  options.directory = directory;
  options.sync = sync;
  options.future_max_ms = 0;
  options.wal_segment_bytes_max = 2'000;
  options.retention_time_ms = 0;
  return options;
}

// What was acknowledged: time -> value, of two series; and exemplar times of the first.
struct Acknowledged {
  std::map<int64_t, double> samples;
  std::set<int64_t> exemplars;
  std::set<int64_t> deleted = {};    // samples that must not be there
  std::set<int64_t> uncertain = {};  // a delete of them failed half way: they may be there or not
};

void expect_exactly(Tsdb& db, const Acknowledged& acknowledged, bool only);

// Two hours from `from` on. After a failure some of it may be gone.
void delete_some(Tsdb& db, int64_t from, Acknowledged& acknowledged) {
  const Matcher steady = *Matcher::create(MatchOp::kEqual, "__name__", "steady");
  const TimeRange range{{from}, {from + 2 * kHourMs}};
  const bool done = static_cast<bool>(db.delete_series({&steady, 1}, range));
  for (auto at = acknowledged.samples.lower_bound(range.min.value);
       at != acknowledged.samples.end() && at->first <= range.max.value;) {
    (done ? acknowledged.deleted : acknowledged.uncertain).insert(at->first);
    acknowledged.samples.erase(at++);
  }
  acknowledged.exemplars.erase(acknowledged.exemplars.lower_bound(range.min.value),
                               acknowledged.exemplars.upper_bound(range.max.value));
}

// A snapshot that was acknowledged holds everything.
void copy_and_check(Tsdb& db, ManualClock& clock, const Acknowledged& acknowledged) {
  const auto name = db.write_snapshot(Tsdb::SnapshotHead::kWithHead);
  if (!name) return;
  const auto real = io::make_posix_file_system();
  Telemetry telemetry;
  TsdbOptions options = db.options();
  options.directory += "/snapshots/" + *name + "/metrics";
  auto copy = Tsdb::open(*real, clock, telemetry, options);
  ASSERT_TRUE(copy) << copy.error().message;
  expect_exactly(**copy, acknowledged, true);
}

const Labels kSteady = make_labels({{"__name__", "steady"}});

// Ten hours of samples with maintenance in between. Commits that fail are forgotten: nothing
// of them may be visible then.
void run_workload(Tsdb& db, ManualClock& clock, Acknowledged& acknowledged) {
  for (int64_t i = 0; i < 60; ++i) {
    const int64_t time = kTestStart + i * 10 * kMinuteMs;
    clock.set_wall(TimestampNs{static_cast<uint64_t>(time) * 1'000'000});
    auto appender = db.appender();
    const auto id = appender->series(kSteady);
    const auto churn =
        appender->series(make_labels({{"__name__", "churn"}, {"i", std::to_string(i / 8)}}));
    ASSERT_TRUE(id && churn);
    ASSERT_TRUE(appender->append(*id, {time}, static_cast<double>(i)));
    ASSERT_TRUE(appender->append(*churn, {time}, static_cast<double>(i)));
    const bool exemplar =
        i % 3 == 0 &&
        appender->append_exemplar(*id, test_exemplar(time, 1, static_cast<uint8_t>(i + 1)));
    if (appender->commit()) {
      acknowledged.samples[time] = static_cast<double>(i);
      if (exemplar) acknowledged.exemplars.insert(time);
    }
    if (i % 5 == 4) db.maintain();
    if (i == 25 || i == 45) delete_some(db, time - 4 * kHourMs, acknowledged);
    if (i == 35) copy_and_check(db, clock, acknowledged);
    if (i == 50) (void)db.clean_tombstones();
  }
}

void expect_exactly(Tsdb& db, const Acknowledged& acknowledged, bool only) {
  auto querier = db.querier();
  const Matcher steady = *Matcher::create(MatchOp::kEqual, "__name__", "steady");
  auto set = (*querier)->select({&steady, 1}, {});
  ASSERT_TRUE(set);
  SampleColumns columns;
  std::vector<model::Exemplar> exemplars;
  if ((*set)->size() > 0) {
    ASSERT_TRUE((*set)->read(0, {}, columns));
    ASSERT_TRUE((*set)->read_exemplars(0, {}, exemplars));
  }
  std::map<int64_t, double> found;
  for (size_t i = 0; i < columns.times.size(); ++i) found[columns.times[i]] = columns.values[i];
  std::set<int64_t> traces;
  for (const auto& e : exemplars) traces.insert(e.time.value);
  for (const auto& [time, value] : acknowledged.samples) {
    ASSERT_TRUE(found.contains(time)) << "lost " << time;
    ASSERT_EQ(found[time], value);
  }
  for (const int64_t time : acknowledged.exemplars)
    ASSERT_TRUE(traces.contains(time)) << "lost the exemplar at " << time;
  for (const int64_t time : acknowledged.deleted)
    ASSERT_FALSE(found.contains(time)) << "came back: " << time;
  for (const int64_t time : acknowledged.uncertain) found.erase(time);
  ASSERT_TRUE(!only || found.size() == acknowledged.samples.size());
}

void enumerate_faults(io::FaultMode mode, Errc error, io::SyncPolicy sync) {
  uint64_t operations = 0;
  // A fault that stays is much like the one a step later: those are sampled.
  for (uint64_t n = 1;; n += mode == io::FaultMode::kOnce ? 1 : 1 + n / 16) {
    io::TestingDirectory directory;
    const auto real = io::make_posix_file_system();
    ManualClock clock({static_cast<uint64_t>(kTestStart) * 1'000'000});
    Telemetry telemetry;
    const TsdbOptions options = small_options(directory.path() + "/db", sync);
    Acknowledged acknowledged;
    io::FaultyFileSystem faulty(*real, {.fail_at = n, .mode = mode, .error = error});
    {
      auto db = Tsdb::open(faulty, clock, telemetry, options);
      if (db) {
        run_workload(**db, clock, acknowledged);
        if (::testing::Test::HasFatalFailure()) return;
        expect_exactly(**db, acknowledged, true);
      }
    }
    SCOPED_TRACE("operation " + std::to_string(n));
    auto again = Tsdb::open(*real, clock, telemetry, options);
    ASSERT_TRUE(again) << again.error().message;
    // A sync that failed may have reached the disk all the same: more may be there, never less.
    expect_exactly(**again, acknowledged, false);
    if (::testing::Test::HasFatalFailure()) return;
    operations = faulty.operations();
    if (!faulty.fired()) break;
  }
  EXPECT_GT(operations, 100u);
}

TEST(Faults, DiskFullOnce) {
  enumerate_faults(io::FaultMode::kOnce, Errc::kUnavailable, io::SyncPolicy::kNone);
}
TEST(Faults, BrokenDiskFromThenOn) {
  enumerate_faults(io::FaultMode::kFromThen, Errc::kIo, io::SyncPolicy::kAlways);
}

// A store whose file system fails when it is told to.
struct FaultyStore : ::testing::Test {
  Status add(int64_t time) {
    auto appender = db->appender();
    const auto id = appender->series(kSteady);
    if (auto status = appender->append(*id, {time}, 1); !status) return status;
    return appender->commit();
  }

  io::TestingDirectory directory;
  const std::unique_ptr<io::FileSystem> real = io::make_posix_file_system();
  io::FaultyFileSystem faulty{*real, {}};
  ManualClock clock{{static_cast<uint64_t>(kTestStart) * 1'000'000}};
  Telemetry telemetry;
  const TsdbOptions options = small_options(directory.path() + "/db");
  std::unique_ptr<Tsdb> db = std::move(*Tsdb::open(faulty, clock, telemetry, options));
};

TEST_F(FaultyStore, DiskFullIsUnavailableAndPasses) {
  ASSERT_TRUE(add(kTestStart));
  faulty.set_plan({.fail_at = 1, .mode = io::FaultMode::kFromThen});
  const auto refused = add(kTestStart + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  faulty.set_plan({});
  EXPECT_TRUE(add(kTestStart + 1)) << "the same sample is taken once there is space";
  expect_exactly(*db, {.samples = {{kTestStart, 1}, {kTestStart + 1, 1}}}, true);
}

TEST_F(FaultyStore, FailedMaintenanceIsNotDueUntilItWasCalledAgain) {
  for (const int64_t time : {kTestStart, kTestStart + 2 * options.head_window_ms}) {
    clock.set_wall(TimestampNs{static_cast<uint64_t>(time) * 1'000'000});
    ASSERT_TRUE(add(time));
  }
  EXPECT_TRUE(db->is_maintenance_due());
  faulty.set_plan({.fail_at = 1, .mode = io::FaultMode::kFromThen});
  db->maintain();
  faulty.set_plan({});
  EXPECT_FALSE(db->is_maintenance_due());
  db->maintain();
  EXPECT_EQ(db->stats().blocks.size(), 1u);
  EXPECT_FALSE(db->is_maintenance_due());
}

// A file system of its own that can be filled to the last byte.
class SmallDisk {
 public:
  explicit SmallDisk(const char* size) {
    mounted_ = ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, size) == 0;
  }
  ~SmallDisk() {
    if (mounted_) (void)::umount2(directory_.path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  const std::string& path() const { return directory_.path(); }
  void fill() const {
    std::ofstream out(path() + "/filler", std::ios::binary);
    const std::string piece(4'096, 'x');
    while (out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }
  void free() const { std::filesystem::remove(path() + "/filler"); }

 private:
  io::TestingDirectory directory_;
  bool mounted_ = false;
};

// The disk really is full, again and again, while samples come and blocks are cut and merged.
TEST(Faults, RealDiskFullAndBack) {
  const SmallDisk disk("size=4m");
  if (!disk.mounted())
    GTEST_SKIP() << "NOT TESTED: a full disk needs to mount a small file system; run as root";
  const auto real = io::make_posix_file_system();
  ManualClock clock({static_cast<uint64_t>(kTestStart) * 1'000'000});
  Telemetry telemetry;
  TsdbOptions options = small_options(disk.path() + "/db");
  options.wal_segment_bytes_max = 20'000;
  auto db = std::move(*Tsdb::open(*real, clock, telemetry, options));
  constexpr int kSeries = 40;
  const auto labels = [](int s) {
    return make_labels({{"__name__", "disk"}, {"s", std::to_string(100 + s)}});
  };
  const auto add = [&](int64_t time) -> Status {
    auto appender = db->appender();
    for (int s = 0; s < kSeries; ++s) {
      const auto id = appender->series(labels(s));
      if (!id) return std::unexpected(id.error());
      if (auto status = appender->append(*id, {time}, std::sin(static_cast<double>(time + s)));
          !status)
        return status;
      if (auto status =
              appender->append_exemplar(*id, test_exemplar(time, 1, static_cast<uint8_t>(1 + s)));
          !status)
        return status;
    }
    return appender->commit();
  };
  std::vector<int64_t> acknowledged;
  const auto expect_all = [&] {
    auto querier = db->querier();
    auto set = (*querier)->select({}, {});
    ASSERT_TRUE(set);
    ASSERT_EQ((*set)->size(), static_cast<size_t>(kSeries));
    for (size_t s = 0; s < kSeries; ++s) {
      SampleColumns columns;
      std::vector<model::Exemplar> exemplars;
      ASSERT_TRUE((*set)->read(s, {}, columns));
      ASSERT_TRUE((*set)->read_exemplars(s, {}, exemplars));
      ASSERT_EQ(columns.times, acknowledged);
      for (size_t i = 0; i < columns.times.size(); ++i)
        ASSERT_EQ(columns.values[i],
                  std::sin(static_cast<double>(columns.times[i] + static_cast<int64_t>(s))));
      ASSERT_EQ(exemplars.size(), acknowledged.size());
    }
  };
  uint64_t refused = 0;
  int64_t time = kTestStart;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 60; ++i) {
      time += 2 * kMinuteMs;
      clock.set_wall(TimestampNs{static_cast<uint64_t>(time) * 1'000'000});
      if (i == 20) disk.fill();
      if (i == 40) disk.free();
      const auto status = add(time);
      if (status) {
        acknowledged.push_back(time);
      } else {
        ASSERT_EQ(status.error().code, Errc::kUnavailable) << status.error().message;
        ASSERT_TRUE(i >= 20 && i < 40)
            << "refused with space on the disk: " << status.error().message;
        ++refused;
      }
      if (i % 7 == 0) db->maintain();
    }
    expect_all();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(refused, 50u);
  EXPECT_GT(acknowledged.size(), 400u);
  EXPECT_EQ(db->stats().corruptions, 0u);
  db.reset();
  db = std::move(*Tsdb::open(*real, clock, telemetry, options));
  expect_all();
}

TEST(Faults, TornLogKeepsWhatIsWhole) {
  TestingStore store;
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(store.add(kSteady, kTestStart + i, i));
  store.close();
  const std::string segment = store.path("wal/00000001.wal");
  const auto size = std::filesystem::file_size(segment);
  std::filesystem::resize_file(segment, size - 3);
  store.reopen();
  EXPECT_EQ(store.read(kSteady).times.size(), 49u);
  EXPECT_GT(store.telemetry().counter_total("sightline_tsdb_wal_dropped_bytes_total"), 0u);
  ASSERT_TRUE(store.add(kSteady, kTestStart + 60, 60));
  store.reopen();
  EXPECT_EQ(store.read(kSteady).times.size(), 50u);
}

void flip_byte(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

// Any byte of any file of a block: found out, never a wrong sample, and the other block answers.
TEST(Faults, DamagedBlocksAreSetAside) {
  for (const char* name : {"chunks", "index", "exemplars", "meta.json"}) {
    SCOPED_TRACE(name);
    TsdbOptions options;
    options.future_max_ms = 0;
    TestingStore store(options);
    ASSERT_TRUE(store.add(kSteady, kTestStart, 1));
    ASSERT_TRUE(store.add_exemplar(kSteady, test_exemplar(kTestStart, 1, 1)));
    ASSERT_TRUE(store.db().flush());
    ASSERT_TRUE(store.add(kSteady, kTestStart + 3 * kHourMs, 2));
    ASSERT_TRUE(store.db().flush());
    store.close();
    const std::string file = store.path("block-00000001/" + std::string(name));
    const uint64_t size = std::filesystem::file_size(file);
    flip_byte(file, name == std::string("meta.json") ? 3 : size - 5);
    store.reopen();
    const SampleColumns columns = store.read(kSteady);
    EXPECT_EQ(columns.values.back(), 2);
    (void)store.exemplars(kSteady);
    store.db().maintain();
    EXPECT_EQ(store.read(kSteady).values, std::vector<double>{2});
    EXPECT_EQ(store.telemetry().counter_total("sightline_tsdb_blocks_quarantined_total"), 1u);
    EXPECT_TRUE(std::filesystem::exists(store.path("block-00000001.corrupt")));
    store.reopen();
    EXPECT_EQ(store.read(kSteady).values, std::vector<double>{2});
  }
}

TEST(Threads, WritersReadersAndMaintenanceTogether) {
  TsdbOptions options;
  options.future_max_ms = 0;
  options.retention_time_ms = 0;
  TestingStore store(options);
  constexpr int kWriters = 3;
  constexpr int kSteps = 300;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w)
    threads.emplace_back([&, w] {
      const Labels labels = make_labels({{"__name__", "w"}, {"w", std::to_string(w)}});
      for (int i = 0; i < kSteps; ++i) {
        const auto status = store.add(labels, kTestStart + i * kMinuteMs, i);
        // Another writer may be far ahead: then this one is out of bounds, as it should be.
        EXPECT_TRUE(status || status.error().code == Errc::kOutOfRange);
      }
    });
  std::thread reader([&] {
    while (!done.load()) {
      auto querier = store.db().querier();
      auto set = (*querier)->select({}, {});
      SampleColumns columns;
      for (size_t i = 0; i < (*set)->size(); ++i) {
        ASSERT_TRUE((*set)->read(i, {}, columns));
        for (size_t k = 0; k < columns.times.size(); ++k)
          ASSERT_EQ(columns.values[k],
                    static_cast<double>((columns.times[k] - kTestStart) / kMinuteMs));
      }
    }
  });
  std::thread keeper([&] {
    while (!done.load()) store.db().maintain();
  });
  for (auto& t : threads) t.join();
  done = true;
  reader.join();
  keeper.join();
  store.reopen();
  EXPECT_EQ(store.db().stats().corruptions, 0u);
}

}  // namespace
}  // namespace sightline::tsdb
