#pragma once
// What is scraped: one endpoint of one scrape configuration, with the labels its
// samples get. Built once, of the configuration or of what a discovery found; its health changes with each scrape.
//   Source   Prometheus: scrape target label population.
//   Threads  fixed fields are immutable; health() and set_health() from any thread.
#include <memory>
#include <mutex>
#include <span>
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
  // What makes it another target than others of its job.
  std::string key() const { return labels_.to_string() + url_; }
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
  std::vector<std::shared_ptr<Target>> active;  // of several alike the first
  std::vector<std::pair<std::string, model::Labels>>
      dropped;                      // job, discovered labels; as many as are to be kept
  size_t dropped_count = 0;         // of all
  std::vector<std::string> faults;  // what is no target, and why
};

// The targets that a scrape configuration, which must outlive them, makes of these groups.
Result<TargetSet> make_targets(const config::ScrapeConfig& config,
                               std::span<const config::TargetGroup> groups);
// Of its static_configs alone.
inline Result<TargetSet> make_targets(const config::ScrapeConfig& config) {
  return make_targets(config, config.static_configs);
}

}  // namespace sightline::scrape
