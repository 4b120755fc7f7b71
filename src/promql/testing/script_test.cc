// The runner of promqltest scripts: a script that is wrong fails, at its line.
#include <gtest/gtest.h>

#include "promql/testing/sample_sequence.h"
#include "promql/testing/script_runner.h"

namespace sightline::promql {
namespace {

std::string run(std::string_view text) {
  SystemClock clock;
  const auto report = run_script(text, clock, nullptr);
  if (!report) return "error: " + report.error().message;
  std::string out = std::to_string(report->passed) + " passed\n";
  for (const ScriptFailure& f : report->failures)
    out += std::to_string(f.line) + ": " + f.message + "\n";
  return out;
}

constexpr std::string_view kLoad =
    "load 1m\n  a{l=\"x\"} 1+1x5\n  h {{schema:0 count:3 sum:4 buckets:[1 2]}}x5\n\n";

TEST(PromqlScript, PassesWhatIsRight) {
  EXPECT_EQ(run(std::string(kLoad) +
                "eval instant at 2m a\n  a{l=\"x\"} 3\n\n"
                "eval instant at 2m sum(a) + 1\n  {} 4\n\n"
                "eval instant at 2m histogram_count(h)\n  expect no_warn\n  {} 3\n\n"
                "eval range from 0 to 2m step 1m a\n  a{l=\"x\"} 1 2 3\n\n"
                "eval instant at 2m a[1m]\n  expect range vector from 2m to 2m step 1m\n  "
                "a{l=\"x\"} 3\n\n"
                "eval instant at 1m \"text\"\n  expect string \"text\"\n\n"
                "eval instant at 1m 5\n  5\n\n"
                "eval instant at 1m a + on () group_left a\n  expect no_info\n  {l=\"x\"} 4\n"),
            "8 passed\n");
}

TEST(PromqlScript, FailsWhatIsWrong) {
  EXPECT_EQ(run(std::string(kLoad) + "eval instant at 2m a\n  a{l=\"x\"} 4\n"),
            "0 passed\n5: expected a{l=\"x\"} 4, got 3\n");
  EXPECT_EQ(run(std::string(kLoad) + "eval instant at 2m a\n"),
            "0 passed\n5: expected no a{l=\"x\"}, got it with 3\n");
  EXPECT_EQ(run(std::string(kLoad) + "eval instant at 2m b\n  b 1\n"),
            "0 passed\n5: expected b, got none\n");
  EXPECT_EQ(run(std::string(kLoad) + "eval instant at 2m a\n  expect fail\n"),
            "0 passed\n5: expected an error, got a result\n");
  EXPECT_EQ(run(std::string(kLoad) + "eval instant at 2m a\n  expect warn\n  a{l=\"x\"} 3\n"),
            "0 passed\n5: expected warning \"\", got none\n");
  EXPECT_EQ(run(std::string(kLoad) + "eval range from 0 to 2m step 1m a\n  a{l=\"x\"} 1 2 3 4\n"),
            "0 passed\n5: expected a{l=\"x\"} 1 2 3 4, got 1 2 3 _\n");
  EXPECT_EQ(run("load 1m\n  a{ 1\n"),
            "error: line 2: 1:4: parse error: unexpected character inside braces: '1'");
}

TEST(PromqlScript, ReadsSequences) {
  const auto series = parse_script_series(
      R"(m{a="b c"} 1 _ _x2 stale 2x1 -1+0.5x2 {{schema:1 count:2 buckets:[1 1] offset:-1}}x1 1h Inf)");
  ASSERT_TRUE(series) << series.error().message;
  EXPECT_EQ(series->labels.get("a"), "b c");
  ASSERT_EQ(series->values.size(), 14u);
  EXPECT_TRUE(series->values[3].omitted);
  EXPECT_EQ(series->values[9].value, 0);
  EXPECT_EQ(series->values[10].histogram->positive_spans[0].offset, -1);
  EXPECT_EQ(series->values[12].value, 3600);
  const auto starts = parse_start_times("m@st _ -30s-1mx2 5s");
  ASSERT_TRUE(starts);
  ASSERT_EQ(starts->offsets_ms.size(), 5u);
  EXPECT_EQ(*starts->offsets_ms[3], -150'000);
}

}  // namespace
}  // namespace sightline::promql
