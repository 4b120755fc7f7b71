// The engine over a real store: what a query answers, as text. Values were worked out by hand.
#include "promql/engine.h"

#include <gtest/gtest.h>

#include "tsdb/testing_store.h"

namespace sightline::promql {
namespace {

class EngineTest : public testing::Test {
 protected:
  EngineTest() : store_({.future_max_ms = 0}) {}

  // One sample every 15 s from 0 s on: the k-th has the value first + k * step.
  void load(std::string_view series, double first, double step, int count = 41) {
    auto appender = store_.db().appender();
    const auto id = appender->series(parse_series_labels(series).value()).value();
    for (int k = 0; k < count; ++k)
      ASSERT_TRUE(appender->append(id, {tsdb::kTestStart + k * 15'000}, first + k * step));
    ASSERT_TRUE(appender->commit());
  }
  void SetUp() override {
    load(R"(requests_total{job="a",route="/x"})", 0, 15);    // 1/s
    load(R"(requests_total{job="a",route="/y"})", 0, 30);    // 2/s
    load(R"(requests_total{job="b",route="/x"})", 100, 45);  // 3/s
    load(R"(memory_bytes{job="a"})", 10, 0);
    load(R"(memory_bytes{job="b"})", 20, 0);
    load(R"(gone{job="a"})", 1, 0, 3);  // ends at 30 s
    load(R"(h_bucket{job="a",le="1.0"})", 0, 10);
    load(R"(h_bucket{job="a",le="2.0"})", 0, 20);
    load(R"(h_bucket{job="a",le="+Inf"})", 0, 20);
  }

  // Nine digits: extrapolation rounds in the last ones.
  static std::string number(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", v);
    return text;
  }
  // Lines "labels value", sorted; or the error.
  std::string instant(std::string_view query, int64_t seconds = 600) {
    const auto result = engine().instant(query, {tsdb::kTestStart + seconds * 1000});
    if (!result) return "error: " + result.error().message;
    if (result->type == ValueType::kScalar) return number(result->scalars[0]);
    std::vector<std::string> lines;
    for (const Series& series : result->series)
      if (series.has(0))
        lines.push_back(series.labels.to_string() + " " + number(series.floats[0]));
    std::sort(lines.begin(), lines.end());
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
  Engine engine() { return Engine(store_.db(), store_.clock(), nullptr); }

  tsdb::TestingStore store_;
};

TEST_F(EngineTest, AnswersByHandWorkedValues) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"1 + 2 * 3 ^ 2", "19"},
      {"memory_bytes", "memory_bytes{job=\"a\"} 10\nmemory_bytes{job=\"b\"} 20\n"},
      {"memory_bytes{job=~\"a|c\"}", "memory_bytes{job=\"a\"} 10\n"},
      {"memory_bytes{job!~\"a.*\"}", "memory_bytes{job=\"b\"} 20\n"},
      {"rate(requests_total[1m])",
       "{job=\"a\", route=\"/x\"} 1\n{job=\"a\", route=\"/y\"} 2\n{job=\"b\", route=\"/x\"} 3\n"},
      {"increase(requests_total{job=\"b\"}[5m])", "{job=\"b\", route=\"/x\"} 900\n"},
      {"sum by (job) (rate(requests_total[1m]))", "{job=\"a\"} 3\n{job=\"b\"} 3\n"},
      {"sum without (route) (requests_total)", "{job=\"a\"} 1800\n{job=\"b\"} 1900\n"},
      {"avg(memory_bytes)", "{} 15\n"},
      {"max(memory_bytes) - min(memory_bytes)", "{} 10\n"},
      {"count(requests_total)", "{} 3\n"},
      {"topk(1, memory_bytes)", "memory_bytes{job=\"b\"} 20\n"},
      {"quantile(0.5, memory_bytes)", "{} 15\n"},
      {"memory_bytes > 15", "memory_bytes{job=\"b\"} 20\n"},
      {"memory_bytes > bool 15", "{job=\"a\"} 0\n{job=\"b\"} 1\n"},
      {"rate(requests_total[1m]) / on (job) group_left () memory_bytes",
       "{job=\"a\", route=\"/x\"} 0.1\n{job=\"a\", route=\"/y\"} 0.2\n{job=\"b\", route=\"/x\"} "
       "0.15\n"},
      {"memory_bytes and on (job) requests_total{job=\"a\"}", "memory_bytes{job=\"a\"} 10\n"},
      {"memory_bytes unless on (job) requests_total{job=\"a\"}", "memory_bytes{job=\"b\"} 20\n"},
      {"requests_total{job=\"b\"} offset 5m", "requests_total{job=\"b\", route=\"/x\"} 1000\n"},
      {"max_over_time(requests_total{job=\"b\"}[1m])", "{job=\"b\", route=\"/x\"} 1900\n"},
      {"max_over_time(sum(rate(requests_total[1m]))[5m:1m])", "{} 6\n"},
      {"histogram_quantile(0.5, rate(h_bucket[1m]))", "{job=\"a\"} 1\n"},
      {"histogram_quantile(0.75, sum by (le) (rate(h_bucket[1m])))", "{} 1.5\n"},
      {"absent(nothing{job=\"z\"})", "{job=\"z\"} 1\n"},
      {"label_replace(memory_bytes{job=\"a\"}, \"to\", \"$1-x\", \"job\", \"(.*)\")",
       "memory_bytes{job=\"a\", to=\"a-x\"} 10\n"},
      {"vector(1) or memory_bytes",
       "memory_bytes{job=\"a\"} 10\nmemory_bytes{job=\"b\"} 20\n{} 1\n"},
      {"gone", ""},
      {"scalar(memory_bytes{job=\"a\"})", "10"},
  };
  for (const auto& [query, expected] : cases) EXPECT_EQ(instant(query), expected) << query;
}

TEST_F(EngineTest, LooksBackFiveMinutesAndNoFurther) {
  EXPECT_EQ(instant("gone", 329), "gone{job=\"a\"} 1\n");
  EXPECT_EQ(instant("gone", 330), "");  // the window is open on the left
}

TEST_F(EngineTest, RangeStepsAreIndependent) {
  const auto result = engine().range("sum(rate(requests_total[1m]))", {tsdb::kTestStart},
                                     {tsdb::kTestStart + 600'000}, std::chrono::seconds(60));
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->series.size(), 1u);
  EXPECT_EQ(result->grid.count, 11u);
  EXPECT_FALSE(result->series[0].has(0));  // one sample makes no rate
  for (size_t step = 2; step < 11; ++step)
    EXPECT_NEAR(result->series[0].floats[step], 6, 1e-9) << step;
}

TEST_F(EngineTest, FaultsAreToldInThePeersWords) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"sum(", "1:5: parse error: unclosed left parenthesis"},
      {"", "unknown position: parse error: no expression found in input"},
      {"memory_bytes + on (job) requests_total",
       "found duplicate series for the match group {job=\"a\"} on the right hand-side of the "
       "operation"},
      {"rate(memory_bytes)",
       "expected type range vector in call to function \"rate\", got instant vector"},
      {"nope(1)", "unknown function with name \"nope\""},
      {"{job=~\".*\"}", "vector selector must contain at least one non-empty matcher"},
  };
  for (const auto& [query, expected] : cases)
    EXPECT_NE(instant(query).find(expected), std::string::npos)
        << query << " -> " << instant(query);
}

TEST_F(EngineTest, LimitsStopAQuery) {
  Engine small(store_.db(), store_.clock(), nullptr, {.samples_max = 10});
  const auto result = small.range("requests_total", {tsdb::kTestStart},
                                  {tsdb::kTestStart + 600'000}, std::chrono::seconds(60));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kExecution);
  EXPECT_NE(result.error().message.find("too many samples"), std::string::npos);
  const auto cancelled = engine().instant("requests_total", {tsdb::kTestStart + 600'000},
                                          {.cancelled = [] { return true; }});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Errc::kCancelled);
}

TEST_F(EngineTest, WhatIsTooMuchIsRefusedClearly) {
  const std::string deep = std::string(100'000, '(') + "1" + std::string(100'000, ')');
  EXPECT_NE(instant(deep).find("expression is nested deeper than 1000 levels"), std::string::npos);
  EXPECT_NE(instant(std::string(200'000, '-') + "1").find("nested deeper"), std::string::npos);
  std::string sum = "1";
  for (int i = 0; i < 100'000; ++i) sum += "+1";
  EXPECT_NE(instant(sum).find("nested deeper"), std::string::npos);
  EXPECT_NE(instant("memory_bytes{job=\"" + std::string(1 << 20, 'x') + "\"}")
                .find("query is longer than 1048576 bytes"),
            std::string::npos);
  EXPECT_NE(instant("rate(requests_total[100y:1ms])").find("too many samples"), std::string::npos);
  const auto points = engine().range("1", {0}, {1'000'000'000'000}, std::chrono::milliseconds(1));
  ASSERT_FALSE(points);
  EXPECT_NE(points.error().message.find("too many samples"), std::string::npos);
  EXPECT_NE(
      instant("requests_total * on () requests_total").find("many-to-many matching not allowed"),
      std::string::npos);
}

// RE2 takes time that grows with the text alone, and memory up to a limit.
TEST_F(EngineTest, PatternsThatWouldBacktrackDoNot) {
  load("m{long=\"" + std::string(10'000, 'x') + "\"}", 1, 0, 41);
  for (const std::string_view pattern :
       {"(x+x+)+y", "(x|x|x)*y", "(.*)*(.*)*(.*)*y", "x{0,900}x{0,900}y"})
    EXPECT_EQ(instant("m{long=~\"" + std::string(pattern) + "\"}"), "") << pattern;
  EXPECT_NE(instant("m{long=~\"((a{1000}){1000}){1000}\"}").find("error parsing regexp: "),
            std::string::npos);
  EXPECT_EQ(instant("count(label_replace(m, \"to\", \"$1$1$1$1\", \"long\", \"(.*)\"))"), "{} 1\n");
}

TEST_F(EngineTest, LabelsThatAQueryMakesDoNotGrowWithoutEnd) {
  std::string joined = "memory_bytes";
  std::string replaced = "memory_bytes";
  for (int i = 0; i < 40; ++i) {
    joined = "label_join(" + joined + ", \"job\", \"0123456789\", \"job\", \"job\")";
    replaced = "label_replace(" + replaced + ", \"job\", \"$1$1\", \"job\", \"(.*)\")";
  }
  EXPECT_NE(instant(joined).find("too many samples"), std::string::npos);
  EXPECT_NE(instant(replaced).find("too many samples"), std::string::npos);
  // Each of them is in order, all of them are too much.
  std::string all = "memory_bytes";
  const std::string long_text(200'000, 'x');
  for (int i = 0; i < 3; ++i)
    all += " or label_replace(memory_bytes, \"n" + std::to_string(i) + "\", \"" + long_text +
           "\", \"\", \"\")";
  EXPECT_NE(instant(all).find("{"), std::string::npos);
  Engine small(store_.db(), store_.clock(), nullptr, {.samples_max = 50'000});
  const auto result = small.instant(all, {tsdb::kTestStart + 600'000});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kExecution);
}

TEST_F(EngineTest, ManyLabelsAndLongListsAreTaken) {
  std::string names = "a0";
  std::string matchers = "a0=\"\"";
  for (int i = 1; i < 5'000; ++i) {
    names += ",a" + std::to_string(i);
    matchers += ",a" + std::to_string(i) + "=\"\"";
  }
  EXPECT_EQ(instant("sum by (" + names + ") (memory_bytes)"), "{} 30\n");
  EXPECT_EQ(instant("sum(memory_bytes{" + matchers + "})"), "{} 30\n");
  EXPECT_EQ(instant("sum(memory_bytes + on (job," + names + ") memory_bytes)"), "{} 60\n");
}

TEST_F(EngineTest, StepsCountTheirSamples) {
  const auto stats = [&](std::string_view query) {
    return engine()
        .range(query, {tsdb::kTestStart + 300'000}, {tsdb::kTestStart + 360'000},
               std::chrono::seconds(30), {.statistics = StepCounts::kEachStep})
        ->stats;
  };
  // A minute holds four samples, of which two are new 30 s later.
  const QueryStats rate = stats("rate(memory_bytes{job=\"a\"}[1m])");
  ASSERT_EQ(rate.steps.size(), 3u);
  EXPECT_EQ(rate.steps[0].samples.queried, 4u);
  EXPECT_EQ(rate.steps[1].samples.queried, 4u);
  EXPECT_EQ(rate.steps[0].samples.read, 4u);
  EXPECT_EQ(rate.steps[1].samples.read, 2u);
  EXPECT_EQ(rate.samples_queried, 12u);
  EXPECT_EQ(rate.samples_read, 8u);
  EXPECT_EQ(rate.series_touched, 1u);
  EXPECT_EQ(stats("sum(memory_bytes)").samples_queried, 6u);
  // Two steps of the subquery lie in each window, and each looks at both series.
  const QueryStats subquery = stats("max_over_time(sum(memory_bytes)[1m:30s])");
  EXPECT_EQ(subquery.steps[2].samples.queried, 4u);
  EXPECT_EQ(subquery.steps[2].samples.read, 2u);
  // Fixed by @, it is read once and looked at by each.
  const QueryStats fixed = stats("sum(memory_bytes @ 100)");
  EXPECT_EQ(fixed.samples_queried, 3 * fixed.samples_read);
}

TEST_F(EngineTest, AQueryCanBeStoppedAtEveryPoint) {
  for (const std::string_view query :
       {"sum by (job) (rate(requests_total[1m]))", "abs(requests_total) + requests_total",
        "topk(2, requests_total)", "count_values(\"v\", requests_total)",
        "histogram_quantile(0.9, h_bucket)", "requests_total or memory_bytes",
        "max_over_time(sum(requests_total)[5m:1m])", "quantile(0.5, requests_total)",
        "requests_total * on (job) group_left () memory_bytes"}) {
    bool stopped = true;
    int polls = 0;
    for (; stopped; ++polls) {  // stopped at its first look, at its second, until it gets through
      int left = polls;
      const auto result =
          engine().range(query, {tsdb::kTestStart}, {tsdb::kTestStart + 600'000},
                         std::chrono::seconds(60), {.cancelled = [&left] { return left-- <= 0; }});
      stopped = !result;
      if (stopped) {
        EXPECT_EQ(result.error().code, Errc::kCancelled) << query;
      }
      ASSERT_LT(polls, 1000) << query;
    }
    EXPECT_GT(polls, 4) << query << " hardly ever looks";
  }
}

TEST_F(EngineTest, LargeGroupsAddUpTheSameOnAnyNumberOfThreads) {
  for (int i = 0; i < 300; ++i)
    load("many_total{g=\"" + std::to_string(i % 2) + "\",i=\"" + std::to_string(i) + "\"}", 0,
         0.1 * i);
  WorkPool pool({.thread_count = 3});
  const Engine parallel(store_.db(), store_.clock(), &pool);
  for (const char* op : {"sum", "avg", "min", "max", "count", "group"}) {
    const std::string query = std::string(op) + " by (g) (rate(many_total[1m]))";
    const auto a = engine().range(query, {tsdb::kTestStart}, {tsdb::kTestStart + 600'000},
                                  std::chrono::seconds(30));
    const auto b = parallel.range(query, {tsdb::kTestStart}, {tsdb::kTestStart + 600'000},
                                  std::chrono::seconds(30));
    // Through another node, so that each series is kept and added the general way.
    const auto c =
        engine().range(std::string(op) + " by (g) (-(-rate(many_total[1m])))", {tsdb::kTestStart},
                       {tsdb::kTestStart + 600'000}, std::chrono::seconds(30));
    ASSERT_TRUE(a && b && c) << query;
    ASSERT_EQ(a->series.size(), 2u);
    for (size_t s = 0; s < 2; ++s) {
      EXPECT_EQ(a->series[s].floats, b->series[s].floats) << query;
      for (size_t step = 2; step < 21; ++step)
        EXPECT_NEAR(a->series[s].floats[step], c->series[s].floats[step], 1e-9) << query << step;
    }
  }
}

TEST_F(EngineTest, WhatStandsTwiceIsReadOnce) {
  const auto read = [&](std::string_view query) {
    return engine().instant(query, {tsdb::kTestStart + 600'000})->stats.samples_read;
  };
  const uint64_t once = read("sum(rate(requests_total[5m]))");
  EXPECT_GT(once, 0u);
  EXPECT_EQ(read("sum(rate(requests_total[5m])) / (sum(rate(requests_total[5m])) + 1)"), once);
  EXPECT_EQ(instant("sum(memory_bytes) + sum(memory_bytes) * count(memory_bytes)"), "{} 90\n");
}

}  // namespace
}  // namespace sightline::promql
