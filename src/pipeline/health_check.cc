#include "pipeline/health_check.h"

#include "base/number_text.h"

namespace sightline::pipeline {

HealthCheck::HealthCheck(const config::HealthCheckConfig& config, std::string id,
                         const Clock& clock)
    : config_(config), id_(std::move(id)), clock_(clock) {
  router_.add("GET,HEAD", config_.path, [this](net::HttpRequest&) { return answer(); },
              {.run_on = net::RunOn::kSocketThread});
}

void HealthCheck::set_ready(bool ready) { ready_since_ = ready ? clock_.now().value : 0; }

net::HttpResponse HealthCheck::answer() const {
  const uint64_t since = ready_since_.load();
  const bool ready = since != 0;
  if (const std::string& body = ready ? config_.body_healthy : config_.body_unhealthy;
      !body.empty())
    return net::HttpResponse::text(ready ? 200 : 503, body);
  if (!ready)
    return net::HttpResponse::json(
        R"({"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""})", 503);
  const auto up = std::chrono::nanoseconds(clock_.now().value - since);
  return net::HttpResponse::json(R"({"status":"Server available","upSince":")" +
                                 format_rfc3339(since) + R"(","uptime":")" +
                                 format_go_duration(up) + R"("})");
}

Status HealthCheck::start(WorkPool& pool, Telemetry& telemetry,
                          std::shared_ptr<net::IoThreads> threads) {
  auto server = net::HttpServer::listen({.address = *config_.server.endpoint, .name = id_}, router_,
                                        pool, telemetry, std::move(threads));
  if (!server) return in_context("extension " + id_, std::move(server).error());
  server_ = std::move(*server);
  return {};
}

void HealthCheck::stop(std::chrono::milliseconds deadline) {
  if (server_) server_->stop(deadline);
}

}  // namespace sightline::pipeline
