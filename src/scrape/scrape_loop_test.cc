#include "scrape/scrape_loop.h"

#include <gtest/gtest.h>

#include <thread>

#include "io/testing_directory.h"
#include "scrape/scraper.h"
#include "tsdb/tsdb.h"

namespace sightline::scrape {
namespace {

constexpr std::string_view kOpenMetrics =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

class ScrapeLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.job_name = {"j", {}};
    config_.scrape_interval = std::chrono::seconds(15);
    config_.scrape_timeout = std::chrono::seconds(10);
    config_.scrape_protocols = {config::ScrapeProtocol::kOpenMetrics100,
                                config::ScrapeProtocol::kPrometheusText004};
    config_.static_configs.push_back({.targets = {{"host:1", {}}}});
    store_ =
        tsdb::Tsdb::open(*fs_, clock_, telemetry_, {.directory = dir_.path() + "/metrics"}).value();
    rebuild();
  }
  void rebuild() {
    targets_ = make_targets(config_).value();
    loop_ = ScrapeLoop::create(
                targets_.active.at(0),
                [this](const FetchRequest& request) -> Result<Fetched> {
                  accept_ = request.accept;
                  if (body_.empty()) return fail(Errc::kUnavailable, "connection refused");
                  return Fetched{std::string(content_type_), body_};
                },
                *store_, clock_, telemetry_)
                .value();
  }
  void scrape(std::string body) {
    clock_.advance(std::chrono::seconds(15));
    body_ = std::move(body);
    loop_->scrape();
  }
  // "t=v t=v" of the one series that matches the name and labels, stale markers as "stale".
  std::string samples(std::string_view name, std::string_view label = "",
                      std::string_view value = "") {
    std::vector<tsdb::Matcher> matchers = {
        tsdb::Matcher::create(tsdb::MatchOp::kEqual, "__name__", std::string(name)).value()};
    if (!label.empty())
      matchers.push_back(
          tsdb::Matcher::create(tsdb::MatchOp::kEqual, std::string(label), std::string(value))
              .value());
    const auto querier = store_->querier().value();
    const auto set = querier->select(matchers, {}).value();
    std::string out;
    for (size_t i = 0; i < set->size(); ++i) {
      out += set->labels(i).to_string() + ":";
      tsdb::SampleColumns columns;
      EXPECT_TRUE(set->read(i, {}, columns));
      for (size_t k = 0; k < columns.times.size(); ++k)
        out += " " + std::to_string(columns.times[k] / 1000) + "=" +
               (model::is_stale_marker(columns.values[k])
                    ? "stale"
                    : std::to_string(static_cast<int>(columns.values[k])));
      out += "\n";
    }
    return out;
  }

  const io::TestingDirectory dir_;
  const std::unique_ptr<io::FileSystem> fs_ = io::make_posix_file_system();
  ManualClock clock_{{1'000'000'000'000}};
  Telemetry telemetry_;
  config::ScrapeConfig config_;
  std::unique_ptr<tsdb::Tsdb> store_;
  TargetSet targets_;
  std::unique_ptr<ScrapeLoop> loop_;
  std::string body_;
  std::string accept_;
  std::string_view content_type_ = kOpenMetrics;
};

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

// All of the job's targets are down then, as the peer has it.
TEST_F(ScrapeLoopTest, AJobWithMoreTargetsThanItsLimitIsNotScraped) {
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

TEST_F(ScrapeLoopTest, RelabelsDropsAndLimits) {
  config_.metric_relabel_configs.push_back({.source_labels = {"__name__"},
                                            .regex = "drop.*",
                                            .action = config::RelabelConfig::Action::kDrop});
  config_.limits.samples = 2;
  rebuild();
  scrape("a 1\ndrop_me 1\nb 1\n# EOF\n");
  EXPECT_EQ(samples("drop_me"), "");
  EXPECT_EQ(samples("scrape_samples_post_metric_relabeling"),
            "scrape_samples_post_metric_relabeling{instance=\"host:1\", job=\"j\"}: 1015=2\n");
  scrape("a 1\nb 1\nc 1\n# EOF\n");
  EXPECT_EQ(samples("c"), "");
  EXPECT_EQ(loop_->target().health().last_error, "sample limit exceeded");
}

TEST_F(ScrapeLoopTest, BoundsAreNormalized) {
  content_type_ = "text/plain; version=0.0.4";
  scrape("h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\n");
  EXPECT_EQ(samples("h_bucket", "le", "1.0"),
            "h_bucket{instance=\"host:1\", job=\"j\", le=\"1.0\"}: 1015=1\n");
}

}  // namespace
}  // namespace sightline::scrape
