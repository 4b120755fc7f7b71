// What a store goes through in its life: kill -9 at random points, a clock that jumps, series that come and go.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/random.h"
#include "tsdb/testing_store.h"

namespace sightline::tsdb {
namespace {

using model::Labels;
using model::make_labels;

TsdbOptions busy_options() {
  TsdbOptions options;
  options.future_max_ms = 0;
  options.retention_time_ms = 0;
  options.head_window_ms = 10 * kMinuteMs;
  options.block_duration_ms = 20 * kMinuteMs;
  options.wal_segment_bytes_max = 20'000;
  options.exemplars.per_window_max = 200;  // none is thinned away
  return options;
}

constexpr int64_t kStepMs = 10'000;
constexpr int kSeries = 5;

Labels steady(int s) { return make_labels({{"__name__", "steady"}, {"s", std::to_string(s)}}); }
Labels victim() { return make_labels({{"__name__", "victim"}}); }
int64_t time_of(int64_t step) { return kTestStart + step * kStepMs; }

// What the process under load said was done, before it was killed.
struct Word {
  enum Kind : int64_t { kCommitted, kDeleted } kind = kCommitted;
  int64_t step = 0;
};

// Writes, deletes and maintains until it is killed.
[[noreturn]] void work_until_killed(const TsdbOptions& options, int64_t step, int to) {
  const auto fs = io::make_posix_file_system();
  ManualClock clock({0});
  Telemetry telemetry;
  auto db = Tsdb::open(*fs, clock, telemetry, options);
  if (!db) _exit(1);
  const auto say = [&](Word word) {
    if (::write(to, &word, sizeof word) != sizeof word) _exit(2);
  };
  std::thread keeper([&] {
    for (;;) (*db)->maintain();
  });
  const Matcher matcher = *Matcher::create(MatchOp::kEqual, "__name__", "victim");
  for (;; ++step) {
    const int64_t time = time_of(step);
    auto appender = (*db)->appender();
    for (int s = 0; s < kSeries; ++s) {
      const auto id = appender->series(steady(s));
      if (!id || !appender->append(*id, {time}, static_cast<double>(step))) _exit(3);
      if (!appender->append_exemplar(*id,
                                     test_exemplar(time, 1, static_cast<uint8_t>(step % 250 + 1))))
        _exit(4);
    }
    if (!appender->append(*appender->series(victim()), {time}, 1)) _exit(5);
    if (!appender->commit()) _exit(6);
    say({Word::kCommitted, step});
    if (step % 40 != 39) continue;
    if (!(*db)->delete_series({&matcher, 1}, {})) _exit(7);
    say({Word::kDeleted, step});
  }
}

// The next words; kills the process after `words` of them and takes what was still on its way.
std::vector<Word> kill_after(pid_t child, int from, uint64_t words) {
  std::vector<Word> heard;
  Word word;
  while (heard.size() < words && ::read(from, &word, sizeof word) == sizeof word)
    heard.push_back(word);
  ::kill(child, SIGKILL);
  while (::read(from, &word, sizeof word) == sizeof word) heard.push_back(word);
  return heard;
}

void expect_kept(TestingStore& store, int64_t last_step, int64_t deleted_step) {
  for (int s = 0; s < kSeries; ++s) {
    const SampleColumns columns = store.read(steady(s));
    ASSERT_GE(columns.times.size(), static_cast<size_t>(last_step + 1));
    ASSERT_LE(columns.times.size(), static_cast<size_t>(last_step + 2))
        << "one may not have been told";
    for (size_t i = 0; i < columns.times.size(); ++i) {
      ASSERT_EQ(columns.times[i], time_of(static_cast<int64_t>(i)));
      ASSERT_EQ(columns.values[i], static_cast<double>(i));
    }
    const auto exemplars = store.exemplars(steady(s));
    ASSERT_EQ(exemplars.size(), columns.times.size());
    for (size_t i = 0; i < exemplars.size(); ++i)
      ASSERT_EQ(exemplars[i].time.value, time_of(static_cast<int64_t>(i)));
  }
  for (const int64_t time : store.read(victim()).times)
    ASSERT_GT(time, time_of(deleted_step)) << "was deleted";
}

TEST(Endurance, KillAtRandomPointsUnderLoadLosesNothing) {
  const char* given = std::getenv("SIGHTLINE_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : Random::entropy_seed();
  SCOPED_TRACE("SIGHTLINE_SEED=" + std::to_string(seed));
  Random random(seed);
  TestingStore store(busy_options());
  int64_t last_step = -1;
  int64_t deleted_step = -1;
  for (int round = 0; round < 12; ++round) {
    store.close();
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe[0]);
      work_until_killed(store.options(), last_step + 1, pipe[1]);
    }
    ::close(pipe[1]);
    const auto heard = kill_after(child, pipe[0], 1 + random.below(round < 6 ? 20 : 200));
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself with " << WEXITSTATUS(status);
    for (const Word& word : heard)
      (word.kind == Word::kCommitted ? last_step : deleted_step) = word.step;
    store.reopen();
    expect_kept(store, last_step, deleted_step);
    if (::testing::Test::HasFatalFailure()) return;
    last_step = static_cast<int64_t>(store.read(steady(0)).times.size()) - 1;
  }
  EXPECT_EQ(store.db().stats().corruptions, 0u);
}

TEST(Endurance, ASecondProcessOnTheDirectoryIsRefused) {
  TestingStore store;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto fs = io::make_posix_file_system();
    ManualClock clock({0});
    Telemetry telemetry;
    const auto second = Tsdb::open(*fs, clock, telemetry, store.options());
    ::_exit(!second && second.error().code == Errc::kAlreadyExists ? 42 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_TRUE(store.add(steady(0), kTestStart, 1)) << "the first one goes on";
}

// Days ahead and back again at each step: what was taken stays, and when the clock is right again all is taken.
TEST(Endurance, AClockThatJumpsLosesNothing) {
  Random random(9);
  TsdbOptions options;
  options.retention_time_ms = 3 * kDayMs;
  TestingStore store(options);
  std::set<int64_t> taken;
  for (int64_t minute = 0; minute < 24 * 60; minute += 2) {
    const int64_t time = kTestStart + minute * kMinuteMs;
    const int64_t jump =
        random.below(3) == 0
            ? static_cast<int64_t>(random.below(static_cast<uint64_t>(20 * kDayMs))) - 10 * kDayMs
            : 0;
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(time + jump) * 1'000'000});
    const auto status = store.add(steady(0), time, 1);
    if (status) taken.insert(time);
    EXPECT_TRUE(status || (jump < 0 && status.error().code == Errc::kOutOfRange))
        << status.error().message;
    if (minute % 10 == 0) store.db().maintain();
    if (minute % 300 == 298) store.reopen();
  }
  EXPECT_GT(taken.size(), 24u * 60 / 2 / 2);
  const SampleColumns columns = store.read(steady(0));
  EXPECT_EQ(std::set<int64_t>(columns.times.begin(), columns.times.end()), taken);
}

// New series by the thousand, each with a few samples and then gone. SIGHTLINE_CHURN_SERIES says how many in all.
TEST(Endurance, SeriesThatComeAndGoLeaveNoMemoryBehind) {
  const char* given = std::getenv("SIGHTLINE_CHURN_SERIES");
  const uint64_t total = given != nullptr ? std::strtoull(given, nullptr, 10) : 60'000;
  const uint64_t rounds = 12;
  TsdbOptions options;
  options.future_max_ms = 0;
  options.retention_time_ms = kDayMs / 2;
  TestingStore store(options);
  size_t early = 0;
  size_t late = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    const int64_t start = kTestStart + static_cast<int64_t>(round) * 2 * kHourMs;
    for (int64_t k = 0; k < 2; ++k) {
      auto appender = store.db().appender();
      for (uint64_t i = 0; i < total / rounds; ++i) {
        const auto id = appender->series(make_labels({{"__name__", "churn"},
                                                      {"pod", std::to_string(round * total + i)},
                                                      {"path", "/" + std::to_string(i % 10)}}));
        ASSERT_TRUE(id && appender->append(*id, {start + k * kMinuteMs}, static_cast<double>(i)));
      }
      ASSERT_TRUE(appender->commit());
    }
    store.clock().set_wall(TimestampNs{static_cast<uint64_t>(start + 119 * kMinuteMs) * 1'000'000});
    for (int i = 0; i < 3; ++i) store.db().maintain();
    EXPECT_LE(store.db().stats().head.series, 2 * total / rounds);
    if (round == 3) early = mallinfo2().uordblks;
    late = mallinfo2().uordblks;
  }
  std::printf("churn of %llu series: %.1f MB in use after a third, %.1f MB at the end\n",
              static_cast<unsigned long long>(total), static_cast<double>(early) / 1e6,
              static_cast<double>(late) / 1e6);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(late, early + early / 4 + (4u << 20));
#endif
}

}  // namespace
}  // namespace sightline::tsdb
