#include "pipeline/extensions/health_check.h"

#include "base/number_text.h"

namespace sightline::pipeline {

Result<std::unique_ptr<HealthCheck>> HealthCheck::create(const config::HealthCheckConfig& config,
                                                         const config::OtelcolConfig& all,
                                                         const std::string& id,
                                                         const Clock& clock) {
  std::unique_ptr<HealthCheck> made(new HealthCheck(config, clock));
  auto endpoint = HttpEndpoint::create(config.server, &all, "extension " + id, id);
  if (!endpoint) return std::unexpected(std::move(endpoint).error());
  made->endpoint_ = std::move(*endpoint);
  // Answered at once, however busy the pool is.
  made->endpoint_->add(
      "GET,HEAD", config.path, [check = made.get()](net::HttpRequest&) { return check->answer(); },
      net::RunOn::kSocketThread);
  return made;
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

}  // namespace sightline::pipeline
