#include "server/process.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

#include "api/jaeger/jaeger_grpc.h"
#include "api/jaeger/jaeger_routes.h"
#include "api/prometheus/prometheus_routes.h"
#include "api/prometheus/remote_write.h"
#include "api/tempo/streaming_querier.h"
#include "api/tempo/tempo_routes.h"
#include "api/ui/ui_routes.h"
#include "base/cpu_share.h"
#include "base/log.h"
#include "base/work_pool.h"
#include "net/descriptor_limit.h"
#include "net/http_server.h"
#include "pipeline/exporters/store_exporter.h"
#include "pipeline/graph/graph.h"
#include "pipeline/metrics/otlp_metrics.h"
#include "promql/engine.h"
#include "scrape/scraper.h"
#include "server/data_source_proxy.h"
#include "server/prometheus_status.h"
#include "server/query_journal.h"
#include "server/spans_rate.h"
#include "server/starting_routes.h"
#include "server/stores.h"
#include "server/ui_content.h"
#include "tracestore/tenancy/federation.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::server {
namespace {

using api::self::ListenerStatus;

constexpr size_t kTraceQueryThreadsPerCore = 8;  // most wait for their share
constexpr size_t kQueriesWaitingMax = 1000;  // beyond --query.max-concurrency; more are told 503

size_t core_count() { return std::max(2u, std::thread::hardware_concurrency()); }

// One HTTP address and what answers there.
struct HttpRole {
  std::string name;  // "Tempo API"
  std::string role;  // "traces"
  std::string address;
  net::HttpRouter router;
  std::unique_ptr<net::HttpServer> server;
};

class RunningProcess final : public Process {
 public:
  RunningProcess(const RunCommand& command, const config::SightlineConfig& config, Clock& clock,
                 Telemetry& telemetry)
      : command_(command),
        config_(config),
        clock_(clock),
        telemetry_(telemetry),
        started_at_(clock.now()),
        fs_(io::make_posix_file_system()),
        starting_(make_starting_routes(telemetry, replay_)),
        pool_(WorkPoolOptions{.thread_count = core_count() + 2}),
        query_pool_(WorkPoolOptions{.thread_count = command.query.concurrency_max,
                                    .queue_max = kQueriesWaitingMax}),
        trace_query_share_(
            clock, {.processors = std::max(1.0, double(std::thread::hardware_concurrency()))}),
        trace_query_pool_(WorkPoolOptions{.thread_count = kTraceQueryThreadsPerCore * core_count(),
                                          .queue_max = kQueriesWaitingMax}),
        io_threads_(std::make_shared<net::IoThreads>(core_count())) {}
  ~RunningProcess() override { stop(); }

  Status start();
  void stop() override;
  std::vector<ListenerStatus> listeners() const override;

 private:
  void add_roles();
  Status listen_early();
  Status listen(HttpRole& role);
  Status open_stores();
  Status build_graph();
  Result<std::unique_ptr<pipeline::Scraping>> make_scraping(const config::PrometheusConfig& config,
                                                            tsdb::Appendable& into);
  scrape::OwnRouter own_expositions() const;
  Status start_scraping();
  bool has_pages() const;
  Status build_routes();
  Status listen();
  void add_prometheus(net::HttpRouter& router);
  const tracestore::Queryable& all_traces() const;
  api::Tenancy tenancy() const;
  api::tempo::TempoApi tempo_api();
  api::jaeger::JaegerApi jaeger_api();
  void add_tempo(net::HttpRouter& router);
  HttpRole& add_role(std::string name, std::string role, std::string address);
  const net::HttpRouter* own_router(std::string_view host, uint16_t port) const;
  bool is_own_trace_receiver(std::string_view endpoint) const;
  api::self::SelfStatus status() const;
  void log_listeners() const;

  const RunCommand& command_;
  const config::SightlineConfig& config_;
  Clock& clock_;
  Telemetry& telemetry_;
  const TimestampNs started_at_;
  const std::unique_ptr<io::FileSystem> fs_;
  ReplayProgress replay_;
  const net::HttpRouter starting_;  // of what listens early, until its own is there
  WorkPool pool_;
  WorkPool query_pool_;  // PromQL's own, so that long queries hold no thread that ingest needs
  // Trace queries' own: they read much, and where cores are short ingestion goes first.
  CpuShare trace_query_share_;
  WorkPool trace_query_pool_;
  const std::shared_ptr<net::IoThreads> io_threads_;
  std::unique_ptr<Stores> stores_;
  const std::shared_ptr<const tracestore::Queryable> no_traces_ = tracestore::federate({});
  std::unique_ptr<promql::Engine> promql_;
  std::unique_ptr<FileQueryJournal> journal_;
  std::unique_ptr<pipeline::SpanConsumer> trace_store_edge_;
  std::unique_ptr<pipeline::OtlpListeners> trace_receiver_;  // tempo.yaml's own
  std::unique_ptr<pipeline::Graph> graph_;
  std::unique_ptr<pipeline::OtlpMetrics> otlp_metrics_;  // behind Prometheus' address for it
  std::unique_ptr<scrape::Scraper> scraper_;
  SpansRate spans_rate_;
  std::unique_ptr<net::GrpcStreamServer>
      trace_stream_;  // gRPC on the ports of the Tempo API; outlives their servers
  std::atomic<net::GrpcStreamServer*> trace_stream_ready_{
      nullptr};  // set once; servers may ask before
  std::deque<HttpRole> http_;
  HttpRole* metrics_role_ = nullptr;  // in http_, like the two below; null: no such role
  HttpRole* traces_role_ = nullptr;
  HttpRole* pages_role_ = nullptr;
  bool stopped_ = false;
};

Status RunningProcess::start() {
  for (const auto step :
       {&RunningProcess::listen_early, &RunningProcess::open_stores, &RunningProcess::build_graph,
        &RunningProcess::build_routes, &RunningProcess::listen, &RunningProcess::start_scraping})
    if (auto status = (this->*step)(); !status) return status;
  stores_->start_maintenance(
      {.begin = [this] { trace_query_share_.leave_out_this_thread(); },
       .also =
           [this] {
             if (graph_) graph_->maintain();
             spans_rate_.note(clock_.monotonic(),
                              telemetry_.counter_total("otelcol_receiver_accepted_spans_total"));
           }});
  log_listeners();
  return {};
}

void RunningProcess::add_roles() {
  if (config_.prometheus) {
    const std::string& given = command_.web_listen_address;
    metrics_role_ =
        &add_role("Prometheus API", "metrics", given.empty() ? *config_.server.prometheus : given);
  }
  if (config_.tempo) {
    const config::TempoConfig::Server& server = config_.tempo->server;
    const std::string host =
        server.http_listen_address.empty() ? "127.0.0.1" : server.http_listen_address;
    traces_role_ =
        &add_role("Tempo API", "traces", host + ":" + std::to_string(*server.http_listen_port));
  }
  if (has_pages()) {
    const std::string& given = command_.ui_listen_address;
    pages_role_ = &add_role("pages and all APIs", "ui", given.empty() ? *config_.server.ui : given);
  }
}

// A log can take a while to read: who asks meanwhile hears that it will come, and a second process that the port is taken.
Status RunningProcess::listen_early() {
  add_roles();
  for (HttpRole& role : http_)
    if (auto status = listen(role); !status) return status;
  return {};
}

Status RunningProcess::listen(HttpRole& role) {
  net::HttpServerOptions options{.address = role.address, .name = role.role};
  if (config_.tempo && &role != metrics_role_)
    options.http2 = [this](int descriptor, std::string read) {
      if (net::GrpcStreamServer* stream = trace_stream_ready_.load(std::memory_order_acquire))
        stream->take(descriptor, std::move(read));
      else
        ::close(descriptor);  // the stores are still being opened
    };
  auto server =
      net::HttpServer::listen(std::move(options), starting_, pool_, telemetry_, io_threads_);
  if (!server) return in_context(role.name, std::move(server).error());
  role.server = std::move(*server);
  return {};
}

Status RunningProcess::open_stores() {
  auto stores = Stores::open(config_, command_.sync_always, *fs_, clock_, telemetry_, replay_,
                             command_.metrics_limits);
  if (!stores) return std::unexpected(std::move(stores).error());
  stores_ = std::move(*stores);
  if (stores_->metrics() != nullptr) {
    const RunCommand::Query& query = command_.query;
    promql_ =
        std::make_unique<promql::Engine>(*stores_->metrics(), clock_, &pool_,
                                         promql::EngineOptions{.lookback = query.lookback,
                                                               .timeout = query.timeout,
                                                               .samples_max = query.samples_max});
    auto journal =
        FileQueryJournal::open({.active_path = config_.server.data_dir + "/queries.active",
                                .concurrency_max = query.concurrency_max,
                                .log_path = config_.prometheus->global.query_log_file},
                               *fs_, clock_, telemetry_);
    if (!journal) return std::unexpected(std::move(journal).error());
    journal_ = std::move(*journal);
  }
  if (!stores_->has_traces()) return {};
  if (const auto gate = stores_->span_gate())
    trace_store_edge_ = std::make_unique<pipeline::TenantExporter>(gate, "");
  else
    trace_store_edge_ = std::make_unique<pipeline::StoreExporter>(*stores_->traces());
  if (!config_.tempo->otlp) return {};
  auto receiver = pipeline::OtlpListeners::create(*config_.tempo->otlp, "tempo/otlp",
                                                  *trace_store_edge_, clock_, telemetry_, nullptr,
                                                  {.by_tenant = stores_->span_gate()});
  if (!receiver) return std::unexpected(std::move(receiver).error());
  trace_receiver_ = std::move(*receiver);
  return {};
}

// "http://localhost:4318/v1/traces" or "localhost:4317": is that where tempo.yaml receives?
bool RunningProcess::is_own_trace_receiver(std::string_view endpoint) const {
  if (!trace_receiver_) return false;
  const bool has_scheme = endpoint.find("://") != std::string_view::npos;
  const auto url =
      parse_url(has_scheme ? std::string(endpoint) : "http://" + std::string(endpoint));
  if (!url || url->scheme != "http") return false;
  const auto listens_at = [&](const config::Marked<std::string>& address) {
    const auto own = config::parse_host_port(*address);
    return own && own->port == url->port && (own->host == url->host || is_local_host(url->host));
  };
  const config::OtlpReceiverConfig& own = *config_.tempo->otlp;
  return (own.http && listens_at(own.http->endpoint)) ||
         (own.grpc && listens_at(own.grpc->endpoint));
}

Status RunningProcess::build_graph() {
  if (!config_.otelcol) return {};
  auto graph = pipeline::Graph::build(
      *config_.otelcol,
      {.clock = clock_,
       .telemetry = telemetry_,
       .pool = pool_,
       .io_threads = io_threads_,
       .trace_store = stores_->traces(),
       .trace_tenants = stores_->span_gate(),
       .metrics_store = stores_->metrics(),
       .make_scraping = [this](const config::PrometheusConfig& config,
                               tsdb::Appendable& into) { return make_scraping(config, into); },
       .is_own_trace_receiver =
           [this](std::string_view endpoint) { return is_own_trace_receiver(endpoint); }});
  if (!graph) return std::unexpected(std::move(graph).error());
  graph_ = std::move(*graph);
  return {};
}

namespace {

class ReceiverScraping final : public pipeline::Scraping {
 public:
  explicit ReceiverScraping(std::unique_ptr<scrape::Scraper> scraper)
      : scraper_(std::move(scraper)) {}
  void start() override { scraper_->start(); }
  void stop() override { scraper_->stop(); }

 private:
  std::unique_ptr<scrape::Scraper> scraper_;
};

}  // namespace

// What a prometheus receiver of the collector scrapes with.
Result<std::unique_ptr<pipeline::Scraping>> RunningProcess::make_scraping(
    const config::PrometheusConfig& config, tsdb::Appendable& into) {
  auto scraper = scrape::Scraper::create(config, into, clock_, telemetry_, own_expositions());
  if (!scraper) return std::unexpected(std::move(scraper).error());
  return std::make_unique<ReceiverScraping>(std::move(*scraper));
}

// A target that is our own exposition is asked by a function call.
scrape::OwnRouter RunningProcess::own_expositions() const {
  return [this](std::string_view host, uint16_t port) -> const net::HttpRouter* {
    if (graph_ == nullptr || !is_local_host(host)) return nullptr;
    return graph_->exposition_at(port);
  };
}

HttpRole& RunningProcess::add_role(std::string name, std::string role, std::string address) {
  http_.push_back({std::move(name), std::move(role), std::move(address), {}, nullptr});
  return http_.back();
}

void RunningProcess::add_prometheus(net::HttpRouter& router) {
  api::prometheus::add_prometheus_routes(
      router, make_prometheus_api({.config = config_,
                                   .engine = *promql_,
                                   .store = *stores_->metrics(),
                                   .clock = clock_,
                                   .started_at = started_at_,
                                   .command = command_,
                                   .query_pool = &query_pool_,
                                   .pool = &pool_,
                                   .replay = replay_,
                                   .journal = journal_.get(),
                                   .scraper = [this] { return scraper_.get(); }}));
  api::prometheus::add_remote_write(router, *stores_->metrics(), telemetry_);
  if (!otlp_metrics_) otlp_metrics_ = std::make_unique<pipeline::OtlpMetrics>(*stores_->metrics());
  otlp_metrics_->add_prometheus_route(router);
}

api::tempo::TempoApi RunningProcess::tempo_api() {
  const config::TempoConfig& tempo = *config_.tempo;
  api::tempo::TempoApi api{.traces = all_traces(),
                           .clock = clock_,
                           .prefix = tempo.http_api_prefix,
                           .tenancy = tenancy()};
  const config::TempoConfig::Search& search = config_.tempo->search;
  api.options.search_limit_default = search.default_result_limit;
  if (search.max_result_limit != 0) api.options.search_limit_max = search.max_result_limit;
  api.options.spans_per_spanset_default = search.default_spans_per_span_set;
  api.options.spans_per_spanset_max = search.max_spans_per_span_set;
  api.config_text = [this] { return config::dump(*config_.tempo); };
  api.options_of = [limits = stores_->limits()](const std::string& tenant,
                                                api::tempo::TempoApiOptions options) {
    const config::TempoLimits own = limits->of(tenant);
    if (own.max_bytes_per_trace) options.trace_bytes_max = *own.max_bytes_per_trace;
    if (own.max_search_duration) options.search_range_max = *own.max_search_duration;
    if (own.max_metrics_duration) options.metrics_range_max = *own.max_metrics_duration;
    return options;
  };
  api.overrides_text = [limits = stores_->limits()](const std::string& tenant) {
    return tenant.empty() ? limits->text() : limits->text(tenant);
  };
  api.cors_origin = command_.cors_origin;
  api.overrides = stores_->overrides();
  api.pool = &trace_query_pool_;
  api.share = &trace_query_share_;
  return api;
}

const tracestore::Queryable& RunningProcess::all_traces() const {
  if (stores_->traces() != nullptr) return *stores_->traces();
  return *no_traces_;
}

api::Tenancy RunningProcess::tenancy() const {
  return {.tenants = stores_->tenants(),
          .several = config_.tempo->search.multi_tenant_queries_enabled};
}

api::jaeger::JaegerApi RunningProcess::jaeger_api() {
  return {.traces = all_traces(),
          .clock = clock_,
          .tenancy = tenancy(),
          .pool = &trace_query_pool_,
          .share = &trace_query_share_};
}

void RunningProcess::add_tempo(net::HttpRouter& router) {
  api::tempo::add_tempo_routes(router, tempo_api());
  api::jaeger::add_jaeger_routes(router, jaeger_api());
}

// With exactly one of the peers' files the process is that peer alone, and peers may share a machine.
bool RunningProcess::has_pages() const {
  const config::ConfigFiles& files = command_.files;
  const int peers = !files.otelcol.empty() + !files.tempo.empty() + !files.prometheus.empty();
  return !command_.ui_listen_address.empty() || config_.provisioning || peers != 1;
}

Status RunningProcess::build_routes() {
  const auto self_status = [this] { return status(); };
  if (stores_->metrics() != nullptr) {
    add_prometheus(metrics_role_->router);
    api::self::add_self_routes(metrics_role_->router, telemetry_, self_status);
  }
  if (stores_->has_traces()) {
    if (const UsageTracker* usage = stores_->usage())
      traces_role_->router.add("GET", "/usage_metrics", [usage](net::HttpRequest&) {
        auto page = net::HttpResponse::text(200, usage->text());
        page.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
        return page;
      });
    add_tempo(traces_role_->router);
    api::self::add_self_routes(traces_role_->router, telemetry_, self_status);
  }
  if (pages_role_ == nullptr) return {};
  HttpRole& pages = *pages_role_;
  if (stores_->metrics() != nullptr) add_prometheus(pages.router);
  if (stores_->has_traces()) add_tempo(pages.router);
  api::self::add_self_routes(pages.router, telemetry_, self_status);
  api::ui::add_ui_routes(pages.router, make_ui_content(config_),
                         make_data_source_proxy([this](std::string_view host, uint16_t port) {
                           return own_router(host, port);
                         }),
                         &query_pool_);
  api::ui::add_pages(pages.router, api::ui::embedded_files());
  return {};
}

const net::HttpRouter* RunningProcess::own_router(std::string_view host, uint16_t port) const {
  if (!is_local_host(host)) return nullptr;
  if (port == 0) return &pages_role_->router;  // of our own making: the pages have every API
  for (const HttpRole& role : http_)
    if (role.server && role.server->port() == port) return &role.router;
  return nullptr;
}

// Receivers first: who is told by an API that we are ready can send at once.
Status RunningProcess::listen() {
  if (trace_receiver_)
    if (auto status = trace_receiver_->start(pool_, telemetry_, io_threads_); !status)
      return status;
  if (graph_)
    if (auto status = graph_->start(); !status) return status;
  if (stores_->has_traces()) {
    net::GrpcStreamMethods methods = api::tempo::streaming_querier_methods(tempo_api());
    methods.merge(api::jaeger::jaeger_grpc_methods(jaeger_api()));
    auto stream = net::GrpcStreamServer::start(
        {.name = "traces-grpc", .methods = std::move(methods)}, trace_query_pool_, telemetry_);
    if (!stream) return in_context("Tempo API", std::move(stream).error());
    trace_stream_ = std::move(*stream);
    trace_stream_ready_.store(trace_stream_.get(), std::memory_order_release);
  }
  for (HttpRole& role : http_) role.server->set_router(role.router);
  return {};
}

Status RunningProcess::start_scraping() {
  if (!config_.prometheus || config_.prometheus->scrape_configs.empty()) return {};
  auto scraper = scrape::Scraper::create(*config_.prometheus, *stores_->metrics(), clock_,
                                         telemetry_, own_expositions());
  if (!scraper) return std::unexpected(std::move(scraper).error());
  scraper_ = std::move(*scraper);
  scraper_->start();
  return {};
}

void RunningProcess::stop() {
  if (std::exchange(stopped_, true)) return;
  const auto deadline =
      std::chrono::duration_cast<std::chrono::milliseconds>(command_.shutdown_timeout);
  if (trace_receiver_) trace_receiver_->stop(deadline);
  if (graph_) graph_->stop(deadline);
  if (scraper_) scraper_->stop();
  for (HttpRole& role : http_)
    if (role.server) role.server->stop(deadline);
  if (trace_stream_) trace_stream_->stop(deadline);
  if (stores_) stores_->stop_maintenance();
}

std::vector<ListenerStatus> RunningProcess::listeners() const {
  std::vector<ListenerStatus> all;
  if (graph_)
    for (const auto& listener : graph_->listeners())
      all.push_back({listener.name, listener.address, "collector"});
  if (trace_receiver_)
    for (const auto& listener : trace_receiver_->listeners())
      all.push_back({listener.name, listener.address, "traces"});
  for (const HttpRole& role : http_)
    if (role.server) all.push_back({role.name, role.server->local_address(), role.role});
  return all;
}

void RunningProcess::log_listeners() const {
  for (const ListenerStatus& listener : listeners())
    SL_LOG_INFO("{} on {}", listener.name, listener.address);
  SL_LOG_INFO("data in {}", config_.server.data_dir);
  if (const std::string advice = net::descriptor_advice(net::kHttpConnectionsMax); !advice.empty())
    SL_LOG_INFO("{}", advice);
}

api::self::SelfStatus RunningProcess::status() const {
  api::self::SelfStatus status{.version = std::string(kVersion),
                               .started_at = started_at_,
                               .now = clock_.now(),
                               .data_dir = config_.server.data_dir,
                               .listeners = listeners()};
  if (config_.otelcol) status.roles.push_back("collector");
  if (config_.tempo) status.roles.push_back("traces");
  if (config_.prometheus) status.roles.push_back("metrics");
  if (has_pages()) status.roles.push_back("ui");
  auto& received = status.received;
  received.spans_total = telemetry_.counter_total("otelcol_receiver_accepted_spans_total");
  received.spans_per_second = spans_rate_.per_second();
  received.rejected_spans_total =
      telemetry_.counter_total("sightline_receiver_rejected_spans_total");
  received.requests_total = telemetry_.counter_total("sightline_receiver_requests_total");
  pipeline::ReceivedServices services;
  if (graph_)
    services = graph_->received();
  else if (trace_receiver_)
    services = trace_receiver_->receiver().received();
  for (const auto& service : services.services) {
    received.services.push_back({service.name, service.spans_total, service.last_seen});
    received.last_span_at =
        std::max(received.last_span_at.value_or(TimestampNs{0}), service.last_seen);
  }
  if (tsdb::Tsdb* metrics = stores_->metrics()) {
    const tsdb::TsdbStats stats = metrics->stats(0);
    status.stored.series = stats.head.series;
    status.stored.samples_total = stats.samples_appended;
    status.stored.exemplars = stats.head.exemplars + stats.exemplars_in_blocks;
    status.stored.bytes_on_disk += stats.bytes_on_disk;
  }
  if (stores_->has_traces()) {
    const tracestore::TraceStoreStats stats = stores_->trace_stats();
    status.stored.live_traces = stats.live_traces;
    status.stored.trace_blocks = stats.block_count;
    status.stored.spans = stats.live_spans + stats.block_spans;
    status.stored.bytes_on_disk += stats.block_bytes + stats.wal_bytes;
  }
  return status;
}

}  // namespace

Result<std::unique_ptr<Process>> Process::start(const RunCommand& command,
                                                const config::SightlineConfig& config, Clock& clock,
                                                Telemetry& telemetry) {
  auto process = std::make_unique<RunningProcess>(command, config, clock, telemetry);
  if (auto status = process->start(); !status) return std::unexpected(std::move(status).error());
  return process;
}

}  // namespace sightline::server
