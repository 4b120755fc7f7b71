#include "pipeline/extensions/authentication.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text_codec.h"
#include "config/yaml/environment.h"

namespace sightline::pipeline {
namespace {

config::OtelcolConfig with_extension(const std::string& yaml) {
  const std::string id = yaml.substr(0, yaml.find(':'));
  auto parsed = config::parse_otelcol(
      "extensions:\n  " + yaml +
          "\nreceivers: {nop: }\nexporters: {nop: }\nservice: {extensions: [" + id +
          "], pipelines: {traces: {receivers: [nop], exporters: [nop]}}}\n",
      "c.yaml", config::FixedEnvironment());
  EXPECT_TRUE(parsed) << parsed.error().message;
  return std::move(*parsed);
}

std::string basic(const std::string& credentials) { return "Basic " + base64_encode(credentials); }

TEST(Authentication, BasicByHtpasswd) {
  // "secret" by SHA-1 and as it is; and somebody's by crypt.
  const auto config = with_extension(
      R"(basicauth: {htpasswd: {inline: "sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nplain:secret\nsix:$$6$$saltsalt$$/RSjxOnodlEqCPt.GRJuz4/SqZXMZ7Y4ZJXzYTC3dbxIw4nVnRBdFRSCnuyDvMXOVLIGfC/DmSyr93YM5JH3D0"}})");
  const auto made = make_authenticator(config, {"basicauth", {}});
  ASSERT_TRUE(made) << made.error().message;
  const auto& accepts = (*made)->accepts;
  EXPECT_TRUE(accepts(basic("sha:secret")));
  EXPECT_TRUE(accepts(basic("plain:secret")));
  EXPECT_TRUE(accepts(basic("plain:secret")));  // remembered
  EXPECT_FALSE(accepts(basic("plain:other")));
  EXPECT_FALSE(accepts(basic("six:wrong")));
  EXPECT_FALSE(accepts(basic("nobody:secret")));
  EXPECT_FALSE(accepts("Bearer secret"));
  EXPECT_FALSE(accepts("Basic ???"));
  EXPECT_FALSE(accepts(""));
}

TEST(Authentication, BearerTokens) {
  const auto config =
      with_extension("bearertokenauth/in: {scheme: Token, tokens: [one, two], header: X-Key}");
  const auto made = make_authenticator(config, {"bearertokenauth/in", {}});
  ASSERT_TRUE(made);
  EXPECT_EQ((*made)->header, "x-key");
  EXPECT_TRUE((*made)->accepts("Token two"));
  EXPECT_FALSE((*made)->accepts("Token three"));
  EXPECT_FALSE((*made)->accepts("two"));
  std::map<std::string, std::string> headers;
  ASSERT_TRUE(add_credentials(config, {"bearertokenauth/in", {}}, headers));
  EXPECT_EQ(headers.at("x-key"), "Token one");
}

TEST(Authentication, ClientsShowTheirUser) {
  const auto config = with_extension("basicauth/out: {client_auth: {username: u, password: p}}");
  std::map<std::string, std::string> headers;
  ASSERT_TRUE(add_credentials(config, {"basicauth/out", {}}, headers));
  EXPECT_EQ(headers.at("authorization"), basic("u:p"));
}

TEST(Authentication, TheSystemsRootsBesidesAnother) {
  char path[] = "/tmp/sightline_roots_XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, "ROOTS\n", 6), 6);
  close(file);
  setenv("SSL_CERT_FILE", path, 1);
  const config::TlsConfig alone{.ca_pem = "MINE"};
  EXPECT_EQ(load_client_tls(alone).value().ca, "MINE");
  const config::TlsConfig both{.ca_pem = "MINE", .include_system_ca_certs_pool = true};
  EXPECT_EQ(load_client_tls(both).value().ca, "MINE\nROOTS\n");
  // Without one of its own a client trusts the system's anyway.
  EXPECT_EQ(load_client_tls({.include_system_ca_certs_pool = true}).value().ca, "");
  unlink(path);
  EXPECT_FALSE(load_client_tls(both));
  unsetenv("SSL_CERT_FILE");
}

TEST(Authentication, SaysWhatItCannotRead) {
  const auto none = make_authenticator(
      with_extension("bearertokenauth: {filename: /nonexistent/token}"), {"bearertokenauth", {}});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("/nonexistent/token"), std::string::npos);
  const auto apr1 = make_authenticator(
      with_extension("basicauth: {htpasswd: {inline: \"a:$$apr1$$x$$y\"}}"), {"basicauth", {}});
  ASSERT_FALSE(apr1);
  EXPECT_NE(apr1.error().message.find("apr1"), std::string::npos);
  EXPECT_FALSE(load_server_tls({.cert_file = "/nonexistent/cert"}));
}

}  // namespace
}  // namespace sightline::pipeline
