#include "pipeline/exporters/remote_write_exporter.h"

#include "base/log.h"
#include "net/compression.h"
#include "pipeline/exporters/client_transport.h"
#include "pipeline/metrics/metrics_translation.h"
#include "pipeline/metrics/write_request_appender.h"
#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {
namespace {

using wire::prometheus::SentSeries;

constexpr size_t kAnswerBytesMax = 1u << 20;

TranslationOptions translation_of(const config::RemoteWriteExporterConfig& config) {
  using Translation = config::PrometheusExporterConfig::Translation;
  const bool utf8 = config.translation == Translation::kUtf8WithSuffixes ||
                    config.translation == Translation::kNone;
  const bool suffixes = config.translation == Translation::kUnderscoreWithSuffixes ||
                        config.translation == Translation::kUtf8WithSuffixes;
  return {.names = {suffixes, utf8, config.metrics_namespace},
          .scope_labels = !config.disable_scope_info,
          .target_info = config.target_info,
          .resource_labels = config.resource_to_telemetry_conversion,
          .without_service_labels = config.exclude_service_attributes,
          .leave_out_deltas = true,
          .is_sent = true,
          .custom_buckets = config.convert_explicit_histograms_to_nhcb,
          .classic_buckets =
              !config.convert_explicit_histograms_to_nhcb || config.keep_classic_histograms};
}

size_t size_of(const SentSeries& series) {
  size_t bytes =
      series.labels.packed().size() + 16 * series.samples.size() + 100 * series.exemplars.size();
  for (const auto& h : series.histograms)
    bytes += 64 + 8 * (h.histogram.positive_buckets.size() + h.histogram.negative_buckets.size());
  return bytes;
}

// Sends one batch after the other; owned by the queue's callback.
class Sender {
 public:
  Sender(const config::RemoteWriteExporterConfig& config, std::string id,
         net::HttpClientOptions options, std::map<std::string, std::string> headers,
         Counter& refused)
      : config_(config),
        id_(std::move(id)),
        translation_(translation_of(config)),
        client_(std::move(options)),
        headers_(std::move(headers)),
        refused_(refused) {}

  SendOutcome send(const Outgoing& batch) {
    WriteRequestAppender appender(config_.external_labels);
    std::mutex unused;
    DeltaAccumulator none;
    MetricsTranslation translation(appender, unused, none, translation_);
    auto status = wire::otlp::decode_metrics(batch.protobuf(), translation);
    if (status) status = translation.finish();
    if (!status) return {.status = std::unexpected(std::move(status).error())};
    if (translation.refused() > 0) {
      refused_.add(translation.refused());
      SL_LOG_WARN("exporter {}: {} data points cannot be sent: {}", id_, translation.refused(),
                  translation.first_refusal());
    }
    const auto metadata =
        config_.send_metadata ? appender.metadata() : std::vector<wire::prometheus::SentMetadata>();
    const std::vector<SentSeries> series = appender.take_series();
    return send_parts(series, metadata);
  }

 private:
  SendOutcome send_parts(std::span<const SentSeries> all,
                         std::span<const wire::prometheus::SentMetadata> metadata) {
    while (!all.empty()) {
      size_t count = 0, bytes = 0;
      while (count < all.size() &&
             (count == 0 || bytes + size_of(all[count]) <= config_.max_batch_size_bytes))
        bytes += size_of(all[count++]);
      const auto part = all.first(count);
      auto outcome =
          post(config_.is_version_2 ? wire::prometheus::encode_write_request_2(part)
                                    : wire::prometheus::encode_write_request(part, metadata));
      if (!outcome.status) return outcome;
      metadata = {};  // once
      all = all.subspan(count);
    }
    return {};
  }

  SendOutcome post(std::string body) {
    net::HttpClientRequest request{.method = "POST",
                                   .url = *config_.client.endpoint,
                                   .body = net::snappy_compress(body),
                                   .timeout = request_timeout(config_.client.timeout),
                                   .response_bytes_max = kAnswerBytesMax};
    for (const auto& [name, value] : headers_) request.headers.set(name, value);
    request.headers.set("Content-Encoding", "snappy");
    request.headers.set("Content-Type",
                        config_.is_version_2
                            ? "application/x-protobuf;proto=io.prometheus.write.v2.Request"
                            : "application/x-protobuf");
    request.headers.set("X-Prometheus-Remote-Write-Version",
                        config_.is_version_2 ? "2.0.0" : "0.1.0");
    const auto answer = client_.send(request);
    SendOutcome outcome = http_outcome(request.url, answer);
    if (answer && answer->status >= 500) outcome.retryable = true;
    return outcome;
  }

  const config::RemoteWriteExporterConfig& config_;
  const std::string id_;
  const TranslationOptions translation_;
  net::HttpClient client_;
  const std::map<std::string, std::string> headers_;
  Counter& refused_;
};

}  // namespace

Result<std::unique_ptr<RemoteWriteExporter>> RemoteWriteExporter::create(
    const config::RemoteWriteExporterConfig& config, const config::OtelcolConfig& all,
    std::string id, Telemetry& telemetry) {
  auto headers = request_headers(config.client, all);
  if (!headers) return std::unexpected(std::move(headers).error());
  auto options = http_client_options(config.client, "sightline remote write exporter");
  if (!options) return std::unexpected(std::move(options).error());
  std::unique_ptr<BatchSpool> spool;
  if (!config.wal_directory.empty()) {
    auto opened = BatchSpool::open(config.wal_directory, true);
    if (!opened) return in_context("exporter " + id, std::move(opened).error());
    spool = std::move(*opened);
  }
  Counter& refused =
      telemetry.counter("otelcol_exporter_prometheusremotewrite_failed_translations_total",
                        "Data points that have no form in remote write.", {{"exporter", id}});
  const auto sender =
      std::make_shared<Sender>(config, id, std::move(*options), std::move(*headers), refused);
  SendQueueOptions queue = queue_options(config.client, std::move(id), config::Signal::kMetrics);
  queue.consumer_count = 1;
  return std::unique_ptr<RemoteWriteExporter>(new RemoteWriteExporter(std::make_unique<SendQueue>(
      std::move(queue), [sender](const Outgoing& batch) { return sender->send(batch); }, telemetry,
      std::move(spool))));
}

}  // namespace sightline::pipeline
