#include "pipeline/graph/graph.h"

#include <algorithm>

#include "base/random.h"
#include "pipeline/graph/built_graph.h"

namespace sightline::pipeline {

BuiltGraph::BuiltGraph(GraphEnvironment environment)
    : env_(std::move(environment)), instance_id_(Random(Random::entropy_seed()).uuid()) {}

Status BuiltGraph::build(const config::OtelcolConfig& config) {
  config_ = &config;
  const bool any_sampler =
      std::any_of(config.processors.begin(), config.processors.end(), [&](const auto& processor) {
        return is_sampler(processor.config) && config.is_used(processor.id);
      });
  uses_fates_ = any_sampler && !keeps_every_trace();
  limit_exemplars();
  if (uses_fates_) fates_.count_dropped_exemplars(env_.telemetry);
  for (const PipelineConfig& pipeline : config.pipelines) {
    Status status;
    switch (pipeline.signal) {
      case config::Signal::kTraces:
        if (auto made = traces_pipeline(pipeline); !made)
          status = std::unexpected(std::move(made).error());
        break;
      case config::Signal::kMetrics: status = build_metrics(pipeline); break;
      case config::Signal::kLogs:
        status = fail_at(pipeline.mark, "pipeline ", pipeline.id(), ": logs are not stored here");
        break;
    }
    if (!status) return status;
  }
  for (const auto& extension : config.extensions)
    if (const auto* health = std::get_if<config::HealthCheckConfig>(&extension.config)) {
      auto made = HealthCheck::create(*health, config, extension.id.text(), env_.clock);
      if (!made) return std::unexpected(std::move(made).error());
      health_checks_.push_back(std::move(*made));
    }
  if (auto status = build_scrapes(); !status) return status;
  return build_receivers();
}

// Not more exemplars than the samplers keep traces for, remembered until these have decided.
void BuiltGraph::limit_exemplars() {
  for (const auto& processor : config_->processors) {
    const auto* tail = std::get_if<config::TailSamplingConfig>(&processor.config);
    if (tail == nullptr || !tail->exemplars.keep || !config_->is_used(processor.id)) continue;
    const auto wait = std::chrono::ceil<std::chrono::seconds>(tail->decision_wait);
    fates_.limit_exemplars(
        {tail->exemplars.max_traces_per_second, static_cast<uint32_t>(2 * wait.count() + 60)},
        env_.clock, env_.telemetry);
  }
}

Status BuiltGraph::start_own_metrics() {
  const auto& address = config_->telemetry_address;
  if (address->empty()) return {};
  own_metrics_router_.add("GET", "/metrics", [this](net::HttpRequest&) {
    net::HttpResponse response;
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    response.body = env_.telemetry.text();
    return response;
  });
  auto server =
      net::HttpServer::listen({.address = *address, .name = "telemetry"}, own_metrics_router_,
                              env_.pool, env_.telemetry, env_.io_threads);
  if (!server) return in_context(address.mark.text() + ": own metrics", std::move(server).error());
  own_metrics_ = std::move(*server);
  return {};
}

Status BuiltGraph::start() {
  if (auto status = start_own_metrics(); !status) return status;
  for (auto& health : health_checks_)
    if (auto status = health->start(env_.pool, env_.telemetry, env_.io_threads); !status)
      return status;
  for (auto& [id, exposition] : expositions_)
    if (auto status = exposition->start(env_.pool, env_.telemetry, env_.io_threads); !status)
      return status;
  for (auto& [id, connector] : connectors_) connector->start();
  for (auto& processor : processors_) processor->start();
  for (auto& flush : flushes_) flush->start();
  for (auto& receiver : receivers_)
    if (auto status = receiver->start(env_.pool, env_.telemetry, env_.io_threads); !status)
      return status;
  for (auto& receiver : zipkin_receivers_)
    if (auto status = receiver->start(env_.pool, env_.telemetry, env_.io_threads); !status)
      return status;
  for (auto& receiver : jaeger_receivers_)
    if (auto status = receiver->start(env_.pool, env_.telemetry, env_.io_threads); !status)
      return status;
  for (auto& scraping : scrapings_) scraping->start();
  for (auto& health : health_checks_) health->set_ready(true);
  return {};
}

void BuiltGraph::stop(std::chrono::milliseconds deadline) {
  for (auto& health : health_checks_) health->set_ready(false);
  for (auto& receiver : receivers_) receiver->stop(deadline);
  for (auto& receiver : zipkin_receivers_) receiver->stop(deadline);
  for (auto& receiver : jaeger_receivers_) receiver->stop(deadline);
  for (auto& scraping : scrapings_) scraping->stop();
  for (auto processor = processors_.rbegin(); processor != processors_.rend(); ++processor)
    (*processor)->stop();
  for (auto& [id, connector] : connectors_) connector->stop();
  for (auto& flush : flushes_) flush->stop();
  for (SendQueue* queue : queues_) queue->stop(deadline);
  for (auto& [id, exposition] : expositions_) exposition->stop(deadline);
  for (auto& health : health_checks_) health->stop(deadline);
  if (own_metrics_) own_metrics_->stop(deadline);
}

void BuiltGraph::maintain() {
  for (auto& processor : processors_) processor->maintain();
  for (auto& [id, connector] : connectors_) connector->maintain();
  for (auto& [id, file] : file_exporters_) file->maintain();
}

std::vector<OpenListener> BuiltGraph::listeners() const {
  std::vector<OpenListener> all;
  for (const auto& receiver : receivers_)
    for (OpenListener& listener : receiver->listeners()) all.push_back(std::move(listener));
  for (const auto& receiver : zipkin_receivers_)
    all.push_back({"Zipkin", receiver->local_address()});
  for (const auto& receiver : jaeger_receivers_)
    for (OpenListener& listener : receiver->listeners()) all.push_back(std::move(listener));
  for (const auto& [id, exposition] : expositions_)
    if (!exposition->local_address().empty())
      all.push_back({"metrics for scraping", exposition->local_address()});
  if (own_metrics_) all.push_back({"own metrics", own_metrics_->local_address()});
  for (const auto& health : health_checks_)
    if (!health->local_address().empty()) all.push_back({"health check", health->local_address()});
  return all;
}

ReceivedServices BuiltGraph::received() const {
  std::map<std::string, ReceivedServices::Service> by_name;
  for (const auto& receiver : receivers_) {
    for (const auto& service : receiver->receiver().received().services) {
      auto& sum = by_name[service.name];
      sum.name = service.name;
      sum.spans_total += service.spans_total;
      sum.last_seen = std::max(sum.last_seen, service.last_seen);
    }
  }
  ReceivedServices all;
  for (auto& [name, service] : by_name) all.services.push_back(std::move(service));
  return all;
}

const net::HttpRouter* BuiltGraph::exposition_at(uint16_t port) const {
  for (const auto& [id, exposition] : expositions_) {
    const auto endpoint = config::parse_host_port(*exposition->config().server.endpoint);
    if (endpoint && endpoint->port == port) return &exposition->router();
  }
  return nullptr;
}

Result<std::unique_ptr<Graph>> Graph::build(const config::OtelcolConfig& config,
                                            GraphEnvironment environment) {
  auto graph = std::make_unique<BuiltGraph>(std::move(environment));
  if (auto status = graph->build(config); !status)
    return std::unexpected(std::move(status).error());
  return graph;
}

}  // namespace sightline::pipeline
