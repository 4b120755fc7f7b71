#pragma once
// The health_check extension: an address that says whether this process takes data.
//   Answers   200 while the graph runs, 503 while it starts and stops.
//   Source    opentelemetry-collector-contrib, healthcheckextension README.
#include <atomic>
#include <memory>
#include <string>

#include "base/time.h"
#include "pipeline/receivers/http_endpoint.h"

namespace sightline::pipeline {

class HealthCheck {
 public:
  static Result<std::unique_ptr<HealthCheck>> create(const config::HealthCheckConfig& config,
                                                     const config::OtelcolConfig& all,
                                                     const std::string& id, const Clock& clock);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads) {
    return endpoint_->start(pool, telemetry, std::move(threads));
  }
  void set_ready(bool ready);
  void stop(std::chrono::milliseconds deadline) { endpoint_->stop(deadline); }
  std::string local_address() const { return endpoint_->local_address(); }

 private:
  HealthCheck(const config::HealthCheckConfig& config, const Clock& clock)
      : config_(config), clock_(clock) {}
  net::HttpResponse answer() const;

  const config::HealthCheckConfig& config_;
  const Clock& clock_;
  std::atomic<uint64_t> ready_since_{0};  // 0: not ready
  std::unique_ptr<HttpEndpoint> endpoint_;
};

}  // namespace sightline::pipeline
