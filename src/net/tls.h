#pragma once
// A server's own certificate and what it asks of clients, as PEM texts.
//   Errors    create() says which text OpenSSL does not take.
//   Threads   immutable once made; shared by every connection.
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace sightline::net {

struct TlsServerOptions {
  std::string cert_pem;  // the certificate, then those that signed it
  std::string key_pem;
  std::string client_ca_pem;  // not empty: clients must show a certificate signed by one of these
  std::string min_version = "1.2";      // "1.0" to "1.3"
  std::string max_version;              // empty: no bound
  std::string cipher_list, curve_list;  // of the functions below; empty: OpenSSL's own choice
};

// OpenSSL's list of cipher suites named as the TLS registry names them. Those of TLS 1.3 are left out, since they
// cannot be chosen. kInvalidArgument: OpenSSL has none of that name.
Result<std::string> tls_cipher_list(std::span<const std::string> suites);
// OpenSSL's list of "X25519", "P256", "P384", "P521".
std::string tls_curve_list(std::span<const std::string> curves);

class TlsServerContext {
 public:
  static Result<std::shared_ptr<const TlsServerContext>> create(const TlsServerOptions& options);
  ~TlsServerContext();
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;
  ssl_ctx_st* native() const { return context_; }

 private:
  explicit TlsServerContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace sightline::net
