#pragma once
// Scrapes every target of a Prometheus configuration at its interval.
//   First scrape at once, then at fixed intervals of the monotonic clock; a scrape that takes longer
//   than its interval skips the ones it missed.
//   Edges     a target that `own_router` knows is asked by a function call, any other over HTTP.
//   Found     what discoveries find is looked at every second; a target that is there no more is ended with stale markers,
//             one that stays goes on as it was.
//   Threads   one scheduling thread, one that discovers where something is to be discovered, and up to kScrapersMax that
//             fetch; targets() from any thread.
//   Lifetime  configuration, store, clock and telemetry outlive it; stop() waits for scrapes under way.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "net/http_client.h"
#include "scrape/discovery.h"
#include "scrape/scrape_loop.h"

namespace sightline::scrape {

inline constexpr size_t kScrapersMax = 8;

// The router of this process that answers at host and port, or null.
using OwnRouter = std::function<const net::HttpRouter*(std::string_view host, uint16_t port)>;

class Scraper {
 public:
  static Result<std::unique_ptr<Scraper>> create(const config::PrometheusConfig& config,
                                                 tsdb::Appendable& store, const Clock& clock,
                                                 Telemetry& telemetry, OwnRouter own_router,
                                                 DnsLookup dns = system_dns_lookup);
  ~Scraper();
  void start();
  void stop();

  // As they are now, job by job.
  std::vector<std::shared_ptr<Target>> targets() const;
  // Of each job as many as keep_dropped_targets allows, and how many there are.
  std::vector<std::pair<std::string, model::Labels>> dropped_targets() const;
  std::map<std::string, size_t> dropped_counts() const;

 private:
  // One scrape configuration.
  struct Job {
    const config::ScrapeConfig* config = nullptr;
    std::unique_ptr<net::HttpClient> client;
    std::unique_ptr<Discovery> discovery;  // null: its targets are fixed
    TargetSet targets;                     // guarded by mutex_
    std::string refusal;                   // guarded by mutex_; not empty: over target_limit
  };
  struct Schedule {
    std::unique_ptr<ScrapeLoop> loop;
    const Job* job = nullptr;
    std::string key;                   // Target::key()
    std::chrono::nanoseconds next{0};  // monotonic; guarded by mutex_
    bool running = false;              // guarded by mutex_
    bool gone = false;                 // guarded by mutex_: is to be ended
    bool ended = false;                // guarded by mutex_
  };
  Scraper(tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry, OwnRouter own_router);
  Status set_targets(Job& job, TargetSet set);
  Fetch fetch_of(const Job& job, const Target& target);
  void note_limit(Job& job);
  void run();
  void submit(Schedule& schedule);
  void discover();
  bool wait(std::chrono::nanoseconds time);  // false: stopping

  tsdb::Appendable& store_;
  const Clock& clock_;
  Telemetry& telemetry_;
  const OwnRouter own_router_;
  std::vector<std::unique_ptr<Job>> jobs_;
  std::unique_ptr<WorkPool> pool_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Schedule> schedules_;  // guarded by mutex_
  bool stopping_ = false;          // guarded by mutex_
  std::thread thread_, discovery_thread_;
};

}  // namespace sightline::scrape
