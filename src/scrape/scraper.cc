#include "scrape/scraper.h"

#include <algorithm>

#include "base/log.h"

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
  if (response.body.size() > request.body_bytes_max)
    return fail(Errc::kResourceExhausted, "body size limit exceeded");
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
  if (!answer) return std::unexpected(std::move(answer).error());
  if (answer->status != 200)
    return fail(Errc::kUnavailable, "server returned HTTP status ", answer->status);
  return Fetched{std::string(answer->headers.get("Content-Type")), std::move(answer->body)};
}

std::unique_ptr<net::HttpClient> make_client(const config::ScrapeConfig& config) {
  net::HttpClientOptions options{.follow_redirects = config.follow_redirects,
                                 .user_agent = "Prometheus/3.0 (compatible; Sightline)"};
  if (config.tls) {
    options.ca_file = config.tls->ca_file;
    options.cert_file = config.tls->cert_file;
    options.key_file = config.tls->key_file;
    options.server_name = config.tls->server_name;
    options.verify_peer = !config.tls->insecure_skip_verify;
  }
  return std::make_unique<net::HttpClient>(std::move(options));
}

}  // namespace

Result<std::unique_ptr<Scraper>> Scraper::create(const config::PrometheusConfig& config,
                                                 tsdb::Appendable& store, const Clock& clock,
                                                 Telemetry& telemetry, OwnRouter own_router) {
  std::unique_ptr<Scraper> scraper(new Scraper(clock));
  for (const config::ScrapeConfig& job : config.scrape_configs) {
    auto set = make_targets(job);
    if (!set) return std::unexpected(std::move(set).error());
    scraper->clients_.push_back(make_client(job));
    net::HttpClient* client = scraper->clients_.back().get();
    const uint64_t limit = job.limits.targets;
    const bool over_limit = limit > 0 && set->active.size() > limit;
    Counter& exceeded =
        telemetry.counter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                          "Scrape pools with more targets than target_limit.");
    if (over_limit) exceeded.add();
    const std::string refusal =
        "target_limit exceeded (number of targets: " + std::to_string(set->active.size()) +
        ", limit: " + std::to_string(limit) + ")";
    for (auto& target : set->active) {
      const auto [host, port] = split_address(target->url());
      Fetch fetch = [refusal](const FetchRequest&) -> Result<Fetched> {
        return fail(Errc::kResourceExhausted, refusal);
      };
      if (!over_limit)
        fetch = [client, own_router, host = host, port = port](const FetchRequest& request) {
          const net::HttpRouter* router = own_router ? own_router(host, port) : nullptr;
          return router != nullptr ? fetch_here(*router, request) : fetch_there(*client, request);
        };
      auto loop = ScrapeLoop::create(*target, std::move(fetch), store, clock, telemetry);
      if (!loop) return std::unexpected(std::move(loop).error());
      scraper->schedules_.push_back({.loop = std::move(*loop)});
      scraper->targets_.active.push_back(std::move(target));
    }
    for (auto& dropped : set->dropped) scraper->targets_.dropped.push_back(std::move(dropped));
  }
  const size_t threads = std::clamp<size_t>(scraper->schedules_.size(), 1, kScrapersMax);
  scraper->pool_ = std::make_unique<WorkPool>(WorkPoolOptions{.thread_count = threads});
  return scraper;
}

Scraper::~Scraper() { stop(); }

void Scraper::start() {
  for (Schedule& schedule : schedules_) schedule.next = clock_.monotonic();
  thread_ = std::thread([this] { run(); });
}

void Scraper::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto now = clock_.monotonic();
    auto wake = now + kLookMax;
    for (Schedule& schedule : schedules_) {
      if (!schedule.running && schedule.next <= now) {
        const auto interval = std::chrono::nanoseconds(schedule.loop->target().interval());
        schedule.next += interval * ((now - schedule.next) / interval + 1);
        schedule.running = true;
        const auto submitted = pool_->submit(WorkPriority::kIngest, [this, &schedule] {
          schedule.loop->scrape();
          const std::lock_guard done(mutex_);
          schedule.running = false;
        });
        if (!submitted) schedule.running = false;
      }
      wake = std::min(wake, schedule.next);
    }
    changed_.wait_for(lock,
                      std::max<std::chrono::nanoseconds>(wake - now, std::chrono::milliseconds(1)),
                      [&] { return stopping_; });
  }
}

void Scraper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  pool_.reset();  // waits for what is under way
}

}  // namespace sightline::scrape
