#include "pipeline/otlp_exporter.h"

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "pipeline/authentication.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/encode_traces_json.h"

namespace sightline::pipeline {
namespace {

constexpr std::string_view kGrpcMethod =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
constexpr size_t kAnswerBytesMax = 1u << 20;

std::chrono::milliseconds to_milliseconds(std::chrono::nanoseconds d) {
  return std::max(std::chrono::milliseconds(1),
                  std::chrono::duration_cast<std::chrono::milliseconds>(d));
}

SendQueueOptions queue_options(const config::ClientConfig& client, std::string id) {
  const config::RetryConfig& retry = client.retry;
  const config::QueueConfig& queue = client.queue;
  // Without a queue the caller waits until its batch was sent or given up.
  return {.exporter = std::move(id),
          .capacity = queue.enabled ? static_cast<size_t>(queue.queue_size) : 1000,
          .consumer_count = queue.enabled ? queue.num_consumers : 10,
          .retry = {.enabled = retry.enabled,
                    .initial_interval = retry.initial_interval,
                    .randomization_factor = retry.randomization_factor,
                    .multiplier = retry.multiplier,
                    .max_interval = retry.max_interval,
                    .max_elapsed_time = retry.max_elapsed_time},
          .sizer = queue.sizer == "items"   ? QueueSizer::kItems
                   : queue.sizer == "bytes" ? QueueSizer::kBytes
                                            : QueueSizer::kRequests,
          .block_on_overflow = queue.enabled && queue.block_on_overflow,
          .wait_for_result = !queue.enabled || queue.wait_for_result};
}

// The queue's place on disk; null when it names no storage.
Result<std::unique_ptr<BatchSpool>> open_spool(const config::ClientConfig& client,
                                               const config::OtelcolConfig& all,
                                               const std::string& id) {
  if (!client.queue.enabled || client.queue.storage->empty()) return nullptr;
  const auto& storage =
      std::get<config::FileStorageConfig>(all.extension(*client.queue.storage)->config);
  std::string name = "exporter_" + id;
  std::replace(name.begin(), name.end(), '/', '_');
  std::error_code error;
  if (!storage.create_directory && !std::filesystem::is_directory(storage.directory, error))
    return fail(Errc::kInvalidArgument, client.queue.storage.mark.text(), ": directory ",
                storage.directory, " of extension ", *client.queue.storage,
                " does not exist; make it, or set create_directory: true");
  return BatchSpool::open(storage.directory + "/" + name, storage.fsync);
}

std::string request_bytes(const model::SpanBatch& batch) {
  return batch.encoded.empty() ? wire::otlp::encode_traces(batch) : std::string(batch.encoded);
}

net::HttpClientOptions http_options(const config::TlsConfig& tls) {
  return {.ca_file = tls.ca_file,
          .cert_file = tls.cert_file,
          .key_file = tls.key_file,
          .server_name = tls.server_name_override,
          .verify_peer = !tls.insecure_skip_verify,
          .user_agent = "sightline otlphttp exporter"};
}

// Which of the collector's compressions we can send; others are an error at start.
Result<net::Compression> http_compression(const config::ClientConfig& client) {
  switch (client.compression) {
    case config::Compression::kNone: return net::Compression::kIdentity;
    case config::Compression::kGzip: return net::Compression::kGzip;
    case config::Compression::kZstd: return net::Compression::kZstd;
    case config::Compression::kDeflate:
    case config::Compression::kZlib: return net::Compression::kDeflate;
    default: break;
  }
  return fail(Errc::kInvalidArgument, client.endpoint.mark.text(), ": compression ",
              config::compression_name(client.compression),
              " is not available here; use gzip, zstd, zlib, deflate or none");
}

SendOutcome http_outcome(const std::string& url, const Result<net::HttpClientResponse>& answer) {
  if (!answer)
    return {.status = in_context(url, answer.error()),
            .retryable = answer.error().code != Errc::kInvalidArgument};
  if (answer->status >= 200 && answer->status < 300) return {};
  const int status = answer->status;
  SendOutcome outcome{
      .status =
          fail(Errc::kUnavailable, url, " answered ", status, ": ", answer->body.substr(0, 200)),
      .retryable = status == 429 || status == 502 || status == 503 || status == 504};
  if (const auto after = net::retry_after_of(*answer)) outcome.retry_after = *after;
  return outcome;
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
    const config::OtlpHttpExporterConfig& config, const config::OtelcolConfig& all, std::string id,
    Telemetry& telemetry) {
  const auto compression = http_compression(config.client);
  if (!compression) return std::unexpected(compression.error());
  auto headers = config.client.headers;
  if (auto status = add_credentials(all, config.client.authenticator, headers); !status)
    return std::unexpected(std::move(status).error());
  auto spool = open_spool(config.client, all, id);
  if (!spool) return std::unexpected(std::move(spool).error());
  const auto client = std::make_shared<net::HttpClient>(http_options(config.client.tls));
  const std::string url = config.traces_url();
  const bool json = config.encoding == config::OtlpHttpExporterConfig::Encoding::kJson;
  auto send = [client, url, json, compression = *compression, headers,
               timeout = to_milliseconds(config.client.timeout)](const SharedBatch& batch) {
    net::HttpClientRequest request{
        .method = "POST",
        .url = url,
        .body = json ? wire::otlp::encode_traces_json(*batch) : request_bytes(*batch),
        .compression = compression,
        .timeout = timeout,
        .response_bytes_max = kAnswerBytesMax};
    request.headers.set("Content-Type", json ? "application/json" : "application/x-protobuf");
    for (const auto& [name, value] : headers) request.headers.set(name, value);
    return http_outcome(url, client->send(request));
  };
  std::unique_ptr<OtlpExporter> exporter(new OtlpExporter());
  exporter->queue_ = std::make_unique<SendQueue>(queue_options(config.client, std::move(id)),
                                                 std::move(send), telemetry, std::move(*spool));
  return exporter;
}

Result<std::unique_ptr<OtlpExporter>> OtlpExporter::create(const config::OtlpExporterConfig& config,
                                                           const config::OtelcolConfig& all,
                                                           std::string id, Telemetry& telemetry) {
  auto pems = load_client_tls(config.client.tls);
  if (!pems) return std::unexpected(std::move(pems).error());
  auto spool = open_spool(config.client, all, id);
  if (!spool) return std::unexpected(std::move(spool).error());
  net::GrpcClientOptions options{.target = *config.client.endpoint,
                                 .tls = !config.client.tls.insecure,
                                 .ca_pem = pems->ca,
                                 .cert_pem = pems->cert,
                                 .key_pem = pems->key,
                                 .server_name = config.client.tls.server_name_override,
                                 .gzip = config.client.compression == config::Compression::kGzip};
  if (options.target.starts_with("http://")) options.tls = false;
  if (options.tls && config.client.tls.insecure_skip_verify)
    return fail(Errc::kInvalidArgument, config.client.tls.mark.text(),
                ": insecure_skip_verify is not available for gRPC here; name the server's ca_file");
  auto headers = config.client.headers;
  if (auto status = add_credentials(all, config.client.authenticator, headers); !status)
    return std::unexpected(std::move(status).error());
  for (const auto& [name, value] : headers) options.metadata.emplace_back(name, value);
  auto made = net::GrpcClient::create(std::move(options));
  if (!made) return in_context("exporter " + id, std::move(made).error());
  const std::shared_ptr<net::GrpcClient> client = std::move(*made);
  auto send =
      [client, target = *config.client.endpoint,
       timeout = to_milliseconds(config.client.timeout)](const SharedBatch& batch) -> SendOutcome {
    const net::GrpcReply reply =
        client->call(std::string(kGrpcMethod), request_bytes(*batch), timeout);
    if (reply.code == net::GrpcCode::kOk) return {};
    return {.status = fail(Errc::kUnavailable, target, ": ", reply.message),
            .retryable = is_retryable(reply),
            .retry_after = reply.retry_after.value_or(std::chrono::milliseconds(0))};
  };
  std::unique_ptr<OtlpExporter> exporter(new OtlpExporter());
  exporter->queue_ = std::make_unique<SendQueue>(queue_options(config.client, std::move(id)),
                                                 std::move(send), telemetry, std::move(*spool));
  return exporter;
}

}  // namespace sightline::pipeline
