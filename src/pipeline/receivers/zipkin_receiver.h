#pragma once
// Zipkin in: POST /api/v2/spans with a JSON array of spans.
//   Answers   202 when the spans were taken; 400 for what is no list of spans; 429 and 503 with Retry-After when
//             what follows has no room.
//   Threads   handlers run on many threads at once.
//   Source    Zipkin API v2; opentelemetry-collector-contrib, zipkinreceiver README.
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "config/otelcol/otelcol_config.h"
#include "pipeline/graph/consumer.h"
#include "pipeline/receivers/http_endpoint.h"
#include "pipeline/receivers/receiver_counters.h"

namespace sightline::pipeline {

class ZipkinReceiver {
 public:
  // `all` holds the extensions that the receiver may name. All references outlive it.
  static Result<std::unique_ptr<ZipkinReceiver>> create(const config::ZipkinReceiverConfig& config,
                                                        const config::OtelcolConfig& all,
                                                        const std::string& id, SpanConsumer& next,
                                                        Telemetry& telemetry);
  Status start(WorkPool& pool, Telemetry& telemetry, std::shared_ptr<net::IoThreads> threads);
  void stop(std::chrono::milliseconds deadline) { endpoint_->stop(deadline); }
  std::string local_address() const { return endpoint_->local_address(); }
  const net::HttpRouter& router() const { return endpoint_->router(); }

 private:
  ZipkinReceiver(const config::ZipkinReceiverConfig& config, const std::string& id,
                 SpanConsumer& next, Telemetry& telemetry);
  net::HttpResponse handle(const net::HttpRequest& request);

  const config::ZipkinReceiverConfig& config_;
  SpanConsumer& next_;
  const ReceiverCounters counters_;
  Counter& rejected_;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

}  // namespace sightline::pipeline
