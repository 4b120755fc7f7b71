#pragma once
// A scrape loop over a store of its own, whose target exposes what the test says.
#include <gtest/gtest.h>

#include "scrape/scrape_loop.h"
#include "tsdb/testing_store.h"

namespace sightline::scrape {

inline constexpr std::string_view kOpenMetrics =
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
    clock_.set_wall({1'000'000'000'000});
    rebuild();
  }
  void rebuild() {
    targets_ = make_targets(config_).value();
    loop_ = ScrapeLoop::create(
                targets_.active.at(0),
                [this](const FetchRequest& request) -> Result<Fetched> {
                  accept_ = request.accept;
                  if (body_.empty()) return fail(Errc::kUnavailable, "connection refused");
                  if (body_.size() >= request.body_bytes_max) return Fetched{.is_too_large = true};
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
  uint64_t counted(std::string_view name) { return telemetry_.counter_total(name); }
  std::string last_error() { return loop_->target().health().last_error; }
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
      for (size_t k = 0; k < columns.histogram_times.size(); ++k)
        out += " " + std::to_string(columns.histogram_times[k] / 1000) + "=" +
               (model::is_stale_marker(columns.histograms[k]->sum)
                    ? "stale histogram"
                    : "histogram of " +
                          std::to_string(static_cast<int>(columns.histograms[k]->count)) + " in " +
                          std::to_string(columns.histograms[k]->positive_buckets.size()));
      out += "\n";
    }
    return out;
  }

  tsdb::TestingStore testing_store_;
  tsdb::Tsdb* const store_ = &testing_store_.db();
  ManualClock& clock_ = testing_store_.clock();
  Telemetry& telemetry_ = testing_store_.telemetry();
  config::ScrapeConfig config_;
  TargetSet targets_;
  std::unique_ptr<ScrapeLoop> loop_;
  std::string body_;
  std::string accept_;
  std::string_view content_type_ = kOpenMetrics;
};

}  // namespace sightline::scrape
