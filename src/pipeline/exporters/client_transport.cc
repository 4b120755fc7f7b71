#include "pipeline/exporters/client_transport.h"

#include <algorithm>
#include <filesystem>

#include "net/tls.h"
#include "pipeline/exporters/directories.h"
#include "pipeline/extensions/authentication.h"

namespace sightline::pipeline {

Result<net::HttpClientOptions> http_client_options(const config::ClientConfig& client,
                                                   std::string user_agent) {
  const config::TlsConfig& tls = client.tls;
  auto pems = load_client_tls(tls);
  if (!pems) return std::unexpected(std::move(pems).error());
  auto ciphers = net::tls_cipher_list(tls.cipher_suites);
  if (!ciphers) return in_context(tls.mark.text(), std::move(ciphers).error());
  constexpr std::chrono::seconds kForEver = std::chrono::hours(24 * 365);
  const auto idle = std::chrono::duration_cast<std::chrono::seconds>(client.idle_conn_timeout);
  net::HttpClientOptions options{
      .server_name = tls.server_name_override,
      .verify_peer = !tls.insecure_skip_verify,
      .keep_connections = !client.disable_keep_alives,
      .idle_connection_max = client.idle_conn_timeout.count() == 0 ? kForEver : idle,
      .proxy_url = client.proxy_url,
      .cipher_list = std::move(*ciphers),
      .curve_list = net::tls_curve_list(tls.curve_preferences),
      .user_agent = std::move(user_agent)};
  options.ca_pem = std::move(pems->ca);
  options.cert_pem = std::move(pems->cert);
  options.key_pem = std::move(pems->key);
  options.tls_version_min = tls.min_version;
  options.tls_version_max = tls.max_version;
  return options;
}

Result<std::map<std::string, std::string>> request_headers(const config::ClientConfig& client,
                                                           const config::OtelcolConfig& all) {
  auto headers = client.headers;
  if (auto status = add_credentials(all, client.authenticator, headers); !status)
    return std::unexpected(std::move(status).error());
  return headers;
}

std::chrono::milliseconds request_timeout(std::chrono::nanoseconds timeout) {
  return std::max(std::chrono::milliseconds(1),
                  std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
}

namespace {

QueueSizer sizer_of(std::string_view name) {
  return name == "items"   ? QueueSizer::kItems
         : name == "bytes" ? QueueSizer::kBytes
                           : QueueSizer::kRequests;
}

}  // namespace

SendQueueOptions queue_options(const config::ClientConfig& client, std::string id,
                               config::Signal signal) {
  const config::RetryConfig& retry = client.retry;
  const config::QueueConfig& queue = client.queue;
  // Without a queue the caller waits until its batch was sent or given up.
  return {.exporter = std::move(id),
          .signal = signal,
          .capacity = queue.enabled ? static_cast<size_t>(queue.queue_size) : 1000,
          .consumer_count = queue.enabled ? queue.num_consumers : 10,
          .retry = {.enabled = retry.enabled,
                    .initial_interval = retry.initial_interval,
                    .randomization_factor = retry.randomization_factor,
                    .multiplier = retry.multiplier,
                    .max_interval = retry.max_interval,
                    .max_elapsed_time = retry.max_elapsed_time},
          .sizer = sizer_of(queue.sizer),
          .block_on_overflow = queue.enabled && queue.block_on_overflow,
          .wait_for_result = !queue.enabled || queue.wait_for_result,
          .merge_sizer = sizer_of(queue.batch_sizer),
          .merge_max = queue.enabled && queue.merges ? queue.merge_max() : 0};
}

Result<std::unique_ptr<BatchSpool>> open_spool(const config::ClientConfig& client,
                                               const config::OtelcolConfig& all,
                                               const std::string& id, config::Signal signal) {
  if (!client.queue.enabled || client.queue.storage->empty()) return nullptr;
  const auto& storage =
      std::get<config::FileStorageConfig>(all.extension(*client.queue.storage)->config);
  std::string name = "exporter_" + id;
  if (signal == config::Signal::kMetrics) name += "_metrics";
  std::replace(name.begin(), name.end(), '/', '_');
  std::error_code error;
  if (!storage.create_directory && !std::filesystem::is_directory(storage.directory, error))
    return fail(Errc::kInvalidArgument, client.queue.storage.mark.text(), ": directory ",
                storage.directory, " of extension ", *client.queue.storage,
                " does not exist; make it, or set create_directory: true");
  if (storage.create_directory)
    if (auto status = make_directories(storage.directory, storage.directory_permissions); !status)
      return in_context(client.queue.storage.mark.text(), std::move(status).error());
  return BatchSpool::open(storage.directory + "/" + name, storage.fsync);
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

}  // namespace sightline::pipeline
