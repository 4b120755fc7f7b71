// The connector behind the exposition writer, line by line against what the
// OpenTelemetry Collector answered for the demo's spans.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "connectors/spanmetrics/span_metrics.h"
#include "connectors/spanmetrics/testing_spans.h"
#include "wire/openmetrics/check_openmetrics.h"
#include "wire/openmetrics/exposition_writer.h"

namespace sightline::connectors::spanmetrics {
namespace {

using model::SpanKind;
using model::ValueView;
using testing::BatchBuilder;
using testing::SpanText;
using testing::text;
using wire::openmetrics::ExpositionFormat;

constexpr uint64_t kNow = 1'795'485'383'488'000'000;
constexpr uint64_t kMillisecond = 1'000'000;

SpanMetricsOptions seed_options() {
  SpanMetricsOptions options;
  options.dimensions = {{"http.method", {}}, {"http.status_code", {}}};
  options.collector_instance_id = "44af08bf-f0e2-4816-8666-00ab6838bbe7";
  options.buckets = {2, 4, 6, 10, 50, 100, 200, 500, 1000, 2000};
  return options;
}

struct Counted {
  std::string name;
  SpanKind kind;
  int64_t http_status;  // 0: not a request
  uint64_t duration_ns;
  int times;
};

// Times and durations of the golden file's exemplars.
model::SpanBatch demo_spans() {
  static const Counted kSpans[] = {{"index-span", SpanKind::kInternal, 0, 6'520, 5},
                                   {"slow-span", SpanKind::kInternal, 0, 500'164'202, 5},
                                   {"GET /", SpanKind::kServer, 200, 651'308, 5},
                                   {"GET /slow", SpanKind::kServer, 200, 503'406'681, 5},
                                   {"GET /missing", SpanKind::kServer, 404, 505'529, 2}};
  BatchBuilder batch;
  batch.resource({{"telemetry.sdk.language", text("python")},
                  {"telemetry.sdk.name", text("opentelemetry")},
                  {"telemetry.sdk.version", text("1.45.1")},
                  {"service.instance.id", text("e61221fb-c1da-412d-9fd5-8ff9c6fd1410")},
                  {"service.name", text("demo-service")}});
  uint64_t id = 1;
  for (const Counted& counted : kSpans)
    for (int i = 0; i < counted.times; ++i) {
      SpanText span{.name = counted.name, .kind = counted.kind, .id = id++};
      span.end_ns = kNow - id * kMillisecond;
      span.start_ns = span.end_ns - counted.duration_ns;
      span.attributes = {{"http.server_name", text("0.0.0.0")}};
      if (counted.http_status != 0) {
        span.attributes.emplace_back("http.method", text("GET"));
        span.attributes.emplace_back("http.status_code", ValueView::of_int(counted.http_status));
      }
      batch.span(span);
    }
  return batch.finish();
}

std::vector<std::string> lines_of(const std::string& all) {
  std::vector<std::string> lines;
  std::istringstream in(all);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Ids, times and measured durations masked. The peer orders an exemplar's labels by chance,
// and its first flush says 0 calls of a series that it has just met.
std::string masked(std::string line) {
  static const std::regex kExemplar(
      R"( # \{[a-z_]*="[0-9a-f]*",[a-z_]*="[0-9a-f]*"\} [-+.0-9e]+ [-+.0-9e]+$)");
  line = std::regex_replace(line, kExemplar, " # EXEMPLAR");
  static const std::regex kOpenMetricsTime(R"( 1\.795[0-9]*e\+09)");
  line = std::regex_replace(line, kOpenMetricsTime, " TIME");
  static const std::regex kClassicTime(R"( 1795485[0-9]{6}$)");
  line = std::regex_replace(line, kClassicTime, " TIME");
  static const std::regex kSum(R"(^(\w+_sum\{.*\}) [-+.0-9e]+)");
  line = std::regex_replace(line, kSum, "$1 SUM");
  static const std::regex kFirstFlush(R"(^(\w+_calls_total\{.*GET /missing.*\}) [0-9.]+)");
  return std::regex_replace(line, kFirstFlush, "$1 CALLS");
}

void compare_with(const std::string& golden_name, ExpositionFormat format) {
  const auto path = std::filesystem::path(SIGHTLINE_SOURCE_DIR) / "../shared/golden" / golden_name;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "LOUDLY: nothing was compared, no golden file at " << path;
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  const ManualClock clock(TimestampNs{kNow});
  const auto metrics = SpanMetrics::create(clock, seed_options());
  (*metrics)->consume(demo_spans());
  const auto wanted = lines_of(golden.str());
  const auto got = lines_of(wire::openmetrics::write_exposition((*metrics)->collect(), format));
  for (size_t i = 0; i < std::max(wanted.size(), got.size()); ++i) {
    ASSERT_LT(i, got.size()) << "the golden file goes on: " << wanted[i];
    ASSERT_LT(i, wanted.size()) << "the golden file ends before " << got[i];
    ASSERT_EQ(masked(got[i]), masked(wanted[i])) << "line " << i + 1;
  }
}

TEST(SpanMetricsGolden, OpenMetrics) {
  compare_with("otelcol-metrics.openmetrics.txt", ExpositionFormat::kOpenMetrics);
}
TEST(SpanMetricsGolden, ClassicText) {
  compare_with("otelcol-metrics.prometheus.txt", ExpositionFormat::kPrometheusText);
}

// Holds without the golden files too.
TEST(SpanMetricsGolden, ItsExpositionIsStrictOpenMetrics) {
  const ManualClock clock(TimestampNs{kNow});
  const auto metrics = SpanMetrics::create(clock, seed_options());
  (*metrics)->consume(demo_spans());
  const auto all =
      wire::openmetrics::write_exposition((*metrics)->collect(), ExpositionFormat::kOpenMetrics);
  const auto status = wire::openmetrics::check_openmetrics(all);
  EXPECT_TRUE(status) << status.error().message << "\n" << all;
}

}  // namespace
}  // namespace sightline::connectors::spanmetrics
