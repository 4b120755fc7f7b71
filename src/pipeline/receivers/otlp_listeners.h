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
#include "config/otelcol/otelcol_config.h"
#include "pipeline/receivers/grpc_endpoint.h"
#include "pipeline/receivers/http_endpoint.h"
#include "pipeline/receivers/open_listener.h"
#include "pipeline/receivers/otlp_receiver.h"

namespace sightline::pipeline {

// Where else a receiver leads, and what is looked at there; see OtlpReceiverOptions and DecodeLimits.
struct OtlpEdges {
  MetricsConsumer* metrics = nullptr;
  EncodedConsumer* encoded = nullptr;
  TenantConsumer by_tenant;
  std::shared_ptr<const std::vector<std::string>> span_attributes;
};

class OtlpListeners {
 public:
  // `extensions` may be null: then no authenticator can be named.
  static Result<std::unique_ptr<OtlpListeners>> create(const config::OtlpReceiverConfig& config,
                                                       std::string name, SpanConsumer& next,
                                                       const Clock& clock, Telemetry& telemetry,
                                                       const config::OtelcolConfig* extensions,
                                                       OtlpEdges edges);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline);
  std::vector<OpenListener> listeners() const;
  const OtlpReceiver& receiver() const { return receiver_; }

 private:
  OtlpListeners(OtlpReceiverOptions options, SpanConsumer& next, const Clock& clock,
                Telemetry& telemetry)
      : receiver_(std::move(options), next, clock, telemetry) {}

  OtlpReceiver receiver_;
  std::unique_ptr<HttpEndpoint> http_;
  std::unique_ptr<GrpcEndpoint> grpc_;
};

}  // namespace sightline::pipeline
