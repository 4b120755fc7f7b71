// A query that is no longer wanted, is late, or holds too much ends promptly, whatever it is busy with. What counts is
// how long it works between two looks at that, in the processor's time: so a busy machine does not matter. 20 ms with
// 8,000 series is 50 ms with 20,000.
#include <gtest/gtest.h>

#include <ctime>

#include "promql/engine.h"
#include "promql/testing/memory_store.h"
#include "tsdb/testing_store.h"

namespace sightline::promql {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kSlower = 10;
#else
constexpr double kSlower = 1;
#endif
constexpr Milliseconds kAtOnce(20 * kSlower);
constexpr int64_t kStepMs = 15'000;
constexpr size_t kSamples = 40;
constexpr size_t kSeries = 8'000;

Milliseconds processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return Milliseconds(static_cast<double>(now.tv_sec) * 1e3 +
                      static_cast<double>(now.tv_nsec) / 1e6);
}

// 8,000 series of m and of n, alike but for the name.
const MemoryStore& big_store() {
  static const MemoryStore store = [] {
    MemoryStore out;
    for (const char* name : {"m", "n"})
      for (size_t i = 0; i < kSeries; ++i) {
        const model::Labels labels = model::make_labels({{"__name__", name},
                                                         {"group", std::to_string(i % 100)},
                                                         {"i", std::to_string(i)},
                                                         {"le", std::to_string(i / 800)}});
        for (size_t k = 0; k < kSamples; ++k)
          (void)out.add(labels, static_cast<int64_t>(k) * kStepMs,
                        static_cast<double>((i * 7 + k) % 1000));
      }
    return out;
  }();
  return store;
}

// How a run went: looks at whether it is wanted, and the longest work without one.
struct Looks {
  size_t count = 0;
  size_t stop_at = SIZE_MAX;
  Milliseconds last = processor_time();
  Milliseconds longest{0};

  void note() {
    const Milliseconds now = processor_time();
    longest = std::max(longest, now - last);
    last = now;
  }
  bool look() {
    note();
    return ++count >= stop_at;
  }
};

struct Asked {
  std::string_view query;
  bool is_range = true;
};

Result<QueryResult> ask(const tsdb::Queryable& store, const Asked& asked, Looks& looks,
                        EngineOptions engine_options = {}) {
  SystemClock clock;
  const Engine engine(store, clock, nullptr, engine_options);
  const QueryOptions options{.cancelled = [&] { return looks.look(); }};
  const TimestampMs end{static_cast<int64_t>(kSamples - 1) * kStepMs};
  looks.last = processor_time();
  auto result = asked.is_range ? engine.range(asked.query, {0}, end,
                                              std::chrono::milliseconds(kStepMs), options)
                               : engine.instant(asked.query, end, options);
  looks.note();
  return result;
}

constexpr Asked kKinds[] = {
    {"m"},
    {"rate(m[1m])"},
    {"sum(rate(m[1m]))"},
    {"sum by (i) (m)"},
    {"quantile(0.9, m)"},
    {"stddev by (group) (m)"},
    {"topk(100, m)"},
    {"topk by (i) (1, m)"},
    {"limitk(100, m)"},
    {"count_values(\"v\", m)"},
    {"max_over_time(sum(m)[5m:15s])"},
    {"sum_over_time(m[5m:15s])"},
    {"m * on (i) n"},
    {"m * ignoring (le) group_left () n"},
    {"m and n"},
    {"m or on (i) n"},
    {"m unless on (group) n"},
    {"abs(m) > 3"},
    {"-m"},
    {"histogram_quantile(0.9, m)"},
    {"label_replace(m, \"to\", \"$1\", \"i\", \"(.*)\")"},
    {"label_join(m, \"to\", \"-\", \"i\", \"group\")"},
    {"absent_over_time(m[1m])"},
    {"timestamp(m)"},
    {"info(m, {le=\"1\"})"},
    {"sort(m)", false},
    {"sort_by_label(m, \"group\", \"i\")", false},
    {"m[10m]", false},
    {"m * on (i) n", false},
    {"topk(100, m)", false},
    {"scalar(m)"},
};

TEST(Promptness, EveryKindOfWorkLooksOften) {
  (void)big_store();
  for (const Asked& asked : kKinds) {
    Looks looks;
    const auto result = ask(big_store(), asked, looks);
    EXPECT_TRUE(result) << asked.query << ": " << result.error().message;
    EXPECT_LT(looks.longest, kAtOnce) << asked.query << " worked " << looks.longest.count()
                                      << " ms without looking, of " << looks.count << " looks";
  }
}

TEST(Promptness, EveryKindOfWorkEndsWhereItIsToldTo) {
  for (const Asked& asked : kKinds) {
    Looks whole;
    (void)ask(big_store(), asked, whole);
    for (const size_t part : {1, 2, 3}) {
      Looks looks;
      looks.stop_at = std::max<size_t>(1, whole.count * part / 4);
      const auto result = ask(big_store(), asked, looks);
      ASSERT_FALSE(result) << asked.query;
      EXPECT_EQ(result.error().code, Errc::kCancelled)
          << asked.query << ": " << result.error().message;
      EXPECT_LT(looks.longest, kAtOnce) << asked.query;
      // Once told, hardly anything is begun any more.
      EXPECT_LE(looks.count, looks.stop_at + 4) << asked.query;
    }
  }
}

TEST(Promptness, ALateQueryEnds) {
  for (const Asked& asked : kKinds) {
    Looks looks;
    const auto result = ask(big_store(), asked, looks, {.timeout = std::chrono::milliseconds(1)});
    ASSERT_FALSE(result) << asked.query;
    EXPECT_EQ(result.error().code, Errc::kDeadlineExceeded) << asked.query;
    EXPECT_EQ(result.error().message, "query timed out in expression evaluation");
    EXPECT_LT(looks.longest, kAtOnce) << asked.query;
  }
}

TEST(Promptness, TooManySamplesEndAQuery) {
  for (const std::string_view query : {"m", "rate(m[1m])", "sum_over_time(m[5m:15s])",
                                       "m * on (i) n", "m or n", "topk(100, m)", "-m"}) {
    Looks looks;
    const auto result = ask(big_store(), {query}, looks, {.samples_max = 10'000});
    ASSERT_FALSE(result) << query;
    EXPECT_EQ(result.error().code, Errc::kExecution) << query;
    EXPECT_EQ(result.error().message,
              "query processing would load too many samples into memory in query execution");
    EXPECT_LT(looks.longest, kAtOnce) << query;
  }
}

TEST(Promptness, MatchingManySeriesLooksOften) {
  constexpr size_t kManySeries = 50'000;
  tsdb::TestingStore store({.future_max_ms = 0});
  auto appender = store.db().appender();
  for (size_t i = 0; i < kManySeries; ++i) {
    const auto id = appender->series(model::make_labels({{"__name__", "m"},
                                                         {"i", "value-" + std::to_string(i)},
                                                         {"pod", std::to_string(i % 1000)}}));
    ASSERT_TRUE(id);
    ASSERT_TRUE(appender->append(*id, {tsdb::kTestStart}, 1));
  }
  ASSERT_TRUE(appender->commit());
  for (const std::string_view query :
       {R"(count({__name__=~".+"}))", R"(count(m{i=~".*7.*"}))", R"(count(m{i!~"value-[0-8]*"}))",
        R"(count(m{i=~"(.*1.*2.*)+3"}))", R"(count(m{pod=~"1|2|3",i=~".+7.+"}))"}) {
    Looks looks;
    SystemClock clock;
    const Engine engine(store.db(), clock, nullptr);
    looks.last = processor_time();
    const auto result =
        engine.instant(query, {tsdb::kTestStart}, {.cancelled = [&] { return looks.look(); }});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_FALSE(result->series.empty()) << query;
    EXPECT_LT(looks.longest, kAtOnce) << query;
  }
}

TEST(Promptness, MemoryIsReported) {
  Looks looks;
  const auto result = ask(big_store(), {"rate(m[1m])"}, looks);
  ASSERT_TRUE(result);
  constexpr uint64_t kLeast = kSeries * (kSamples - 2) * sizeof(double);
  EXPECT_GE(result->stats.bytes_peak, kLeast);
  EXPECT_LE(result->stats.bytes_peak, kLeast * 3);
}

}  // namespace
}  // namespace sightline::promql
