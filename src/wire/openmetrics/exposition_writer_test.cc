#include "wire/openmetrics/exposition_writer.h"

#include <gtest/gtest.h>

#include "base/number_text.h"

#include <limits>

#include "wire/openmetrics/check_openmetrics.h"

namespace sightline::wire::openmetrics {
namespace {

using model::make_labels;
using model::MetricFamily;
using model::MetricType;

std::vector<MetricFamily> sample_families() {
  model::Exemplar exemplar{.value = 500.164202, .time = {1795485383488}};
  exemplar.trace_id = *parse_trace_id("b58db8c520140689210aa4890326f594");
  exemplar.span_id = *parse_span_id("7adab10d29cb4769");
  MetricFamily info{.name = "target_info",
                    .metadata = {.type = MetricType::kGauge, .help = "Target metadata"}};
  info.points.push_back({.labels = make_labels({{"job", "demo"}}), .has_time = false, .value = 1});
  MetricFamily calls{.name = "calls",
                     .metadata = {.type = MetricType::kCounter},
                     .empty_labels = {"otel_scope_version"}};
  calls.points.push_back({.labels = make_labels({{"job", "demo"}, {"span_name", "GET \"/\"\n"}}),
                          .time = {1795485383488},
                          .value = 5,
                          .exemplar = exemplar});
  MetricFamily duration{.name = "duration_milliseconds",
                        .metadata = {.type = MetricType::kHistogram}};
  duration.points.push_back(
      {.labels = make_labels({{"job", "demo"}}),
       .time = {1795485383488},
       .buckets = {{2, 0, std::nullopt},
                   {1e6, 5, exemplar},
                   {std::numeric_limits<double>::infinity(), 5, std::nullopt}},
       .sum = 2500.853489,
       .count = 5});
  return {info, calls, duration};
}

TEST(ExpositionWriter, AnExemplarsTimeHasItsNanoseconds) {
  MetricFamily calls{.name = "calls", .metadata = {.type = MetricType::kCounter}};
  const auto time_of = [&](int64_t ms, uint32_t rest_ns) {
    calls.points = {
        {.has_time = false,
         .value = 1,
         .exemplar = model::ExposedExemplar{model::Exemplar{.value = 2, .time = {ms}}, rest_ns}}};
    const std::string text = write_exposition(std::span(&calls, 1), ExpositionFormat::kOpenMetrics);
    const size_t begin = text.find("# {} 2.0 ") + 9;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  EXPECT_EQ(time_of(1795485383488, 123456), "1.7954853834881234e+09");
  EXPECT_EQ(time_of(1795485383488, 0), "1.795485383488e+09");
  EXPECT_EQ(time_of(1795485383000, 1), "1.795485383e+09");  // nearer than a double can tell
  EXPECT_EQ(time_of(1500, 250000), "1.50025");
}

TEST(ExpositionWriter, LabelsThatArePresentAndEmpty) {
  MetricFamily calls{
      .name = "calls", .metadata = {.type = MetricType::kCounter}, .empty_labels = {"b", "d"}};
  calls.points.push_back({.labels = make_labels({{"c", "1"}, {"d", "2"}}),
                          .has_time = false,
                          .value = 1,
                          .empty_labels = {"a", "b", "e"}});
  calls.points.push_back({.has_time = false, .value = 2});
  EXPECT_EQ(write_exposition(std::span(&calls, 1), ExpositionFormat::kPrometheusText),
            "# HELP calls_total \n# TYPE calls_total counter\n"
            "calls_total{a=\"\",b=\"\",c=\"1\",d=\"2\",e=\"\"} 1\n"
            "calls_total{b=\"\",d=\"\"} 2\n");
}

TEST(ExpositionWriter, OpenMetrics) {
  const std::string text = write_exposition(sample_families(), ExpositionFormat::kOpenMetrics);
  EXPECT_EQ(text,
            "# HELP target_info Target metadata\n# TYPE target_info "
            "gauge\ntarget_info{job=\"demo\"} 1.0\n"
            "# HELP calls \n# TYPE calls counter\n"
            "calls_total{job=\"demo\",otel_scope_version=\"\",span_name=\"GET \\\"/\\\"\\n\"} 5.0 "
            "1.795485383488e+09 "
            "# {trace_id=\"b58db8c520140689210aa4890326f594\",span_id=\"7adab10d29cb4769\"} "
            "500.164202 1.795485383488e+09\n"
            "# HELP duration_milliseconds \n# TYPE duration_milliseconds histogram\n"
            "duration_milliseconds_bucket{job=\"demo\",le=\"2.0\"} 0 1.795485383488e+09\n"
            "duration_milliseconds_bucket{job=\"demo\",le=\"1e+06\"} 5 1.795485383488e+09 "
            "# {trace_id=\"b58db8c520140689210aa4890326f594\",span_id=\"7adab10d29cb4769\"} "
            "500.164202 1.795485383488e+09\n"
            "duration_milliseconds_bucket{job=\"demo\",le=\"+Inf\"} 5 1.795485383488e+09\n"
            "duration_milliseconds_sum{job=\"demo\"} 2500.853489 1.795485383488e+09\n"
            "duration_milliseconds_count{job=\"demo\"} 5 1.795485383488e+09\n# EOF\n");
  EXPECT_TRUE(check_openmetrics(text));
}

TEST(ExpositionWriter, ClassicText) {
  EXPECT_EQ(
      write_exposition(sample_families(), ExpositionFormat::kPrometheusText),
      "# HELP target_info Target metadata\n# TYPE target_info gauge\ntarget_info{job=\"demo\"} 1\n"
      "# HELP calls_total \n# TYPE calls_total counter\n"
      "calls_total{job=\"demo\",otel_scope_version=\"\",span_name=\"GET \\\"/\\\"\\n\"} 5 "
      "1795485383488\n"
      "# HELP duration_milliseconds \n# TYPE duration_milliseconds histogram\n"
      "duration_milliseconds_bucket{job=\"demo\",le=\"2\"} 0 1795485383488\n"
      "duration_milliseconds_bucket{job=\"demo\",le=\"1e+06\"} 5 1795485383488\n"
      "duration_milliseconds_bucket{job=\"demo\",le=\"+Inf\"} 5 1795485383488\n"
      "duration_milliseconds_sum{job=\"demo\"} 2500.853489 1795485383488\n"
      "duration_milliseconds_count{job=\"demo\"} 5 1795485383488\n");
}

TEST(ExpositionWriter, LeavesOutExemplarsThatAreTooLong) {
  auto families = sample_families();
  families[1].points[0].exemplar->labels = make_labels({{"k", std::string(100, 'x')}});
  EXPECT_EQ(write_exposition(std::span(families).subspan(1, 1), ExpositionFormat::kOpenMetrics)
                .find("# {"),
            std::string::npos);
}

TEST(ExpositionWriter, Negotiates) {
  EXPECT_EQ(negotiate_exposition("", true).format, ExpositionFormat::kPrometheusText);
  EXPECT_EQ(negotiate_exposition("application/openmetrics-text", true).content_type,
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores");
  EXPECT_EQ(negotiate_exposition("application/openmetrics-text", false).format,
            ExpositionFormat::kPrometheusText);
  EXPECT_EQ(
      negotiate_exposition(
          "text/plain;version=0.0.4;q=0.9, application/openmetrics-text; version=1.0.0;q=0.5", true)
          .format,
      ExpositionFormat::kPrometheusText);
  EXPECT_EQ(negotiate_exposition("application/openmetrics-text;version=0.0.1;q=0.75,text/"
                                 "plain;version=0.0.4;q=0.5,*/*;q=0.1",
                                 true)
                .content_type,
            "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=underscores");
}

TEST(ExpositionWriter, TimesAreWrittenAsTheirShortestText) {
  for (const int64_t ms :
       {int64_t{0}, int64_t{1}, int64_t{1'500}, int64_t{999'999'999'999},
        int64_t{1'000'000'000'000}, int64_t{1'795'485'383'000}, int64_t{1'795'485'383'488},
        int64_t{9'999'999'999'999}, int64_t{10'000'000'000'000}}) {
    model::MetricFamily family{.name = "g", .metadata = {model::MetricType::kGauge, "", ""}};
    family.points.push_back({.time = {ms}, .value = 1});
    const std::string text = write_exposition({&family, 1}, ExpositionFormat::kOpenMetrics);
    EXPECT_NE(text.find("g 1.0 " + format_float_openmetrics(static_cast<double>(ms) / 1000) + "\n"),
              std::string::npos)
        << text;
  }
}

TEST(ExpositionWriter, NamesOfAnyUtf8) {
  model::MetricFamily family{.name = "http.requests",
                             .metadata = {model::MetricType::kCounter, "", "h"}};
  family.points.push_back(
      {.labels = model::make_labels({{"a.b", "x\"y"}, {"c", "d"}}), .has_time = false, .value = 2});
  const auto text = [&](Escaping escaping) {
    return write_exposition({&family, 1}, ExpositionFormat::kPrometheusText, escaping);
  };
  EXPECT_NE(text(Escaping::kAllowUtf8)
                .find("# TYPE \"http.requests_total\" counter\n"
                      "{\"http.requests_total\",\"a.b\"=\"x\\\"y\",c=\"d\"} 2\n"),
            std::string::npos)
      << text(Escaping::kAllowUtf8);
  EXPECT_NE(text(Escaping::kUnderscores).find("http_requests_total{a_b="), std::string::npos);
  EXPECT_NE(text(Escaping::kDots).find("http_dot_requests_total{a_dot_b="), std::string::npos);
  EXPECT_NE(text(Escaping::kValues).find("U__http_2e_requests_total{U__a_2e_b="),
            std::string::npos);
  EXPECT_EQ(escape_name("a_b.\xc3\xa9", Escaping::kDots), "a__b_dot___");
  EXPECT_EQ(escape_name("a_b.\xc3\xa9", Escaping::kValues), "U__a__b_2e__e9_");
  EXPECT_EQ(escape_name("plain_name", Escaping::kValues), "plain_name");
}

TEST(ExpositionWriter, Summaries) {
  model::MetricFamily family{.name = "s", .metadata = {model::MetricType::kSummary, "", ""}};
  model::MetricPoint point{.has_time = false, .sum = 2.5, .count = 4};
  point.quantiles = {{0.5, 1}, {0.99, 3}};
  family.points.push_back(point);
  EXPECT_EQ(write_exposition({&family, 1}, ExpositionFormat::kOpenMetrics),
            "# HELP s \n# TYPE s summary\ns{quantile=\"0.5\"} 1.0\ns{quantile=\"0.99\"} 3.0\n"
            "s_sum 2.5\ns_count 4\n# EOF\n");
}

}  // namespace
}  // namespace sightline::wire::openmetrics
