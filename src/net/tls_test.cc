#include "net/tls.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace sightline::net {
namespace {

struct OwnCertificate {
  std::string cert_pem, key_pem;
};

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

// A certificate for localhost that signs itself.
OwnCertificate make_certificate() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  for (const auto& [nid, value] : {std::pair{NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"},
                                   std::pair{NID_basic_constraints, "CA:TRUE"}}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, key, EVP_sha256());
  BIO* cert_bio = BIO_new(BIO_s_mem());
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(cert_bio, certificate);
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(cert_bio), text_of(key_bio)};
}

struct TlsTest : ::testing::Test {
  void SetUp() override {
    char pattern[] = "/tmp/sightline_tls_XXXXXX";
    folder = mkdtemp(pattern);
    write("cert.pem", own.cert_pem);
    write("key.pem", own.key_pem);
    router.add("POST", "/echo",
               [](HttpRequest& request) { return HttpResponse::text(200, request.body); });
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
  }
  std::unique_ptr<HttpServer> serve(const TlsServerOptions& tls,
                                    std::shared_ptr<const Authenticator> authenticator = nullptr) {
    auto context = TlsServerContext::create(tls);
    EXPECT_TRUE(context) << context.error().message;
    auto server = HttpServer::listen({.tls = *context, .authenticator = std::move(authenticator)},
                                     router, pool, telemetry);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }
  Result<HttpClientResponse> post(const HttpServer& server, HttpClientOptions options,
                                  std::string body, std::string authorization = "") {
    HttpClientRequest request{.method = "POST",
                              .url = "https://localhost:" + std::to_string(server.port()) + "/echo",
                              .body = std::move(body)};
    if (!authorization.empty()) request.headers.set("Authorization", authorization);
    return HttpClient(std::move(options)).send(request);
  }

  const OwnCertificate own = make_certificate();
  std::string folder;
  WorkPool pool{{.thread_count = 2}};
  Telemetry telemetry;
  HttpRouter router;
};

TEST_F(TlsTest, ServesHttpOverTls) {
  const auto server = serve({.cert_pem = own.cert_pem, .key_pem = own.key_pem});
  const std::string body(3'000'000, 'x');
  const auto answer = post(*server, {.ca_file = folder + "/cert.pem"}, body);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, body);
  EXPECT_FALSE(post(*server, {}, "x"));  // a certificate nobody vouches for
  HttpClientRequest plain{.method = "POST",
                          .url = "http://127.0.0.1:" + std::to_string(server->port()) + "/echo",
                          .body = "x"};
  EXPECT_FALSE(HttpClient().send(plain));
}

TEST_F(TlsTest, AsksClientsForTheirCertificate) {
  const auto server =
      serve({.cert_pem = own.cert_pem, .key_pem = own.key_pem, .client_ca_pem = own.cert_pem});
  EXPECT_FALSE(post(*server, {.ca_file = folder + "/cert.pem"}, "x"));
  const auto answer = post(*server,
                           {.ca_file = folder + "/cert.pem",
                            .cert_file = folder + "/cert.pem",
                            .key_file = folder + "/key.pem"},
                           "x");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "x");
}

TEST_F(TlsTest, CertificatesAsTextsAndBoundsOfVersions) {
  const auto server = serve({.cert_pem = own.cert_pem,
                             .key_pem = own.key_pem,
                             .client_ca_pem = own.cert_pem,
                             .min_version = "1.3"});
  HttpClientOptions client;
  client.ca_pem = own.cert_pem;
  client.cert_pem = own.cert_pem;
  client.key_pem = own.key_pem;
  const auto answer = post(*server, client, "x");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "x");
  client.tls_version_max = "1.2";
  EXPECT_FALSE(post(*server, client, "x"));
}

TEST_F(TlsTest, CiphersAndCurvesAreChosen) {
  const std::string strong = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                    other = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
  const std::vector<std::string> suites = {"TLS_AES_128_GCM_SHA256", strong, other};
  EXPECT_EQ(tls_cipher_list(suites).value(),
            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256");
  const auto unknown = tls_cipher_list(std::vector<std::string>{"TLS_MAGIC_WITH_NOTHING"});
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("TLS_MAGIC_WITH_NOTHING"), std::string::npos);
  EXPECT_EQ(tls_curve_list(std::vector<std::string>{"X25519", "P384"}), "X25519:P-384");

  const auto list = [](const std::string& suite) {
    return tls_cipher_list(std::vector<std::string>{suite}).value();
  };
  const auto server = serve({.cert_pem = own.cert_pem,
                             .key_pem = own.key_pem,
                             .max_version = "1.2",
                             .cipher_list = list(strong),
                             .curve_list = "P-256"});
  HttpClientOptions client{.ca_file = folder + "/cert.pem"};
  EXPECT_TRUE(post(*server, client, "x"));
  client.cipher_list = list(other);
  EXPECT_FALSE(post(*server, client, "x"));
  client.cipher_list = list(strong);
  EXPECT_TRUE(post(*server, client, "x"));
  client.curve_list = "P-384";
  EXPECT_FALSE(post(*server, client, "x"));
  const auto bad = TlsServerContext::create(
      {.cert_pem = own.cert_pem, .key_pem = own.key_pem, .curve_list = "P-1"});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("curves"), std::string::npos);
}

TEST_F(TlsTest, TheCertificateMayBeOfAnotherName) {
  const auto server = serve({.cert_pem = own.cert_pem, .key_pem = own.key_pem});
  HttpClientRequest request{.method = "POST",
                            .url = "https://127.0.0.1:" + std::to_string(server->port()) + "/echo",
                            .body = "x"};
  HttpClientOptions client;
  client.ca_pem = own.cert_pem;
  client.server_name = "other.example";
  EXPECT_FALSE(HttpClient(client).send(request));
  client.server_name = "localhost";
  const auto answer = HttpClient(client).send(request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body, "x");
}

TEST_F(TlsTest, LetsInWhoIsKnown) {
  auto known = std::make_shared<Authenticator>();
  known->challenge = "Basic";
  known->accepts = [](std::string_view value) { return value == "Basic dTpw"; };
  const auto server = serve({.cert_pem = own.cert_pem, .key_pem = own.key_pem}, known);
  const HttpClientOptions trusting{.ca_file = folder + "/cert.pem"};
  EXPECT_EQ(post(*server, trusting, "x", "Basic dTpw").value().status, 200);
  const auto refused = post(*server, trusting, "x", "Basic other").value();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.get("WWW-Authenticate"), "Basic");
  EXPECT_EQ(post(*server, trusting, "x").value().status, 401);
}

TEST_F(TlsTest, ServesGrpcOverTls) {
  auto known = std::make_shared<Authenticator>();
  known->accepts = [](std::string_view value) { return value == "Bearer t"; };
  GrpcServerOptions options{.tls = TlsServerOptions{.cert_pem = own.cert_pem,
                                                    .key_pem = own.key_pem,
                                                    .client_ca_pem = own.cert_pem},
                            .authenticator = known};
  options.methods["/a.Echo/Echo"] = [](const SharedBytes& request, const GrpcCaller&) {
    return GrpcReply{.payload = *request};
  };
  const auto server = GrpcServer::listen(std::move(options), telemetry);
  ASSERT_TRUE(server) << server.error().message;
  const std::string target = "localhost:" + std::to_string((*server)->port());
  GrpcClientOptions mutual{.target = target,
                           .tls = true,
                           .ca_pem = own.cert_pem,
                           .cert_pem = own.cert_pem,
                           .key_pem = own.key_pem,
                           .metadata = {{"authorization", "Bearer t"}}};
  const auto call = [&](GrpcClientOptions client) {
    return GrpcClient::create(std::move(client))
        .value()
        ->call("/a.Echo/Echo", "hello", std::chrono::seconds(10));
  };
  const auto reply = call(mutual);
  EXPECT_EQ(reply.code, GrpcCode::kOk) << reply.message;
  EXPECT_EQ(reply.payload, "hello");
  GrpcClientOptions trusting = mutual;  // asks nobody who the server is
  trusting.ca_pem.clear();
  EXPECT_EQ(call(trusting).code, GrpcCode::kUnavailable);  // nobody vouches for the certificate
  trusting.verify_peer = false;
  const auto trusted = call(trusting);
  EXPECT_EQ(trusted.code, GrpcCode::kOk) << trusted.message;
  GrpcClientOptions unknown = mutual;
  unknown.metadata.clear();
  EXPECT_EQ(call(unknown).code, GrpcCode::kUnauthenticated);
  GrpcClientOptions without = mutual;
  without.cert_pem.clear();
  without.key_pem.clear();
  EXPECT_EQ(call(without).code, GrpcCode::kUnavailable);
}

TEST_F(TlsTest, SaysWhatItCannotUse) {
  const auto fault = [](const TlsServerOptions& options) {
    const auto made = TlsServerContext::create(options);
    return made ? "accepted" : made.error().message;
  };
  EXPECT_NE(fault({.cert_pem = "x", .key_pem = own.key_pem}).find("certificate: "),
            std::string::npos);
  EXPECT_NE(fault({.cert_pem = own.cert_pem, .key_pem = "x"}).find("private key: "),
            std::string::npos);
  EXPECT_NE(
      fault({.cert_pem = own.cert_pem, .key_pem = make_certificate().key_pem}).find("private key"),
      std::string::npos);
  EXPECT_NE(fault({.cert_pem = own.cert_pem, .key_pem = own.key_pem, .client_ca_pem = "x"})
                .find("client certificate authority"),
            std::string::npos);
}

}  // namespace
}  // namespace sightline::net
