#pragma once
// The health_check extension: an address that says whether this process takes data.
//   Answers   200 while the graph runs, 503 while it starts and stops.
//   Source    opentelemetry-collector-contrib, healthcheckextension README.
#include <atomic>
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "base/time.h"
#include "base/work_pool.h"
#include "config/otelcol_extensions.h"
#include "net/http_server.h"

namespace sightline::pipeline {

class HealthCheck {
 public:
  HealthCheck(const config::HealthCheckConfig& config, std::string id, const Clock& clock);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void set_ready(bool ready);
  void stop(std::chrono::milliseconds deadline);
  std::string local_address() const { return server_ ? server_->local_address() : ""; }

 private:
  net::HttpResponse answer() const;

  const config::HealthCheckConfig& config_;
  const std::string id_;
  const Clock& clock_;
  std::atomic<uint64_t> ready_since_{0};  // 0: not ready
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace sightline::pipeline
