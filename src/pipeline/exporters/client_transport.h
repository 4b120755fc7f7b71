#pragma once
// What an exporter's client settings come to: HTTP client options with their certificates read, the headers of every
// request, the sending queue and its place on disk.
//   Errors    name the place in the configuration or the file that cannot be used.
//   Source    opentelemetry-collector, confighttp, configtls, exporterhelper READMEs.
#include <map>
#include <memory>
#include <string>

#include "config/otelcol/otelcol_config.h"
#include "net/http_client.h"
#include "pipeline/exporters/send_queue.h"

namespace sightline::pipeline {

Result<net::HttpClientOptions> http_client_options(const config::ClientConfig& client,
                                                   std::string user_agent);
// Those of the configuration and what its authenticator adds.
Result<std::map<std::string, std::string>> request_headers(const config::ClientConfig& client,
                                                           const config::OtelcolConfig& all);
std::chrono::milliseconds request_timeout(std::chrono::nanoseconds timeout);

SendQueueOptions queue_options(const config::ClientConfig& client, std::string id,
                               config::Signal signal);
// Null where the queue names no storage.
Result<std::unique_ptr<BatchSpool>> open_spool(const config::ClientConfig& client,
                                               const config::OtelcolConfig& all,
                                               const std::string& id, config::Signal signal);
// What came of a request by HTTP: 429, 502, 503, 504 and connection failures may be tried again, with Retry-After.
SendOutcome http_outcome(const std::string& url, const Result<net::HttpClientResponse>& answer);

}  // namespace sightline::pipeline
