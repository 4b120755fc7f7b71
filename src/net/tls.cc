#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace sightline::net {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeX509>;

Bio text_bio(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::unexpected<Error> tls_fault(std::string_view what) {
  char reason[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0)
    ERR_error_string_n(code, reason, sizeof reason);
  ERR_clear_error();
  return fail(Errc::kInvalidArgument, what, ": ", reason);
}

int version_number(std::string_view version) {
  if (version == "1.0") return TLS1_VERSION;
  if (version == "1.1") return TLS1_1_VERSION;
  if (version == "1.3") return TLS1_3_VERSION;
  return version.empty() ? 0 : TLS1_2_VERSION;
}

Status use_certificates(SSL_CTX* context, const std::string& pem) {
  const Bio bio = text_bio(pem);
  const Certificate own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return tls_fault("certificate");
  while (X509* signer = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    if (SSL_CTX_add0_chain_cert(context, signer) != 1) {
      X509_free(signer);
      return tls_fault("certificate chain");
    }
  ERR_clear_error();  // the end of the text
  return {};
}

Status use_key(SSL_CTX* context, const std::string& pem) {
  const Bio bio = text_bio(pem);
  const std::unique_ptr<EVP_PKEY, FreeKey> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) return tls_fault("private key");
  if (SSL_CTX_check_private_key(context) != 1)
    return tls_fault("the private key is not the certificate's");
  return {};
}

Status use_client_ca(SSL_CTX* context, const std::string& pem) {
  const Bio bio = text_bio(pem);
  size_t count = 0;
  while (const Certificate authority{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1)
      return tls_fault("client certificate authority");
    SSL_CTX_add_client_CA(context, authority.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0)
    return fail(Errc::kInvalidArgument, "client certificate authority: no certificate in it");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return {};
}

Status use_lists(SSL_CTX* context, const TlsServerOptions& options) {
  if (!options.cipher_list.empty() &&
      SSL_CTX_set_cipher_list(context, options.cipher_list.c_str()) != 1)
    return tls_fault("cipher suites");
  if (!options.curve_list.empty() &&
      SSL_CTX_set1_curves_list(context, options.curve_list.c_str()) != 1)
    return tls_fault("curves");
  return {};
}

}  // namespace

Result<std::string> tls_cipher_list(std::span<const std::string> suites) {
  std::string list;
  for (const std::string& suite : suites) {
    if (!suite.contains("_WITH_")) continue;  // of TLS 1.3
    const std::string name = OPENSSL_cipher_name(suite.c_str());
    if (name == "(NONE)")
      return fail(Errc::kInvalidArgument, "cipher suite ", suite, " is not available here");
    (list += list.empty() ? "" : ":") += name;
  }
  return list;
}

std::string tls_curve_list(std::span<const std::string> curves) {
  std::string list;
  for (const std::string& curve : curves) {
    list += list.empty() ? "" : ":";
    list += curve.starts_with('P') ? "P-" + curve.substr(1) : curve;
  }
  return list;
}

TlsServerContext::~TlsServerContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::create(
    const TlsServerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return tls_fault("TLS");
  std::shared_ptr<const TlsServerContext> made(new TlsServerContext(context));
  SSL_CTX_set_min_proto_version(context, version_number(options.min_version));
  SSL_CTX_set_max_proto_version(context, version_number(options.max_version));
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (auto status = use_certificates(context, options.cert_pem); !status)
    return std::unexpected(std::move(status).error());
  if (auto status = use_key(context, options.key_pem); !status)
    return std::unexpected(std::move(status).error());
  if (!options.client_ca_pem.empty())
    if (auto status = use_client_ca(context, options.client_ca_pem); !status)
      return std::unexpected(std::move(status).error());
  if (auto status = use_lists(context, options); !status)
    return std::unexpected(std::move(status).error());
  return made;
}

}  // namespace sightline::net
