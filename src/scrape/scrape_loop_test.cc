#include "scrape/scrape_loop.h"

#include "scrape/testing_scrape.h"
#include "wire/prometheus/testing/family_message.h"

namespace sightline::scrape {
namespace {

TEST_F(ScrapeLoopTest, StoresSamplesExemplarsMetadataAndItsOwnSeries) {
  scrape(
      "# TYPE a counter\n# HELP a Help.\na_total{x=\"1\"} 5 # "
      "{trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.5 1014.5\n# EOF\n");
  EXPECT_EQ(samples("a_total"), "a_total{instance=\"host:1\", job=\"j\", x=\"1\"}: 1015=5\n");
  EXPECT_EQ(samples("up"), "up{instance=\"host:1\", job=\"j\"}: 1015=1\n");
  EXPECT_EQ(samples("scrape_samples_scraped"),
            "scrape_samples_scraped{instance=\"host:1\", job=\"j\"}: 1015=1\n");
  EXPECT_EQ(samples("scrape_series_added"),
            "scrape_series_added{instance=\"host:1\", job=\"j\"}: 1015=1\n");
  const auto querier = store_->querier().value();
  EXPECT_EQ(querier->metadata("a").at("a").help, "Help.");
  const auto set =
      querier
          ->select(
              std::vector{
                  tsdb::Matcher::create(tsdb::MatchOp::kEqual, "__name__", "a_total").value()},
              {})
          .value();
  std::vector<model::Exemplar> exemplars;
  ASSERT_TRUE(set->read_exemplars(0, {}, exemplars));
  ASSERT_EQ(exemplars.size(), 1u);
  EXPECT_EQ(exemplars[0].time.value, 1'014'500);
  EXPECT_EQ(loop_->target().health().health, Health::kUp);
  EXPECT_NE(accept_.find("application/openmetrics-text;version=1.0.0"), std::string::npos);
}

TEST_F(ScrapeLoopTest, AVanishedSeriesEndsAndADownTargetEndsAll) {
  scrape("a 1\nb 1\n# EOF\n");
  scrape("a 2\n# EOF\n");
  EXPECT_EQ(samples("b"), "b{instance=\"host:1\", job=\"j\"}: 1015=1 1030=stale\n");
  scrape("");
  EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1015=1 1030=2 1045=stale\n");
  EXPECT_EQ(samples("up"), "up{instance=\"host:1\", job=\"j\"}: 1015=1 1030=1 1045=0\n");
  EXPECT_EQ(loop_->target().health().last_error, "connection refused");
  scrape("a 3\n# EOF\n");
  EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1015=1 1030=2 1045=stale 1060=3\n");
}

TEST_F(ScrapeLoopTest, ABadExpositionIsRefusedAsAWhole) {
  scrape("a 1\nb x\n# EOF\n");
  EXPECT_EQ(samples("a"), "");
  EXPECT_EQ(samples("up"), "up{instance=\"host:1\", job=\"j\"}: 1015=0\n");
  EXPECT_NE(loop_->target().health().last_error.find("2:3"), std::string::npos);
}

TEST_F(ScrapeLoopTest, TheirTimestampsCountAndAreNotEnded) {
  scrape("a 1 1010\n# EOF\n");
  scrape("b 1\n# EOF\n");
  EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1010=1\n");
}

TEST_F(ScrapeLoopTest, HonorLabelsDecidesWhoseLabelStays) {
  scrape("a{job=\"theirs\",instance=\"x\"} 1\n# EOF\n");
  EXPECT_EQ(samples("a"),
            "a{exported_instance=\"x\", exported_job=\"theirs\", instance=\"host:1\", job=\"j\"}: "
            "1015=1\n");
  config_.honor_labels = true;
  rebuild();
  scrape("b{job=\"theirs\",instance=\"x\"} 1\n# EOF\n");
  EXPECT_EQ(samples("b"), "b{instance=\"x\", job=\"theirs\"}: 1030=1\n");
}

TEST_F(ScrapeLoopTest, RelabelsAndDrops) {
  config_.metric_relabel_configs.push_back({.source_labels = {"__name__"},
                                            .regex = "drop.*",
                                            .action = config::RelabelConfig::Action::kDrop});
  rebuild();
  scrape("a 1\ndrop_me 1\nb 1\n# EOF\n");
  EXPECT_EQ(samples("drop_me"), "");
  EXPECT_EQ(samples("scrape_samples_post_metric_relabeling"),
            "scrape_samples_post_metric_relabeling{instance=\"host:1\", job=\"j\"}: 1015=2\n");
}

TEST_F(ScrapeLoopTest, BoundsAreNormalized) {
  content_type_ = "text/plain; version=0.0.4";
  scrape("h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n");
  EXPECT_EQ(samples("h_bucket", "le", "1.0"),
            "h_bucket{instance=\"host:1\", job=\"j\", le=\"1.0\"}: 1015=1\n");
}

constexpr std::string_view kProtobuf =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

TEST_F(ScrapeLoopTest, NativeHistogramsCountWithExemplarsAndEndAsHistograms) {
  namespace message = wire::prometheus::testing;
  config_.scrape_native_histograms = true;
  rebuild();
  content_type_ = kProtobuf;
  scrape(message::family("h", message::kHistogram,
                         {message::metric({{"a", "b"}}, 7, message::native_histogram())}, "Help."));
  EXPECT_EQ(last_error(), "");
  EXPECT_EQ(samples("h"), "h{a=\"b\", instance=\"host:1\", job=\"j\"}: 1015=histogram of 6 in 2\n");
  const auto querier = store_->querier().value();
  EXPECT_EQ(querier->metadata("h").at("h").type, model::MetricType::kHistogram);
  const auto set =
      querier
          ->select(
              std::vector{tsdb::Matcher::create(tsdb::MatchOp::kEqual, "__name__", "h").value()},
              {})
          .value();
  std::vector<model::Exemplar> exemplars;
  ASSERT_TRUE(set->read_exemplars(0, {}, exemplars));
  ASSERT_EQ(exemplars.size(), 2u);
  EXPECT_EQ(exemplars[0].time.value, 1'010'500);
  EXPECT_EQ(exemplars[1].value, 3.5);
  tsdb::SampleColumns columns;
  ASSERT_TRUE(set->read(0, {}, columns));
  EXPECT_EQ(columns.histogram_created, std::vector<int64_t>{900'000});
  // The same exemplars again are no refusal.
  scrape(body_);
  EXPECT_EQ(counted("prometheus_target_scrapes_exemplar_out_of_order_total"), 0u);
  scrape(message::family("g", message::kGauge, {message::metric({}, 2, "")}));
  EXPECT_EQ(
      samples("h"),
      "h{a=\"b\", instance=\"host:1\", job=\"j\"}: 1015=histogram of 6 in 2 1030=histogram of 6 "
      "in 2 1045=stale histogram\n");
}

TEST_F(ScrapeLoopTest, WithoutScrapeNativeHistogramsProtobufBringsClassicOnes) {
  namespace message = wire::prometheus::testing;
  content_type_ = kProtobuf;
  scrape(message::family("h", message::kHistogram,
                         {message::metric({}, 7, message::native_histogram())}));
  EXPECT_EQ(samples("h"), "");
  EXPECT_EQ(samples("h_bucket"), "h_bucket{instance=\"host:1\", job=\"j\", le=\"+Inf\"}: 1015=6\n");
}

TEST_F(ScrapeLoopTest, AHistogramThatIsNoneFailsTheScrape) {
  namespace message = wire::prometheus::testing;
  config_.scrape_native_histograms = true;
  rebuild();
  content_type_ = kProtobuf;
  const std::string bad =
      message::message([](message::Writer& w) { w.add_message(12, message::span(0, 3)); });
  scrape(message::family("h", message::kHistogram, {message::metric({}, 7, bad)}));
  EXPECT_EQ(last_error(),
            "byte 8: positive side: spans need 3 buckets, have 0 buckets: histogram spans specify "
            "different number of buckets than provided");
  EXPECT_EQ(samples("up"), "up{instance=\"host:1\", job=\"j\"}: 1015=0\n");
}

TEST_F(ScrapeLoopTest, AnAnswerInNoKnownFormatNeedsAFallback) {
  content_type_ = "text/html";
  scrape("a 1\n");
  EXPECT_EQ(last_error(),
            "received unsupported Content-Type \"text/html\" and no fallback_scrape_protocol "
            "specified for target");
  config_.fallback_scrape_protocol = config::ScrapeProtocol::kPrometheusText004;
  rebuild();
  scrape("a 1\n");
  EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1030=1\n");
}

// Once ended, a series is not ended again by the next scrape that fails.
TEST_F(ScrapeLoopTest, AFailedScrapeEndsASeriesOnce) {
  scrape("a 1\n# EOF\n");
  scrape("a 2\nb x\n# EOF\n");
  scrape("a 3\nb x\n# EOF\n");
  EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1015=1 1030=stale\n");
}

}  // namespace
}  // namespace sightline::scrape
