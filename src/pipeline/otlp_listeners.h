#pragma once
// The sockets of one OTLP receiver: the collector's, or the trace store's own.
//   Lifetime  config, consumer, clock and telemetry outlive it; stop() drains requests in flight.
//   Errors    create() names what a configuration asks for that is not there; start()
//             says which address could not be opened.
#include <memory>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "config/otelcol_config.h"
#include "net/grpc_server.h"
#include "net/http_server.h"
#include "pipeline/otlp_receiver.h"

namespace sightline::pipeline {

// A socket that is open, for the log and the status page.
struct OpenListener {
  std::string name;     // "OTLP gRPC"
  std::string address;  // "127.0.0.1:4317"
};

class OtlpListeners {
 public:
  // `extensions` may be null: then no authenticator can be named.
  static Result<std::unique_ptr<OtlpListeners>> create(
      const config::OtlpReceiverConfig& config, std::string name, SpanConsumer& next,
      const Clock& clock, Telemetry& telemetry, const config::OtelcolConfig* extensions = nullptr,
      OtlpMetrics* metrics = nullptr, TenantConsumer by_tenant = nullptr);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline);
  std::vector<OpenListener> listeners() const;
  const OtlpReceiver& receiver() const { return receiver_; }

 private:
  OtlpListeners(const config::OtlpReceiverConfig& config, OtlpReceiverOptions options,
                SpanConsumer& next, const Clock& clock, Telemetry& telemetry)
      : config_(config),
        name_(options.name),
        receiver_(std::move(options), next, clock, telemetry) {}

  Status secure(const config::OtelcolConfig* extensions);
  void add_http_routes();
  net::GrpcServerOptions grpc_options();

  const config::OtlpReceiverConfig& config_;
  const std::string name_;
  std::optional<net::TlsServerOptions> grpc_tls_;
  std::shared_ptr<const net::TlsServerContext> http_tls_;
  std::shared_ptr<const net::Authenticator> grpc_authenticator_, http_authenticator_;
  OtlpReceiver receiver_;
  net::HttpRouter router_;
  std::unique_ptr<net::HttpServer> http_;
  std::unique_ptr<net::GrpcServer> grpc_;
};

}  // namespace sightline::pipeline
