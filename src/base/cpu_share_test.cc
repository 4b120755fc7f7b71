#include "base/cpu_share.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

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
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.1, .others = 1.5, .idle = 0}), 0.09);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0, .others = 2, .idle = 0}), 0.12);
  // Where other processes take most of the machine, too.
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.02, .others = 0.5, .idle = 0}), 0.03);
}

TEST(CpuShareRule, WhatIdlesIsTakenButForAReserve) {
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.5, .others = 0.5, .idle = 1}), 1.3);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 1.3, .others = 0.5, .idle = 0.2}), 1.3);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0, .others = 0.5, .idle = 0.15}), 0.03);
}

TEST(CpuShareRule, HalvedWhileTheOthersWaitForAProcessorWhateverIdles) {
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.8, .others = 1, .idle = 0.5, .waited = 0.11}),
                   0.4);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.01, .others = 1, .idle = 0.5, .waited = 2}),
                   0.06);
}

TEST(CpuShareRule, GrowsWhileTheOthersDoNotWait) {
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.8, .others = 1, .idle = 0.5, .waited = 0.09}),
                   1.1);
  EXPECT_DOUBLE_EQ(next_cpu_share(kTwo, {.own = 0.8, .others = 1, .idle = 0, .waited = 0.09}),
                   0.86);
}

// Burns at least that much of a processor.
void work(nanoseconds time) {
  const SystemClock clock;
  const auto until = clock.monotonic() + time;
  volatile uint64_t sum = 0;
  while (clock.monotonic() < until) sum = sum + 1;
}

struct BusyMachine {
  std::atomic<bool> is_busy{true};
  SystemClock clock;
  // Both processors of the machine at work for the process, or both idle.
  CpuShare::Usage usage() {
    const nanoseconds both = 2 * clock.monotonic();
    if (is_busy) return {both, {}};
    return {{}, both};
  }
};

TEST(CpuShare, WorkWaitsWhileTheMachineIsBusy) {
  BusyMachine machine;
  CpuShare share(machine.clock,
                 {.processors = 2, .least = 0.05, .window = milliseconds(5), .beginning = {}},
                 [&](const auto&...) { return machine.usage(); });
  CpuShare::Work reading = share.begin();
  const auto begin = machine.clock.monotonic();
  for (int i = 0; i < 10; ++i) {
    work(milliseconds(2));
    share.rest(reading, {});
  }
  // A tenth of a processor for 20 ms of work, less what was taken before the first window ended.
  EXPECT_GT(machine.clock.monotonic() - begin, milliseconds(80));
  EXPECT_LT(share.share(), 0.11);
}

TEST(CpuShare, WhoIsCancelledWaitsNoLonger) {
  BusyMachine machine;
  CpuShare share(machine.clock,
                 {.processors = 2, .least = 0.001, .window = milliseconds(1), .beginning = {}},
                 [&](const auto&...) { return machine.usage(); });
  CpuShare::Work reading = share.begin();
  work(milliseconds(5));
  share.rest(reading, {});  // from now on it is known what the machine does
  work(milliseconds(5));
  const auto begin = machine.clock.monotonic();
  int asked = 0;
  share.rest(reading, [&] { return ++asked == 2; });
  EXPECT_EQ(asked, 2);
  EXPECT_LT(machine.clock.monotonic() - begin,
            milliseconds(1500));  // not the seconds it would take
}

// How often a work that takes 2 ms at a time is asked whether it is cancelled: once each time it waits.
int waits_of(CpuShare& share, CpuShare::Work& reading, int times) {
  int waits = 0;
  for (int i = 0; i < times; ++i) {
    work(milliseconds(2));
    share.rest(reading, [&] { return ++waits > 0; });
  }
  return waits;
}

TEST(CpuShare, TheBeginningOfAWorkWaitsForNothing) {
  BusyMachine machine;
  CpuShare share(machine.clock,
                 {.processors = 2, .least = 0.001, .brief = 0.5, .window = milliseconds(1)},
                 [&](const auto&...) { return machine.usage(); });
  CpuShare::Work reading = share.begin();
  (void)waits_of(share, reading, 50);
  EXPECT_EQ(waits_of(share, reading, 5), 5);
  CpuShare::Work asking = share.begin();
  EXPECT_EQ(waits_of(share, asking, 5), 0);
}

TEST(CpuShare, ManyBeginningsWaitToo) {
  BusyMachine machine;
  CpuShare share(machine.clock,
                 {.processors = 2, .least = 0.001, .brief = 0.001, .window = milliseconds(1)},
                 [&](const auto&...) { return machine.usage(); });
  int waits = 0;
  for (int i = 0; i < 10; ++i) {
    CpuShare::Work asking = share.begin();
    waits += waits_of(share, asking, 5);
  }
  EXPECT_GT(waits, 30);
}

TEST(CpuShare, NobodyWaitsOnAnIdleMachine) {
  BusyMachine machine;
  machine.is_busy = false;
  CpuShare share(machine.clock, {.processors = 2, .window = milliseconds(1)},
                 [&](const auto&...) { return machine.usage(); });
  CpuShare::Work reading = share.begin();
  EXPECT_EQ(waits_of(share, reading, 50), 0);
  EXPECT_EQ(share.share(), 2);
}

TEST(CpuShare, TheMachineTellsWhatIsUsed) {
  const auto before = CpuShare::usage_now({}, CpuShare::Detail::kAll);
  work(milliseconds(20));
  const auto after = CpuShare::usage_now({}, CpuShare::Detail::kAll);
  EXPECT_GE(after.process - before.process, milliseconds(1));
  EXPECT_GE(after.idle, before.idle);
  EXPECT_GT(after.idle.count(), 0);
  EXPECT_GE(after.waited, before.waited);
}

TEST(CpuShare, WhatAThreadDoesThatIsLeftOutIsNotCounted) {
  work(milliseconds(200));
  const auto all = CpuShare::usage_now({}, CpuShare::Detail::kAll);
  const auto others = CpuShare::usage_now({::getpid()}, CpuShare::Detail::kAll);
  EXPECT_GE(all.process - others.process, milliseconds(2));
  EXPECT_GE(all.waited, others.waited);
}

}  // namespace
}  // namespace sightline
