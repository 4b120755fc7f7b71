#include "scrape/exposition.h"

#include <gtest/gtest.h>

namespace sightline::scrape {
namespace {

using config::ScrapeProtocol;

TEST(Exposition, IsAskedForByPreference) {
  config::ScrapeConfig config;
  config.scrape_protocols = {ScrapeProtocol::kPrometheusProto, ScrapeProtocol::kOpenMetrics100,
                             ScrapeProtocol::kOpenMetrics001, ScrapeProtocol::kPrometheusText100,
                             ScrapeProtocol::kPrometheusText004};
  EXPECT_EQ(accept_header(config),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
            "delimited;q=0.6,"
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1");
  config.scrape_protocols = {ScrapeProtocol::kPrometheusText100};
  config.name_escaping = "underscores";
  EXPECT_EQ(accept_header(config), "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5");
}

TEST(Exposition, NativeHistogramsAreAskedForFirstUnlessProtocolsAreGiven) {
  const auto config = config::parse_prometheus(R"(
global: {metric_name_validation_scheme: legacy}
scrape_configs:
  - {job_name: native, scrape_native_histograms: true}
  - {job_name: plain, metric_name_validation_scheme: utf8}
  - {job_name: text, scrape_native_histograms: true, scrape_protocols: [PrometheusText0.0.4]}
)",
                                               "p.yaml", config::FixedEnvironment());
  ASSERT_TRUE(config) << config.error().message;
  const auto first_of = [&](size_t job) {
    const std::string all = accept_header(config->scrape_configs[job]);
    return all.substr(0, all.find(','));
  };
  EXPECT_EQ(first_of(0),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
            "delimited;q=0.6");
  EXPECT_EQ(first_of(1), "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6");
  EXPECT_EQ(first_of(2), "text/plain;version=0.0.4;q=0.6");
  EXPECT_NE(accept_header(config->scrape_configs[0]).find("escaping=underscores"),
            std::string::npos);
}

TEST(Exposition, ItsFormatIsThatOfTheContentType) {
  const auto format = [](std::string_view type) { return exposed_format(type, std::nullopt); };
  EXPECT_EQ(*format("text/plain; version=0.0.4"), ExposedFormat::kPrometheusText);
  EXPECT_EQ(*format(" Application/OpenMetrics-Text;version=1.0.0"), ExposedFormat::kOpenMetrics);
  EXPECT_EQ(*format("application/vnd.google.protobuf"), ExposedFormat::kProtobuf);
  EXPECT_EQ(format("application/json").error().code, Errc::kUnsupported);
  EXPECT_EQ(format("").error().message,
            "non-compliant scrape target sending blank Content-Type and no "
            "fallback_scrape_protocol specified for target");
  EXPECT_EQ(*exposed_format("", ScrapeProtocol::kPrometheusProto), ExposedFormat::kProtobuf);
  EXPECT_EQ(*exposed_format("text/plain", ScrapeProtocol::kPrometheusProto),
            ExposedFormat::kPrometheusText);
}

}  // namespace
}  // namespace sightline::scrape
