#pragma once
// Jaeger in: POST /api/traces with a Batch in Thrift's binary protocol, and api_v2.CollectorService/PostSpans by gRPC.
//   Answers   202 when the spans were taken; 400 for what is no batch; 429 and 503 with Retry-After, RESOURCE_EXHAUSTED and
//             UNAVAILABLE, when what follows has no room.
//   Threads   handlers run on many threads at once.
//   Source    opentelemetry-collector-contrib, jaegerreceiver README; jaeger-idl.
#include <memory>
#include <string>
#include <vector>

#include "config/otelcol/otelcol_config.h"
#include "pipeline/graph/consumer.h"
#include "pipeline/receivers/grpc_endpoint.h"
#include "pipeline/receivers/http_endpoint.h"
#include "pipeline/receivers/open_listener.h"
#include "pipeline/receivers/receiver_counters.h"
#include "wire/jaeger/span_builder.h"

namespace sightline::pipeline {

class JaegerReceiver {
 public:
  // `all` holds the extensions that the receiver may name. All references outlive it.
  static Result<std::unique_ptr<JaegerReceiver>> create(const config::JaegerReceiverConfig& config,
                                                        const config::OtelcolConfig& all,
                                                        const std::string& id, SpanConsumer& next,
                                                        Telemetry& telemetry);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline);
  std::vector<OpenListener> listeners() const;

  net::HttpResponse handle_http(net::HttpRequest& request);
  net::GrpcReply handle_grpc(const net::SharedBytes& request);

 private:
  JaegerReceiver(const std::string& id, SpanConsumer& next, Telemetry& telemetry);
  Status take(Result<wire::jaeger::DecodedJaeger> decoded, const ReceiverCounters& counters);

  SpanConsumer& next_;
  const ReceiverCounters http_counters_, grpc_counters_;
  Counter& rejected_;
  std::unique_ptr<HttpEndpoint> http_;
  std::unique_ptr<GrpcEndpoint> grpc_;
};

}  // namespace sightline::pipeline
