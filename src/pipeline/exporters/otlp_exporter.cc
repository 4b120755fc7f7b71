#include "pipeline/exporters/otlp_exporter.h"

#include "pipeline/exporters/client_transport.h"
#include "pipeline/extensions/authentication.h"

namespace sightline::pipeline {
namespace {

using config::Signal;

constexpr size_t kAnswerBytesMax = 1u << 20;

std::string grpc_method(Signal signal) {
  return signal == Signal::kMetrics
             ? "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
             : "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
}

// Which of the collector's compressions we can send; others are an error at start.
Result<net::Compression> http_compression(const config::ClientConfig& client) {
  switch (client.compression) {
    case config::Compression::kNone: return net::Compression::kIdentity;
    case config::Compression::kGzip: return net::Compression::kGzip;
    case config::Compression::kZstd: return net::Compression::kZstd;
    case config::Compression::kDeflate:
    case config::Compression::kZlib: return net::Compression::kDeflate;
    case config::Compression::kSnappy: return net::Compression::kSnappy;
    default: break;
  }
  return fail(Errc::kInvalidArgument, client.endpoint.mark.text(), ": compression ",
              config::compression_name(client.compression),
              " is not available here; use gzip, zstd, zlib, deflate, snappy or none");
}

bool is_retryable(const net::GrpcReply& reply) {
  switch (reply.code) {
    case net::GrpcCode::kCancelled:
    case net::GrpcCode::kDeadlineExceeded:
    case net::GrpcCode::kUnavailable: return true;
    // Only when the receiver says that waiting helps (OTLP, "Failures").
    case net::GrpcCode::kResourceExhausted: return reply.retry_after.has_value();
    default: return false;
  }
}

}  // namespace

Result<std::unique_ptr<OtlpExporter>> OtlpExporter::create(
    const config::OtlpHttpExporterConfig& config, Signal signal, const config::OtelcolConfig& all,
    std::string id, Telemetry& telemetry) {
  const std::string url = signal == Signal::kMetrics ? config.metrics_url() : config.traces_url();
  if (url.empty())
    return fail(Errc::kInvalidArgument, "exporter ", id, " has no endpoint for ",
                signal_name(signal), "; set endpoint or ", signal_name(signal), "_endpoint");
  const auto compression = http_compression(config.client);
  if (!compression) return std::unexpected(compression.error());
  auto headers = request_headers(config.client, all);
  if (!headers) return std::unexpected(std::move(headers).error());
  auto options = http_client_options(config.client, "sightline otlphttp exporter");
  if (!options) return std::unexpected(std::move(options).error());
  auto spool = open_spool(config.client, all, id, signal);
  if (!spool) return std::unexpected(std::move(spool).error());
  const auto client = std::make_shared<net::HttpClient>(std::move(*options));
  const bool json = config.encoding == config::OtlpHttpExporterConfig::Encoding::kJson;
  const std::optional<int> level = config.client.compression_level == 0
                                       ? std::nullopt
                                       : std::optional<int>(config.client.compression_level);
  auto send = [client, url, json, compression = *compression, level, headers = std::move(*headers),
               timeout = request_timeout(config.client.timeout)](const Outgoing& batch) {
    net::HttpClientRequest request{.method = "POST",
                                   .url = url,
                                   .body = json ? batch.json() : batch.protobuf(),
                                   .compression = compression,
                                   .compression_level = level,
                                   .timeout = timeout,
                                   .response_bytes_max = kAnswerBytesMax};
    request.headers.set("Content-Type", json ? "application/json" : "application/x-protobuf");
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    return http_outcome(url, client->send(request));
  };
  SendQueueOptions queue = queue_options(config.client, std::move(id), signal);
  if (json) queue.merge_max = 0;  // two texts of JSON do not make one
  return std::unique_ptr<OtlpExporter>(new OtlpExporter(std::make_unique<SendQueue>(
      std::move(queue), std::move(send), telemetry, std::move(*spool))));
}

namespace {

Result<net::GrpcClientOptions> grpc_options(const config::OtlpExporterConfig& config,
                                            const config::OtelcolConfig& all) {
  const config::TlsConfig& tls = config.client.tls;
  auto pems = load_client_tls(tls);
  if (!pems) return std::unexpected(std::move(pems).error());
  net::GrpcClientOptions options{.target = *config.client.endpoint,
                                 .tls = !tls.insecure,
                                 .ca_pem = pems->ca,
                                 .cert_pem = pems->cert,
                                 .key_pem = pems->key,
                                 .server_name = tls.server_name_override,
                                 .verify_peer = !tls.insecure_skip_verify,
                                 .gzip = config.client.compression != config::Compression::kNone,
                                 .wait_for_ready = config.channel.wait_for_ready,
                                 .balancer = config.channel.balancer_name,
                                 .authority = config.channel.authority,
                                 .user_agent = config.channel.user_agent};
  if (options.target.starts_with("http://")) options.tls = false;
  using std::chrono::milliseconds;
  if (config.channel.keepalive_time.count() > 0)
    options.keepalive = {
        .time = std::chrono::duration_cast<milliseconds>(config.channel.keepalive_time),
        .timeout = std::chrono::duration_cast<milliseconds>(config.channel.keepalive_timeout),
        .without_calls = config.channel.keepalive_without_stream};
  auto headers = request_headers(config.client, all);
  if (!headers) return std::unexpected(std::move(headers).error());
  for (const auto& [name, value] : *headers) options.metadata.emplace_back(name, value);
  return options;
}

}  // namespace

Result<std::unique_ptr<OtlpExporter>> OtlpExporter::create(const config::OtlpExporterConfig& config,
                                                           Signal signal,
                                                           const config::OtelcolConfig& all,
                                                           std::string id, Telemetry& telemetry) {
  auto options = grpc_options(config, all);
  if (!options) return std::unexpected(std::move(options).error());
  auto spool = open_spool(config.client, all, id, signal);
  if (!spool) return std::unexpected(std::move(spool).error());
  auto made = net::GrpcClient::create(std::move(*options));
  if (!made) return in_context("exporter " + id, std::move(made).error());
  const std::shared_ptr<net::GrpcClient> client = std::move(*made);
  auto send = [client, method = grpc_method(signal), target = *config.client.endpoint,
               timeout =
                   request_timeout(config.client.timeout)](const Outgoing& batch) -> SendOutcome {
    const net::GrpcReply reply = client->call(method, batch.shared_protobuf(), timeout);
    if (reply.code == net::GrpcCode::kOk) return {};
    return {.status = fail(Errc::kUnavailable, target, ": ", reply.message),
            .retryable = is_retryable(reply),
            .retry_after = reply.retry_after.value_or(std::chrono::milliseconds(0))};
  };
  return std::unique_ptr<OtlpExporter>(new OtlpExporter(
      std::make_unique<SendQueue>(queue_options(config.client, std::move(id), signal),
                                  std::move(send), telemetry, std::move(*spool))));
}

}  // namespace sightline::pipeline
