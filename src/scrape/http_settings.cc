#include "scrape/http_settings.h"

#include <fstream>

#include "base/text_codec.h"

namespace sightline::scrape {
namespace {

// "TLS12" is "1.2"; empty stays empty.
std::string version_of(const std::string& word) {
  return word.size() == 5 ? word.substr(3, 1) + "." + word.substr(4) : "";
}

// `text`, or else the file's content without spaces around it.
Result<std::string> secret(const std::string& text, const std::string& file) {
  if (file.empty()) return text;
  std::ifstream in(file, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  if (!in) return fail(Errc::kUnavailable, "unable to read file ", file);
  constexpr std::string_view kSpaces = " \t\r\n";
  content.erase(content.find_last_not_of(kSpaces) + 1);
  content.erase(0, content.find_first_not_of(kSpaces));
  return content;
}

}  // namespace

std::unique_ptr<net::HttpClient> make_http_client(const std::optional<config::HttpClientTls>& tls,
                                                  bool follow_redirects) {
  net::HttpClientOptions options{.follow_redirects = follow_redirects,
                                 .user_agent = "Prometheus/3.0 (compatible; Sightline)"};
  if (tls) {
    options.ca_file = tls->ca_file;
    options.cert_file = tls->cert_file;
    options.key_file = tls->key_file;
    options.ca_pem = tls->ca;
    options.cert_pem = tls->cert;
    options.key_pem = tls->key;
    options.server_name = tls->server_name;
    options.verify_peer = !tls->insecure_skip_verify;
    if (!tls->min_version.empty()) options.tls_version_min = version_of(tls->min_version);
    options.tls_version_max = version_of(tls->max_version);
  }
  return std::make_unique<net::HttpClient>(std::move(options));
}

Result<std::string> authorization_of(const config::ScrapeAuth& auth) {
  const auto username = secret(auth.basic_username, auth.basic_username_file);
  if (!username) return username;
  const auto password = secret(auth.basic_password, auth.basic_password_file);
  if (!password) return password;
  if (!username->empty() || !password->empty())
    return "Basic " + base64_encode(*username + ":" + *password);
  const auto credentials = secret(auth.credentials, auth.credentials_file);
  if (!credentials || credentials->empty()) return credentials;
  return auth.type + " " + *credentials;
}

}  // namespace sightline::scrape
