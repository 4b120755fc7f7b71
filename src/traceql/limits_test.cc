// What a query may cost: each limit is crossed, and says so.
#include <gtest/gtest.h>

#include "traceql/engine.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::traceql {
namespace {

// `count` spans, each its own trace, a second apart, with an attribute of as many values.
std::shared_ptr<const model::SpanBatch> many_spans(uint32_t count) {
  auto batch = std::make_shared<model::SpanBatch>();
  auto texts = std::make_shared<std::deque<std::string>>();
  batch->owner = texts;
  batch->resources.push_back({});
  batch->scopes.push_back({});
  for (uint32_t i = 0; i < count; ++i) {
    model::SpanView span;
    span.trace_id.bytes = {1, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                           static_cast<uint8_t>(i)};
    span.span_id.bytes = {1, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                          static_cast<uint8_t>(i)};
    span.name = "x";
    span.start = {uint64_t{1'000'000'000} * (i + 1)};
    span.end = {span.start.value + 1'000'000};
    span.attributes = {static_cast<uint32_t>(batch->attributes.size()), 1};
    batch->attributes.push_back(
        {"v", model::ValueView::of_string(texts->emplace_back("value-" + std::to_string(i)))});
    batch->spans.push_back(span);
  }
  return batch;
}

// Has nothing, and notes whether the store was asked to list values without reading rows.
class NotingStore final : public tracestore::Queryable {
 public:
  Result<std::unique_ptr<tracestore::Querier>> querier() const override {
    return std::make_unique<View>(*this);
  }
  mutable std::optional<bool> lists;

 private:
  struct View final : tracestore::Querier {
    explicit View(const NotingStore& s) : store(s) {}
    Result<std::optional<model::SpanBatch>> find(const TraceId&) const override {
      return std::nullopt;
    }
    Status scan(const tracestore::ScanRequest& request,
                const std::function<bool(tracestore::RowGroup&)>&) const override {
      store.lists = request.listing.has_value();
      return {};
    }
    Result<std::vector<std::vector<std::string>>> attribute_keys(
        const tracestore::KeysRequest& request) const override {
      return std::vector<std::vector<std::string>>(request.scopes.size());
    }
    uint64_t inspected_bytes() const override { return 0; }
    const NotingStore& store;
  };
};

TEST(TagValues, AFilterThatKeepsEverythingCostsNothing) {
  const NotingStore store;
  const ManualClock clock{TimestampNs{0}};
  const Engine engine(store, clock);
  for (const auto& [filter, lists] : {std::pair("", true), std::pair("{}", true),
                                      std::pair("{ }", true), std::pair("{ .a = 1 }", false)}) {
    TagValuesOptions options;
    options.filter = filter;
    ASSERT_TRUE(engine.tag_values({.scope = Scope::kSpan, .name = "v"}, options));
    EXPECT_EQ(store.lists, lists) << filter;
  }
}

struct Limits : ::testing::Test {
  testing::MemoryStore store{many_spans(3000), 100};
  ManualClock clock{TimestampNs{5'000'000'000'000}};
  Engine engine{store, clock};
};

TEST_F(Limits, SeriesBeyondTheLimitAreLeftOutAndSaid) {
  MetricsOptions options;
  options.end = {4'000'000'000'000};
  options.step = std::chrono::seconds(1000);
  options.series_max = 100;
  const auto result = engine.metrics_range("{ } | rate() by(.v)", options);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->truncated);
  EXPECT_EQ(result->series.size(), 100u);
}

TEST_F(Limits, TooManySeriesOfTooManyIntervalsAreRefused) {
  MetricsOptions options;
  options.end = {4'000'000'000'000};
  options.step = std::chrono::milliseconds(400);
  const auto result = engine.metrics_range("{ } | rate() by(.v)", options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kResourceExhausted);
  EXPECT_TRUE(result.error().message.contains("ask for a larger step, or group by less"))
      << result.error().message;
}

TEST_F(Limits, SoAreComparisonsAndQuantiles) {
  MetricsOptions options;
  options.end = {4'000'000'000'000};
  options.step = std::chrono::milliseconds(400);
  EXPECT_EQ(engine.metrics_range("{ } | compare({ name = \"x\" })", options).error().code,
            Errc::kResourceExhausted);
  std::string query = "{ } | quantile_over_time(duration, 0.5";
  for (int i = 0; i < 1000; ++i) query += ", 0.5";
  EXPECT_EQ(engine.metrics_range(query + ") by(.v)", options).error().code,
            Errc::kResourceExhausted);
}

TEST_F(Limits, IntervalsAndExemplarsAreCapped) {
  MetricsOptions options;
  options.end = {4'000'000'000'000};
  options.step = std::chrono::milliseconds(1);
  EXPECT_EQ(engine.metrics_range("{ } | rate()", options).error().code, Errc::kInvalidArgument);
  options.step = std::chrono::seconds(1);
  const auto result = engine.metrics_range("{ } | rate() with(exemplars=1000000000)", options);
  ASSERT_TRUE(result);
  EXPECT_LE(result->series.at(0).exemplars.size(), options.exemplars_max);
  EXPECT_TRUE(engine.metrics_range("{ } | rate() with(exemplars=false)", options)
                  ->series.at(0)
                  .exemplars.empty());
}

TEST_F(Limits, TagValuesAreCapped) {
  TagValuesOptions options;
  options.values_max = 50;
  EXPECT_EQ(engine.tag_values({.scope = Scope::kSpan, .name = "v"}, options)->values.size(), 50u);
}

TEST_F(Limits, ACancelledQueryEnds) {
  SearchOptions options;
  int asked = 0;
  options.cancelled = [&] { return ++asked > 3; };
  EXPECT_EQ(engine.search("{ .v = \"nothing\" }", options).error().code, Errc::kCancelled);
  EXPECT_EQ(asked, 4);
}

TEST_F(Limits, AQueryEndsAtItsDeadline) {
  const Engine hurried(store, clock, {.timeout = std::chrono::nanoseconds(-1)});
  EXPECT_EQ(hurried.search("{ }", {}).error().code, Errc::kDeadlineExceeded);
}

TEST(ParseLimits, BoundSizeDepthAndRegexes) {
  const auto message = [](const std::string& query) {
    const auto parsed = parse(query);
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_TRUE(
      message(std::string((128u << 10) + 1, ' ')).contains("more than the limit of 131072"));
  for (const auto& [open, close] : {std::pair("(", ")"), std::pair("!", ""), std::pair("-", ""),
                                    std::pair("-(", ")"), std::pair("!(", ")")}) {
    std::string query = "{ ";
    for (int i = 0; i < 20'000; ++i) query += open;
    query += ".a = 1";
    for (int i = 0; i < 20'000; ++i) query += close;
    EXPECT_TRUE(message(query + " }").contains("nested too deeply")) << open;
  }
  std::string spansets;
  for (int i = 0; i < 20'000; ++i) spansets += "(";
  EXPECT_TRUE(message(spansets + "{ }").contains("nested too deeply"));
  std::string chain = "{ .a = 1";
  for (int i = 0; i < 5'000; ++i) chain += " && .a = 1";
  EXPECT_TRUE(message(chain + " }").contains("nested too deeply"));
  EXPECT_TRUE(message("{ .a =~ \"((a{100}){100}){100}\" }").contains("regular expression"));
  EXPECT_TRUE(message("{ .a =~ \"(x+x+)+y\" }").empty());  // linear here, whatever it looks like
}

TEST(RegexBombs, TakeLinearTime) {
  const std::vector<ScriptLine> lines = {
      {1, 0, "trace 1"},
      {2, 1, "a x .v=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""}};
  const testing::MemoryStore store(*load_spans(lines));
  const ManualClock clock{TimestampNs{1}};
  EXPECT_TRUE(
      Engine(store, clock).search("{ .v =~ \"(a|aa)+\" || .v =~ \"(a*)*b\" }", {})->traces.empty());
}

}  // namespace
}  // namespace sightline::traceql
