#pragma once
// OTLP out: the collector's otlphttp and otlp (gRPC) exporters, behind
// their sending queue and retry policy.
//   Threads   consume() from any thread; sending runs on the queue's threads.
//   Errors    429, 502, 503, 504 and connection failures are retried, with the receiver's Retry-After; in
//             gRPC the codes OTLP names. Everything else is permanent: the spans are dropped, counted and said.
//   Source    OTLP 1.x, "Failures"; exporterhelper, otlpexporter, otlphttpexporter READMEs.
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "config/otelcol/otelcol_config.h"
#include "net/grpc_client.h"
#include "net/http_client.h"
#include "pipeline/exporters/send_queue.h"

namespace sightline::pipeline {

// Of one signal: traces and metrics of one component have a queue each.
class OtlpExporter final : public SpanConsumer, public MetricsConsumer, public EncodedConsumer {
 public:
  // `all` holds the extensions that the exporter may name.
  static Result<std::unique_ptr<OtlpExporter>> create(const config::OtlpHttpExporterConfig& config,
                                                      config::Signal signal,
                                                      const config::OtelcolConfig& all,
                                                      std::string id, Telemetry& telemetry);
  static Result<std::unique_ptr<OtlpExporter>> create(const config::OtlpExporterConfig& config,
                                                      config::Signal signal,
                                                      const config::OtelcolConfig& all,
                                                      std::string id, Telemetry& telemetry);
  Status consume(const SharedBatch& batch) override { return queue_->offer(batch); }
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    if (auto status = queue_->offer(batch); !status)
      return std::unexpected(std::move(status).error());
    return wire::otlp::PartialSuccess();
  }
  Status consume(const SharedEncoded& request) override { return queue_->offer(request); }
  SendQueue& queue() { return *queue_; }

 private:
  explicit OtlpExporter(std::unique_ptr<SendQueue> queue) : queue_(std::move(queue)) {}
  std::unique_ptr<SendQueue> queue_;
};

}  // namespace sightline::pipeline
