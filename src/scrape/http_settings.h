#pragma once
// The HTTP client that a configuration describes, for scrapes and for http_sd_configs.
//   Secrets  given as files are read anew at every use, as Prometheus does.
#include <memory>
#include <optional>
#include <string>

#include "config/prometheus/prometheus_config.h"
#include "net/http_client.h"

namespace sightline::scrape {

std::unique_ptr<net::HttpClient> make_http_client(const std::optional<config::HttpClientTls>& tls,
                                                  bool follow_redirects);
// The Authorization header; empty when none is configured. An error when a secret's file cannot be read.
Result<std::string> authorization_of(const config::ScrapeAuth& auth);

}  // namespace sightline::scrape
