#pragma once
// The collector's prometheusremotewrite exporter: metrics translated as Prometheus names them, sent as remote write 1.0
// or 2.0, exemplars and native histograms among them.
//   Left out  metrics of delta temporality, as the peer does; what the translation refuses is counted.
//   Order     requests leave one after the other, so that a receiver needs no out-of-order window.
//   Disk      `wal`: what waits lies in its directory and is sent after a restart.
//   Retry     as http_outcome(); of a request that was split, all parts are sent again.
//   Threads   consume() from any thread; sending runs on the queue's.
//   Source    opentelemetry-collector-contrib, prometheusremotewriteexporter README; remote write 1.0 and 2.0.
#include <memory>
#include <string>

#include "base/telemetry.h"
#include "config/otelcol/otelcol_config.h"
#include "pipeline/exporters/send_queue.h"
#include "pipeline/graph/metrics_consumer.h"

namespace sightline::pipeline {

class RemoteWriteExporter final : public MetricsConsumer {
 public:
  // `all` holds the extensions that the exporter may name.
  static Result<std::unique_ptr<RemoteWriteExporter>> create(
      const config::RemoteWriteExporterConfig& config, const config::OtelcolConfig& all,
      std::string id, Telemetry& telemetry);
  Result<wire::otlp::PartialSuccess> consume(const SharedMetrics& batch) override {
    if (auto status = queue_->offer(batch); !status)
      return std::unexpected(std::move(status).error());
    return wire::otlp::PartialSuccess();
  }
  SendQueue& queue() { return *queue_; }

 private:
  explicit RemoteWriteExporter(std::unique_ptr<SendQueue> queue) : queue_(std::move(queue)) {}
  std::unique_ptr<SendQueue> queue_;
};

}  // namespace sightline::pipeline
