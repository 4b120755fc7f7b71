#pragma once
// What TLS sections and authentication extensions of a configuration come to: certificates read
// from their files, callers that are let in, and the header that a client shows.
//   Errors    name the file or the line that cannot be used.
//   Source    opentelemetry-collector-contrib, basicauthextension, bearertokenauthextension; configtls README.
#include <map>
#include <memory>
#include <string>

#include "config/otelcol/otelcol_config.h"
#include "net/authenticator.h"
#include "net/tls.h"

namespace sightline::pipeline {

// Certificates as PEM texts, read now.
Result<net::TlsServerOptions> load_server_tls(const config::TlsConfig& tls);
// A client's roots, certificate and key as PEM texts; empty ones were not given.
struct ClientPems {
  std::string ca, cert, key;
};
Result<ClientPems> load_client_tls(const config::TlsConfig& tls);

// For a server; null when `id` is empty.
Result<std::shared_ptr<const net::Authenticator>> make_authenticator(
    const config::OtelcolConfig& config, const config::Marked<std::string>& id);
// For a client: adds the header it authenticates with.
Status add_credentials(const config::OtelcolConfig& config, const config::Marked<std::string>& id,
                       std::map<std::string, std::string>& headers);

}  // namespace sightline::pipeline
