// What a scrape configuration allows its targets. Over a limit the scrape fails as a whole, and says and counts why.
#include <thread>

#include "scrape/scraper.h"
#include "scrape/testing_scrape.h"
#include "wire/prometheus/testing/family_message.h"

namespace sightline::scrape {
namespace {

class ScrapeLimitsTest : public ScrapeLoopTest {
 protected:
  // One scrape within the limits, of `good`, then one beyond, of `bad`: nothing of it is kept, and what was there ends.
  void expect_failure(const std::string& good, const std::string& bad, std::string_view error,
                      std::string_view counter) {
    rebuild();
    scrape(good);
    EXPECT_EQ(last_error(), "");
    EXPECT_EQ(counted(counter), 0u);
    scrape(bad);
    EXPECT_EQ(last_error(), error);
    EXPECT_EQ(loop_->target().health().health, Health::kDown);
    EXPECT_EQ(counted(counter), 1u);
    EXPECT_EQ(samples("up"), "up{instance=\"host:1\", job=\"j\"}: 1015=1 1030=0\n");
    EXPECT_EQ(samples("a"), "a{instance=\"host:1\", job=\"j\"}: 1015=1 1030=stale\n");
    EXPECT_EQ(samples("b"), "");
  }
  // Of the last scrape, of those that a target always has.
  std::string own(std::string_view name) {
    const std::string text = samples(name);
    return text.substr(text.rfind('=') + 1, text.size() - text.rfind('=') - 2);
  }
};

TEST_F(ScrapeLimitsTest, SampleLimitCountsWhatRelabellingLeaves) {
  config_.metric_relabel_configs.push_back({.source_labels = {"__name__"},
                                            .regex = "drop.*",
                                            .action = config::RelabelConfig::Action::kDrop});
  config_.limits.samples = 2;
  expect_failure("a 1\ndrop_me 1\nc 1\n# EOF\n", "a 1\ndrop_me 1\nc 1\nb 1\nd 1\n# EOF\n",
                 "sample limit exceeded", "prometheus_target_scrapes_exceeded_sample_limit_total");
  // How much there was is told, so that the limit can be set.
  EXPECT_EQ(own("scrape_samples_scraped"), "5");
  EXPECT_EQ(own("scrape_samples_post_metric_relabeling"), "4");
  EXPECT_EQ(own("scrape_series_added"), "0");
}

TEST_F(ScrapeLimitsTest, LabelLimitCountsNameAndTargetLabels) {
  config_.limits.labels = 4;
  expect_failure("a 1\nc{x=\"1\"} 1\n# EOF\n", "a 1\nb{x=\"1\",y=\"2\"} 1\n# EOF\n",
                 "label_limit exceeded (metric: b, number of labels: 5, limit: 4)",
                 "prometheus_target_scrape_pool_exceeded_label_limits_total");
}

TEST_F(ScrapeLimitsTest, LabelNameLengthLimit) {
  config_.limits.label_name_length = 8;  // of __name__ and instance
  expect_failure("a 1\nc{eightlet=\"1\"} 1\n# EOF\n", "a 1\nb{ninelette=\"1\"} 1\n# EOF\n",
                 "label_name_length_limit exceeded (metric: b, label name: ninelette, length: 9, "
                 "limit: 8)",
                 "prometheus_target_scrape_pool_exceeded_label_limits_total");
}

TEST_F(ScrapeLimitsTest, LabelValueLengthLimitShortensWhatItShows) {
  config_.limits.label_value_length = 60;
  const std::string fits(60, 'v');
  const std::string long_name(58, 'b');
  expect_failure("a 1\nc{x=\"" + fits + "\"} 1\n# EOF\n",
                 "a 1\n" + long_name + "{x=\"" + fits + "v\"} 1\n# EOF\n",
                 "label_value_length_limit exceeded (metric: " + std::string(50, 'b') +
                     ", label name: x, value: \"" + std::string(50, 'v') +
                     "\", length: 61, limit: 60)",
                 "prometheus_target_scrape_pool_exceeded_label_limits_total");
}

TEST_F(ScrapeLimitsTest, BodySizeLimit) {
  config_.extra_scrape_metrics = true;
  config_.limits.body_size = {12};
  config_.limits.samples = 7;
  expect_failure("a 1\n# EOF\n", "a 1\nb 1\n# EOF\n", "body size limit exceeded",
                 "prometheus_target_scrapes_exceeded_body_size_limit_total");
  EXPECT_EQ(samples("scrape_body_size_bytes"),
            "scrape_body_size_bytes{instance=\"host:1\", job=\"j\"}: 1015=10 1030=-1\n");
  EXPECT_EQ(own("scrape_sample_limit"), "7");
  EXPECT_EQ(own("scrape_timeout_seconds"), "10");
}

TEST_F(ScrapeLimitsTest, NativeHistogramsAreCoarsenedIntoTheirBucketLimitOrFail) {
  namespace message = wire::prometheus::testing;
  config_.scrape_native_histograms = true;
  config_.limits.native_histogram_buckets = 1;
  rebuild();
  content_type_ = "application/vnd.google.protobuf";
  const auto exposition = [](const std::string& histogram) {
    return message::family("h", message::kHistogram, {message::metric({}, 7, histogram)});
  };
  // (1,2] and (2,4] join into one; (0.5,1] never joins them, as 1 is a bound in every schema.
  const std::string above = message::message([](message::Writer& w) {
    w.add_uint64(1, 2);
    w.add_message(12, message::span(1, 2));
    const int64_t deltas[] = {1, 0};
    w.add_packed_sint64(13, std::begin(deltas), std::end(deltas));
  });
  scrape(exposition(above));
  EXPECT_EQ(samples("h"), "h{instance=\"host:1\", job=\"j\"}: 1015=histogram of 2 in 1\n");
  scrape(exposition(message::native_histogram()));
  EXPECT_EQ(last_error(), "histogram bucket limit exceeded");
  EXPECT_EQ(counted("prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total"), 1u);
  EXPECT_EQ(samples("h"),
            "h{instance=\"host:1\", job=\"j\"}: 1015=histogram of 2 in 1 1030=stale histogram\n");
}

TEST_F(ScrapeLimitsTest, NativeHistogramsAreCoarsenedToTheMinimumBucketFactor) {
  namespace message = wire::prometheus::testing;
  config_.scrape_native_histograms = true;
  config_.limits.native_histogram_factor_min = 16;  // schema -2
  rebuild();
  content_type_ = "application/vnd.google.protobuf";
  const std::string histogram = message::message([](message::Writer& w) {
    w.add_uint64(1, 5);
    w.add_sint32(5, 0);
    w.add_message(12, message::span(1, 5));  // up to 2, 4, 8, 16, 32
    const int64_t deltas[] = {1, 0, 0, 0, 0};
    w.add_packed_sint64(13, std::begin(deltas), std::end(deltas));
  });
  scrape(message::family("h", message::kHistogram, {message::metric({}, 7, histogram)}));
  EXPECT_EQ(samples("h"), "h{instance=\"host:1\", job=\"j\"}: 1015=histogram of 5 in 2\n");
}

TEST_F(ScrapeLimitsTest, KeepDroppedTargetsLimitsWhatIsShownAndNotWhatIsCounted) {
  config_.static_configs = {{.targets = {{"h:1", {}}, {"h:2", {}}, {"h:3", {}}, {"kept:1", {}}}}};
  config_.relabel_configs.push_back({.source_labels = {"__address__"},
                                     .regex = "h:.*",
                                     .action = config::RelabelConfig::Action::kDrop});
  config::PrometheusConfig config;
  const auto shown_and_counted = [&] {
    config.scrape_configs = {config_};
    const auto scraper = Scraper::create(config, *store_, clock_, telemetry_, {}).value();
    return std::pair(scraper->dropped_targets().size(), scraper->dropped_counts().at("j"));
  };
  EXPECT_EQ(shown_and_counted(), std::pair(size_t{3}, size_t{3}));
  config_.limits.dropped_targets = 2;
  EXPECT_EQ(shown_and_counted(), std::pair(size_t{2}, size_t{3}));
}

// All of the job's targets are down then, as the peer has it.
TEST_F(ScrapeLimitsTest, AJobWithMoreTargetsThanItsLimitIsNotScraped) {
  config_.static_configs.push_back({.targets = {{"host:2", {}}}});
  config_.limits.targets = 1;
  config::PrometheusConfig config;
  config.scrape_configs = {config_};
  auto scraper = Scraper::create(config, *store_, clock_, telemetry_, {});
  ASSERT_TRUE(scraper);
  (*scraper)->start();
  const Target& target = *(*scraper)->targets().at(0);
  while (target.health().health == Health::kUnknown) std::this_thread::yield();
  (*scraper)->stop();
  EXPECT_EQ(target.health().health, Health::kDown);
  EXPECT_EQ(target.health().last_error, "target_limit exceeded (number of targets: 2, limit: 1)");
  EXPECT_EQ(telemetry_.counter_total("prometheus_target_scrape_pool_exceeded_target_limit_total"),
            1u);
}

}  // namespace
}  // namespace sightline::scrape
