#pragma once
// Scrapes every target of a Prometheus configuration at its interval.
//   First scrape at once, then at fixed intervals of the monotonic clock; a scrape that takes longer
//   than its interval skips the ones it missed.
//   Edges     a target that `own_router` knows is asked by a function call, any other over HTTP.
//   Threads   one scheduling thread and up to kScrapersMax that fetch; targets() from any thread.
//   Lifetime  configuration, store, clock and telemetry outlive it; stop() waits for scrapes under way.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "net/http_client.h"
#include "scrape/scrape_loop.h"

namespace sightline::scrape {

inline constexpr size_t kScrapersMax = 8;

// The router of this process that answers at host and port, or null.
using OwnRouter = std::function<const net::HttpRouter*(std::string_view host, uint16_t port)>;

class Scraper {
 public:
  static Result<std::unique_ptr<Scraper>> create(const config::PrometheusConfig& config,
                                                 tsdb::Appendable& store, const Clock& clock,
                                                 Telemetry& telemetry, OwnRouter own_router);
  ~Scraper();
  void start();
  void stop();

  const std::vector<std::unique_ptr<Target>>& targets() const { return targets_.active; }
  const std::vector<std::pair<std::string, model::Labels>>& dropped_targets() const {
    return targets_.dropped;
  }

 private:
  struct Schedule {
    std::unique_ptr<ScrapeLoop> loop;
    std::chrono::nanoseconds next{0};  // monotonic; guarded by mutex_
    bool running = false;              // guarded by mutex_
  };
  explicit Scraper(const Clock& clock) : clock_(clock) {}
  void run();

  const Clock& clock_;
  TargetSet targets_;
  std::vector<std::unique_ptr<net::HttpClient>> clients_;  // one per job
  std::vector<Schedule> schedules_;
  std::unique_ptr<WorkPool> pool_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sightline::scrape
