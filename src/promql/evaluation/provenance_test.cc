// What a result says it was fed by.
#include "promql/evaluation/provenance.h"

#include <gtest/gtest.h>

#include "promql/engine.h"
#include "promql/testing/memory_store.h"

namespace sightline::promql {
namespace {

class ProvenanceTest : public testing::Test {
 protected:
  // One sample a minute: values[k] at k minutes; NaN leaves a gap.
  void load(std::string_view series, const std::vector<double>& values) {
    const model::Labels labels = parse_series_labels(series).value();
    for (size_t k = 0; k < values.size(); ++k) {
      if (std::isnan(values[k])) continue;
      ASSERT_TRUE(store_.add(labels, static_cast<int64_t>(k) * 60'000, values[k]));
    }
  }

  // "series: a@0,1 b@0" per line: which inputs fed which steps of 0..3 minutes.
  std::string fed(std::string_view query) {
    const Engine engine(store_, clock_, nullptr, {.lookback = std::chrono::minutes(1)});
    const auto result =
        engine.range(query, {0}, {180'000}, std::chrono::minutes(1), {.provenance = true});
    if (!result) return "error: " + result.error().message;
    std::string out;
    for (const Series& s : result->series) {
      out += s.labels.to_string() + ":";
      for (const SeriesSource& source : s.sources) {
        std::string steps;
        for (size_t step = 0; step < 4; ++step)
          if (s.has(step) && source.steps.has(step)) steps += std::to_string(step);
        out += " " + std::string(result->inputs[source.input].labels.get("n")) + "@" + steps;
      }
      out += "\n";
    }
    return out;
  }

  const double none_ = std::nan("");
  MemoryStore store_;
  SystemClock clock_;
};

TEST_F(ProvenanceTest, NamesSeriesAndSteps) {
  load(R"(m{n="a",g="x"})", {1, 2, 3, 4});
  load(R"(m{n="b",g="x"})", {5, none_, 1, none_});
  load(R"(m{n="c",g="y"})", {none_, none_, 7, 7});
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"m{n=\"b\"}", "m{g=\"x\", n=\"b\"}: b@02\n"},
      {"sum by (g) (m)", "{g=\"x\"}: a@0123 b@02\n{g=\"y\"}: c@23\n"},
      {"sum(m > 2)", "{}: a@23 b@0 c@23\n"},
      {"sum(topk(1, m))", "{}: a@1 b@0 c@23\n"},
      {"sum(m) / sum(m{g=\"y\"})", "{}: a@23 b@2 c@23 c@23\n"},
      {"m{n=\"a\"} and on () m{n=\"b\"}", "m{g=\"x\", n=\"a\"}: a@02 b@02\n"},
      {"m{n=\"a\"} unless on () m{n=\"b\"}", "m{g=\"x\", n=\"a\"}: a@13\n"},
      {"sum(m{n=\"b\"} or on (g) m{n=\"a\"})", "{}: b@02 a@13\n"},
      {"sum(increase(m[2m]))", "{}: a@123 c@3\n"},
      {"count_values(\"v\", m)",
       "{v=\"1\"}: a@0 b@2\n{v=\"2\"}: a@1\n{v=\"3\"}: a@2\n{v=\"4\"}: a@3\n{v=\"5\"}: "
       "b@0\n{v=\"7\"}: c@23\n"},
      {"sum(max_over_time((m{n=\"c\"} > 0)[1m:1m]))", "{}: c@23\n"},
      {"sum(max_over_time((m{n=\"b\"} > 2)[2m:1m]))", "{}: b@01\n"},
      {"sum(m{n=\"b\"} @ 120)", "{}: b@0123\n"},
      {"vector(scalar(m{n=\"b\"}))", "{}: b@02\n"},
  };
  for (const auto& [query, expected] : cases) EXPECT_EQ(fed(query), expected) << query;
}

TEST_F(ProvenanceTest, SaysWhatTimesAnInputWasReadAt) {
  load(R"(m{n="a"})", {1, 2, 3, 4});
  const Engine engine(store_, clock_, nullptr);
  const auto result =
      engine.instant("rate(m[5m] offset 1m) + max_over_time(m[10m:1m] offset 2m) + sum(m @ 60)",
                     {180'000}, {.provenance = true});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->inputs.size(), 3u);
  EXPECT_EQ(result->inputs[0].window_ms, 300'000);
  EXPECT_EQ(result->inputs[0].offset_ms, 60'000);
  EXPECT_EQ(result->inputs[1].window_ms, 900'000);  // the lookback before each step of the subquery
  EXPECT_EQ(result->inputs[1].offset_ms, 120'000);
  EXPECT_EQ(result->inputs[2].at_ms, 60'000);
}

TEST_F(ProvenanceTest, CostsNothingUnlessAskedFor) {
  load(R"(m{n="a"})", {1, 2, 3, 4});
  const Engine engine(store_, clock_, nullptr);
  const auto result = engine.instant("m", {180'000});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->inputs.empty());
  EXPECT_TRUE(result->series[0].sources.empty());
}

}  // namespace
}  // namespace sightline::promql
