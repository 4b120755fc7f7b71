// Whatever happens to the series, the kept texts say what writing everything anew says.
#include "pipeline/exporters/exposition_cache.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/otlp/decode_traces.h"

namespace sightline::pipeline {
namespace {

using connectors::spanmetrics::SpanMetrics;
using wire::openmetrics::Escaping;
using wire::openmetrics::ExpositionFormat;

constexpr uint64_t kNow = 1'795'485'383'488'000'000;

std::string span_json(const std::string& service, const std::string& name, uint64_t duration_ns,
                      uint64_t now_ns) {
  return R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":")" +
         service +
         R"("}},{"key":"service.instance.id","value":{"stringValue":"i"}}]},"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":")" +
         name + R"(","kind":2,"startTimeUnixNano":")" + std::to_string(now_ns - duration_ns) +
         R"(","endTimeUnixNano":")" + std::to_string(now_ns) + R"("}]}]}]})";
}

struct ExpositionCacheTest : testing::Test {
  void start(bool with_times, std::string prefix = "") {
    auto made = SpanMetrics::create(
        clock, {.buckets = {1, 10, 100}, .series_expiration = std::chrono::minutes(5)});
    ASSERT_TRUE(made);
    metrics = std::move(*made);
    look = {.change_heads =
                [prefix](auto& heads) {
                  for (auto& head : heads) head.name.insert(0, prefix);
                },
            .change_point = [with_times](auto& point) { point.has_time = with_times; }};
    cache = std::make_unique<ExpositionCache>(*metrics, look);
  }
  void count(const std::string& service, const std::string& name, uint64_t duration_ns) {
    const auto decoded =
        wire::otlp::decode_traces_json(span_json(service, name, duration_ns, clock.now().value));
    ASSERT_TRUE(decoded) << decoded.error().message;
    metrics->consume(*decoded->batch);
  }
  std::string anew(ExpositionFormat format) const {
    auto families = metrics->collect();
    for (auto& family : families)
      for (auto& point : family.points)
        if (family.name != "target_info") look.change_point(point);
    look.change_heads(families);
    return write_exposition(families, format);
  }
  void expect_same(ExpositionFormat format = ExpositionFormat::kOpenMetrics) {
    const auto text = cache->write(format, Escaping::kUnderscores, clock.now_ms());
    ASSERT_TRUE(text);
    ASSERT_EQ(*text, anew(format));
  }

  ManualClock clock{TimestampNs{kNow}};
  std::unique_ptr<SpanMetrics> metrics;
  ExpositionCache::Look look;
  std::unique_ptr<ExpositionCache> cache;
};

TEST_F(ExpositionCacheTest, SaysTheSameAsWritingAnew) {
  for (const bool with_times : {true, false}) {
    start(with_times, "shop_");
    expect_same();  // nothing there
    const uint64_t seed = Random::entropy_seed();
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    for (int round = 0; round < 200; ++round) {
      const auto spans = random.below(4);
      for (uint64_t i = 0; i < spans; ++i)
        count("s" + std::to_string(random.below(3)),
              R"(op \")" + std::to_string(random.below(20)) + "\\n", random.below(200'000'000));
      clock.advance(std::chrono::milliseconds(1 + random.below(20'000)));
      metrics->expire();
      expect_same(random.below(10) == 0 ? ExpositionFormat::kPrometheusText
                                        : ExpositionFormat::kOpenMetrics);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(ExpositionCacheTest, GivesUpWhereThereIsTooMuch) {
  start(true);
  for (int i = 0; i < 40; ++i) count("s", std::string(2'000'000, 'x') + std::to_string(i), 1);
  EXPECT_FALSE(
      cache->write(ExpositionFormat::kOpenMetrics, Escaping::kUnderscores, clock.now_ms()));
}

}  // namespace
}  // namespace sightline::pipeline
