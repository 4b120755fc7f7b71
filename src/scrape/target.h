#pragma once
// What is scraped: one endpoint of one scrape configuration, with the labels its
// samples get. Built once from the configuration; its health changes with each scrape.
//   Source   Prometheus: scrape target label population.
//   Threads  fixed fields are immutable; health() and set_health() from any thread.
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "config/prometheus/prometheus_config.h"
#include "model/labels.h"

namespace sightline::scrape {

enum class Health { kUnknown, kUp, kDown };
std::string_view health_name(Health health);

struct TargetHealth {
  Health health = Health::kUnknown;
  std::string last_error;
  TimestampNs last_scrape{0};  // 0: never
  double last_duration_seconds = 0;
};

class Target {
 public:
  Target(const config::ScrapeConfig& config, model::Labels discovered, model::Labels labels);

  const config::ScrapeConfig& config() const { return config_; }
  const model::Labels& discovered() const { return discovered_; }  // before relabelling
  const model::Labels& labels() const { return labels_; }  // of its samples: job, instance, ...
  const std::string& url() const { return url_; }
  std::chrono::milliseconds interval() const { return interval_; }
  std::chrono::milliseconds timeout() const { return timeout_; }

  TargetHealth health() const;
  void set_health(TargetHealth health);

 private:
  const config::ScrapeConfig& config_;
  const model::Labels discovered_;
  model::Labels labels_;
  std::string url_;
  std::chrono::milliseconds interval_;
  std::chrono::milliseconds timeout_;
  mutable std::mutex mutex_;
  TargetHealth health_;  // guarded by mutex_
};

struct TargetSet {
  std::vector<std::unique_ptr<Target>> active;
  std::vector<std::pair<std::string, model::Labels>> dropped;  // job, discovered labels
};

// All targets of one scrape configuration, which must outlive them.
Result<TargetSet> make_targets(const config::ScrapeConfig& config);

}  // namespace sightline::scrape
