#pragma once
// OTLP out: the collector's otlphttp and otlp (gRPC) exporters for traces, behind
// their sending queue and retry policy.
//   Threads   consume() from any thread; sending runs on the queue's threads.
//   Errors    429, 502, 503, 504 and connection failures are retried, with the receiver's Retry-After; in
//             gRPC the codes OTLP names. Everything else is permanent: the spans are dropped, counted and said.
//   Source    OTLP 1.x, "Failures"; exporterhelper, otlpexporter, otlphttpexporter READMEs.
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "config/otelcol_config.h"
#include "net/grpc_client.h"
#include "net/http_client.h"
#include "pipeline/send_queue.h"

namespace sightline::pipeline {

class OtlpExporter final : public SpanConsumer {
 public:
  // `all` holds the extensions that the exporter may name.
  static Result<std::unique_ptr<OtlpExporter>> create(const config::OtlpHttpExporterConfig& config,
                                                      const config::OtelcolConfig& all,
                                                      std::string id, Telemetry& telemetry);
  static Result<std::unique_ptr<OtlpExporter>> create(const config::OtlpExporterConfig& config,
                                                      const config::OtelcolConfig& all,
                                                      std::string id, Telemetry& telemetry);
  Status consume(const SharedBatch& batch) override { return queue_->offer(batch); }
  void stop(std::chrono::milliseconds deadline) { queue_->stop(deadline); }

 private:
  OtlpExporter() = default;
  std::unique_ptr<SendQueue> queue_;
};

}  // namespace sightline::pipeline
