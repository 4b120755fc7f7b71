#include "base/cpu_share.h"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <thread>

namespace sightline {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr CpuShareOptions kTwo{.processors = 2};

TEST(CpuShareRule, AllWhileTheRestOfTheProcessDoesLittle) {
  EXPECT_EQ(next_cpu_share(kTwo, {.own = 2, .others = 0.1, .idle = 0}), 2);
}

TEST(CpuShareRule, WhereNothingIdlesItIsHalvedDownToTheLeast) {
  EXPECT_EQ(next_cpu_share(kTwo, {.own = 1, .others = 1, .idle = 0.05}), 0.5);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.1, .others = 1.5, .idle = 0}), 0.12);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0, .others = 2, .idle = 0}), 0.16);
}

TEST(CpuShareRule, WhereOtherProgramsTakeTheMachineItIsAPartOfWhatIsLeft) {
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.02, .others = 0.5, .idle = 0}), 0.04);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.2, .others = 0.1, .idle = 0}), 0.1);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0, .others = 0.1, .idle = 0}), 0.02);
}

TEST(CpuShareRule, WhatIdlesIsTakenButForAReserve) {
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.5, .others = 0.5, .idle = 1}), 1.3);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 1.3, .others = 0.5, .idle = 0.2}), 1.3);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0, .others = 0.5, .idle = 0.15}), 0.04);
}

// Burns that much of a processor, by the calling thread.
void work_for(nanoseconds time) {
  const auto taken = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
  };
  volatile uint64_t sum = 0;
  for (const auto until = taken() + time; taken() < until;) sum = sum + 1;
}

// Goes on when somebody says so, for all threads.
struct SteppedClock final : Clock {
  TimestampNs now() const override { return {static_cast<uint64_t>(monotonic().count())}; }
  nanoseconds monotonic() const override { return nanoseconds(ns.load()); }
  void advance(nanoseconds by) { ns += by.count(); }
  std::atomic<int64_t> ns{0};
};

// Two processors, both at work for the process, or both idle.
struct CpuShareTest : ::testing::Test {
  CpuShare::Usage usage() {
    const nanoseconds both = 2 * clock.monotonic();
    if (is_busy) return {both, {}};
    return {{}, both};
  }
  CpuShare make(double least, nanoseconds brief) {
    return {clock,
            {.processors = 2, .least = least, .window = milliseconds(5), .brief = brief},
            [this] { return usage(); }};
  }
  // Until windows have shown that the machine is busy.
  void make_short(CpuShare& share, CpuShare::Work& work) {
    for (int i = 0; i < 4; ++i) {
      clock.advance(milliseconds(5));
      work.rest([] { return true; });
    }
    ASSERT_LT(share.share(), 0.2);
  }

  std::atomic<bool> is_busy{true};
  SteppedClock clock;
};

TEST_F(CpuShareTest, WorkWaitsWhileTheMachineIsBusy) {
  CpuShare share = make(0.05, nanoseconds(0));
  CpuShare::Work work(share);
  make_short(share, work);
  int waited_ms = 0;
  for (int i = 0; i < 10; ++i) {
    work_for(milliseconds(2));
    work.rest([&] {
      clock.advance(milliseconds(1));
      ++waited_ms;
      return false;
    });
  }
  // A tenth of a processor for 20 ms of work, less what was left over before.
  EXPECT_GT(waited_ms, 80);
}

TEST_F(CpuShareTest, WhoIsCancelledWaitsNoLonger) {
  CpuShare share = make(0.05, nanoseconds(0));
  CpuShare::Work work(share);
  make_short(share, work);
  work_for(milliseconds(20));
  int asked = 0;
  work.rest([&] { return ++asked == 2; });
  EXPECT_EQ(asked, 2);
}

TEST_F(CpuShareTest, NobodyWaitsOnAnIdleMachine) {
  is_busy = false;
  CpuShare share = make(0.05, nanoseconds(0));
  CpuShare::Work work(share);
  int waits = 0;
  for (int i = 0; i < 20; ++i) {
    work_for(milliseconds(1));
    clock.advance(milliseconds(1));
    work.rest([&] { return ++waits > 0; });
  }
  EXPECT_EQ(waits, 0);
  EXPECT_EQ(share.share(), 2);
}

// Long work has taken more than there is, and waits; what is brief does not wait for that.
TEST_F(CpuShareTest, BriefWorkGoesAheadOfLongWork) {
  CpuShare share = make(0.05, milliseconds(10));
  CpuShare::Work exhaustive(share);
  make_short(share, exhaustive);
  work_for(milliseconds(20));
  exhaustive.rest([] { return true; });
  std::atomic<bool> ended{false}, waits{false};
  std::thread waiting([&] {
    exhaustive.rest([&] {
      waits = true;
      return ended.load();
    });
  });
  while (!waits) std::this_thread::yield();
  CpuShare::Work brief(share);
  int asked = 0;
  for (int i = 0; i < 5; ++i) {
    work_for(milliseconds(1));
    brief.rest([&] { return ++asked > 0; });
  }
  EXPECT_EQ(asked, 0);
  ended = true;
  waiting.join();
}

// What goes on and on is long after a while, however brief its pieces.
TEST_F(CpuShareTest, WorkIsBriefForAWhileOnly) {
  CpuShare share = make(0.05, milliseconds(10));
  CpuShare::Work work(share);
  make_short(share, work);
  int asked = 0, pieces = 0;
  for (; pieces < 20 && asked == 0; ++pieces) {
    work_for(milliseconds(2));
    work.rest([&] { return ++asked > 0; });
  }
  EXPECT_EQ(asked, 1);
  EXPECT_GE(pieces, 3);
}

TEST_F(CpuShareTest, LongWorkGoesInTheOrderItCame) {
  CpuShare share = make(0.05, nanoseconds(0));
  CpuShare::Work first(share), second(share);
  make_short(share, first);
  struct Waiter {
    std::atomic<int> asked{0};
    std::atomic<bool> went{false};
  } waiters[2];
  const auto wait = [](CpuShare::Work& work, Waiter& waiter) {
    work_for(milliseconds(10));
    work.rest([&] {
      ++waiter.asked;
      return false;
    });
    waiter.went = true;
  };
  std::thread threads[] = {std::thread([&] { wait(second, waiters[1]); }),
                           std::thread([&] { wait(first, waiters[0]); })};
  // Both have looked since, or one is through.
  const auto let_look = [&] {
    const int seen[] = {waiters[0].asked, waiters[1].asked};
    while (!waiters[0].went && !waiters[1].went &&
           (waiters[0].asked < seen[0] + 2 || waiters[1].asked < seen[1] + 2))
      std::this_thread::yield();
  };
  let_look();
  while (!waiters[0].went && !waiters[1].went) {
    clock.advance(milliseconds(5));
    let_look();
  }
  EXPECT_TRUE(waiters[0].went);
  EXPECT_FALSE(waiters[1].went);
  while (!waiters[1].went) {
    clock.advance(milliseconds(5));
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CpuShare, TheMachineTellsWhatIsUsed) {
  const auto before = CpuShare::usage_now();
  work_for(milliseconds(20));
  const auto after = CpuShare::usage_now();
  EXPECT_GE(after.process - before.process, milliseconds(1));
  EXPECT_GE(after.idle, before.idle);
  EXPECT_GT(after.idle.count(), 0);
}

}  // namespace
}  // namespace sightline
