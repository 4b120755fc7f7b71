#include "scrape/scraper.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/log.h"
#include "scrape/http_settings.h"

namespace sightline::scrape {
namespace {

constexpr std::chrono::milliseconds kLookMax(
    1000);  // the scheduler looks at its clock at least this often

// Host and port of a target's address; port 0 when it has none.
std::pair<std::string, uint16_t> split_address(std::string_view url) {
  const size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return {std::string(rest), 0};
  uint16_t port = 0;
  for (const char c : rest.substr(colon + 1)) port = static_cast<uint16_t>(port * 10 + (c - '0'));
  return {std::string(rest.substr(0, colon)), port};
}

Result<Fetched> fetch_here(const net::HttpRouter& router, const FetchRequest& request) {
  const size_t scheme = request.url.find("://");
  const size_t path = request.url.find('/', scheme + 3);
  const std::string_view target =
      path == std::string::npos ? "/" : std::string_view(request.url).substr(path);
  const size_t question = target.find('?');
  net::HttpRequest inner{.method = "GET", .path = std::string(target.substr(0, question))};
  if (question != std::string_view::npos) {
    inner.query = target.substr(question + 1);
    if (auto status = inner.params.parse(inner.query); !status)
      return std::unexpected(std::move(status).error());
  }
  inner.headers.set("Accept", request.accept);
  net::HttpResponse response = router.dispatch(inner);
  if (response.status != 200)
    return fail(Errc::kUnavailable, "server returned HTTP status ", response.status);
  if (response.body.size() >= request.body_bytes_max) return Fetched{.is_too_large = true};
  return Fetched{std::string(response.headers.get("Content-Type")), std::move(response.body)};
}

Result<Fetched> fetch_there(net::HttpClient& client, const FetchRequest& request) {
  net::HttpClientRequest out{.url = request.url,
                             .timeout = request.timeout,
                             .connect_timeout = request.timeout,
                             .response_bytes_max = request.body_bytes_max};
  out.headers.set("Accept", request.accept);
  for (const auto& [name, value] : request.headers) out.headers.add(name, value);
  auto answer = client.send(out);
  if (!answer && answer.error().code == Errc::kResourceExhausted)
    return Fetched{.is_too_large = true};
  if (!answer) return std::unexpected(std::move(answer).error());
  if (answer->status != 200)
    return fail(Errc::kUnavailable, "server returned HTTP status ", answer->status);
  if (answer->body.size() >= request.body_bytes_max) return Fetched{.is_too_large = true};
  return Fetched{std::string(answer->headers.get("Content-Type")), std::move(answer->body)};
}

}  // namespace

Scraper::Scraper(tsdb::Appendable& store, const Clock& clock, Telemetry& telemetry,
                 OwnRouter own_router)
    : store_(store), clock_(clock), telemetry_(telemetry), own_router_(std::move(own_router)) {}

Result<std::unique_ptr<Scraper>> Scraper::create(const config::PrometheusConfig& config,
                                                 tsdb::Appendable& store, const Clock& clock,
                                                 Telemetry& telemetry, OwnRouter own_router,
                                                 DnsLookup dns) {
  std::unique_ptr<Scraper> scraper(new Scraper(store, clock, telemetry, std::move(own_router)));
  bool discovers = false;
  for (const config::ScrapeConfig& config_of_job : config.scrape_configs) {
    Job& job = *scraper->jobs_.emplace_back(std::make_unique<Job>());
    job.config = &config_of_job;
    job.client = make_http_client(config_of_job.tls, config_of_job.follow_redirects);
    if (Discovery::is_needed(config_of_job)) {
      const std::string directory = std::filesystem::path(config.file).parent_path().string();
      job.discovery = std::make_unique<Discovery>(
          config_of_job, clock, DiscoveryOptions{.directory = directory, .dns = dns});
      discovers = true;
    }
    auto set = make_targets(config_of_job);
    if (!set) return std::unexpected(std::move(set).error());
    if (!set->faults.empty()) return fail(Errc::kInvalidArgument, set->faults.front());
    if (auto status = scraper->set_targets(job, std::move(*set)); !status)
      return std::unexpected(std::move(status).error());
  }
  const size_t threads =
      discovers ? kScrapersMax : std::clamp<size_t>(scraper->schedules_.size(), 1, kScrapersMax);
  scraper->pool_ = std::make_unique<WorkPool>(WorkPoolOptions{.thread_count = threads});
  return scraper;
}

Scraper::~Scraper() { stop(); }

std::vector<std::shared_ptr<Target>> Scraper::targets() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Target>> all;
  for (const auto& job : jobs_)
    all.insert(all.end(), job->targets.active.begin(), job->targets.active.end());
  return all;
}

std::map<std::string, size_t> Scraper::dropped_counts() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, size_t> counts;
  for (const auto& job : jobs_) counts[*job->config->job_name] = job->targets.dropped_count;
  return counts;
}

std::vector<std::pair<std::string, model::Labels>> Scraper::dropped_targets() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, model::Labels>> all;
  for (const auto& job : jobs_)
    all.insert(all.end(), job->targets.dropped.begin(), job->targets.dropped.end());
  return all;
}

Fetch Scraper::fetch_of(const Job& job, const Target& target) {
  const auto [host, port] = split_address(target.url());
  return [this, &job, host = host, port = port](const FetchRequest& request) -> Result<Fetched> {
    {
      const std::lock_guard lock(mutex_);
      if (!job.refusal.empty()) return fail(Errc::kResourceExhausted, job.refusal);
    }
    const net::HttpRouter* router = own_router_ ? own_router_(host, port) : nullptr;
    return router != nullptr ? fetch_here(*router, request) : fetch_there(*job.client, request);
  };
}

// Beyond target_limit all of the job's targets are refused, as in the peer. Needs mutex_.
void Scraper::note_limit(Job& job) {
  const uint64_t limit = job.config->limits.targets;
  Counter& exceeded =
      telemetry_.counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                         "Scrape pools with more targets than target_limit.");
  job.refusal.clear();
  if (limit == 0 || job.targets.active.size() <= limit) return;
  exceeded.add();
  job.refusal =
      "target_limit exceeded (number of targets: " + std::to_string(job.targets.active.size()) +
      ", limit: " + std::to_string(limit) + ")";
}

// Targets that stay keep their loop; new ones get one, and those that are gone are ended by run().
Status Scraper::set_targets(Job& job, TargetSet set) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Schedule*> known;
  for (Schedule& schedule : schedules_)
    if (schedule.job == &job && !schedule.gone) known.emplace(schedule.key, &schedule);
  std::map<std::string, std::shared_ptr<Target>> staying;
  for (const auto& target : job.targets.active) staying.emplace(target->key(), target);
  for (auto& target : set.active) {
    std::string key = target->key();
    if (known.erase(key) > 0) {
      target = staying.at(key);
      continue;
    }
    auto loop = ScrapeLoop::create(target, fetch_of(job, *target), store_, clock_, telemetry_);
    if (!loop) return std::unexpected(std::move(loop).error());
    Schedule& added = schedules_.emplace_back();
    added.loop = std::move(*loop);
    added.job = &job;
    added.key = std::move(key);
    added.next = clock_.monotonic();
  }
  for (auto& [key, schedule] : known) schedule->gone = true;
  job.targets = std::move(set);
  note_limit(job);
  changed_.notify_all();
  return {};
}

void Scraper::start() {
  {
    const std::lock_guard lock(mutex_);
    for (Schedule& schedule : schedules_) schedule.next = clock_.monotonic();
  }
  thread_ = std::thread([this] { run(); });
  const bool discovers =
      std::ranges::any_of(jobs_, [](const auto& job) { return job->discovery != nullptr; });
  if (discovers) discovery_thread_ = std::thread([this] { discover(); });
}

// Needs mutex_.
void Scraper::submit(Schedule& schedule) {
  schedule.running = true;
  const bool ends = schedule.gone;
  const auto submitted = pool_->submit(WorkPriority::kIngest, [this, &schedule, ends] {
    if (ends)
      schedule.loop->end();
    else
      schedule.loop->scrape();
    const std::lock_guard done(mutex_);
    schedule.running = false;
    schedule.ended = ends;
    if (schedule.gone) changed_.notify_all();
  });
  if (!submitted) schedule.running = false;
}

void Scraper::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    schedules_.remove_if([](const Schedule& s) { return s.ended && !s.running; });
    const auto now = clock_.monotonic();
    auto wake = now + kLookMax;
    for (Schedule& schedule : schedules_) {
      if (!schedule.running && schedule.gone) {
        submit(schedule);
        continue;
      }
      if (!schedule.running && schedule.next <= now) {
        const auto interval = std::chrono::nanoseconds(schedule.loop->target().interval());
        schedule.next += interval * ((now - schedule.next) / interval + 1);
        submit(schedule);
      }
      wake = std::min(wake, schedule.next);
    }
    changed_.wait_for(lock,
                      std::max<std::chrono::nanoseconds>(wake - now, std::chrono::milliseconds(1)));
  }
}

bool Scraper::wait(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [&] { return stopping_; });
}

void Scraper::discover() {
  do {
    for (const auto& job : jobs_) {
      if (job->discovery == nullptr || !job->discovery->poll()) continue;
      auto set = make_targets(*job->config, job->discovery->groups());
      if (set)
        for (const std::string& fault : set->faults)
          SL_LOG_ERROR("job {}: {}", *job->config->job_name, fault);
      const Status status = set ? set_targets(*job, std::move(*set)) : std::unexpected(set.error());
      if (!status) SL_LOG_ERROR("job {}: {}", *job->config->job_name, status.error().message);
    }
  } while (wait(kLookMax));
}

void Scraper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (discovery_thread_.joinable()) discovery_thread_.join();
  pool_.reset();  // waits for what is under way
}

}  // namespace sightline::scrape
