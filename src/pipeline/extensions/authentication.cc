#include "pipeline/extensions/authentication.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>

#include "base/text_codec.h"

namespace sightline::pipeline {
namespace {

using Users = std::map<std::string, std::string, std::less<>>;  // name to hash

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kInvalidArgument, "open ", path, ": ", std::strerror(errno));
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

// The text itself, or that of the file.
Result<std::string> text_or_file(const std::string& text, const std::string& path) {
  if (!text.empty() || path.empty()) return text;
  return read_file(path);
}

// The roots that the system trusts, where distributions keep them.
Result<std::string> system_roots() {
  const char* chosen = std::getenv("SSL_CERT_FILE");
  if (chosen != nullptr && *chosen != '\0') return read_file(chosen);
  for (const char* path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem", "/etc/pki/tls/cacert.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"})
    if (auto text = read_file(path)) return text;
  return fail(Errc::kInvalidArgument,
              "include_system_ca_certs_pool: the system's certificates were not found; name their "
              "file in SSL_CERT_FILE");
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (std::string line = trimmed(std::string(text.substr(0, end)));
        !line.empty() && line[0] != '#')
      lines.push_back(std::move(line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string digest(const EVP_MD* kind, std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), bytes, &size, kind, nullptr);
  return {reinterpret_cast<const char*>(bytes), size};
}

// In a time that does not tell how much is right.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool password_matches(const std::string& hash, const std::string& password) {
  if (hash.starts_with("{SHA}"))
    return same(hash.substr(5), base64_encode(digest(EVP_sha1(), password)));
  if (!hash.starts_with("$")) return same(hash, password);
  auto data = std::make_unique<crypt_data>();
  const char* made = crypt_r(password.c_str(), hash.c_str(), data.get());
  return made != nullptr && same(made, hash);
}

Result<Users> read_users(const config::BasicAuthConfig& config) {
  Users users;
  std::string text = config.htpasswd_inline;
  if (!config.htpasswd_file.empty()) {
    auto file = read_file(config.htpasswd_file);
    if (!file) return std::unexpected(std::move(file).error());
    text += "\n" + *file;
  }
  for (const std::string& line : lines_of(text)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos)
      return fail(Errc::kInvalidArgument, "htpasswd: a line without \":\"");
    if (line.compare(colon + 1, 6, "$apr1$") == 0)
      return fail(Errc::kInvalidArgument, "htpasswd: the password of ", line.substr(0, colon),
                  " is hashed with apr1; use bcrypt (htpasswd -B)");
    users[line.substr(0, colon)] = line.substr(colon + 1);
  }
  return users;
}

// bcrypt takes long on purpose: what was right once is remembered by its digest.
class BasicCheck {
 public:
  explicit BasicCheck(Users users) : users_(std::move(users)) {}
  bool accepts(std::string_view value) {
    if (value.size() < 6 || !std::equal(value.begin(), value.begin() + 6, "basic ",
                                        [](char a, char b) { return std::tolower(a) == b; }))
      return false;
    const std::string key = digest(EVP_sha256(), value);
    {
      const std::lock_guard lock(mutex_);
      if (known_.contains(key)) return true;
    }
    const auto decoded = base64_decode(value.substr(6));
    const size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) return false;
    const auto user = users_.find(decoded->substr(0, colon));
    if (user == users_.end() || !password_matches(user->second, decoded->substr(colon + 1)))
      return false;
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kKnownMax) known_.clear();
    known_.insert(key);
    return true;
  }

 private:
  static constexpr size_t kKnownMax = 1000;
  const Users users_;
  std::mutex mutex_;
  std::set<std::string> known_;  // guarded by mutex_
};

Result<std::vector<std::string>> read_tokens(const config::BearerTokenConfig& config) {
  std::vector<std::string> tokens = config.tokens;
  if (!config.filename.empty()) {
    auto text = read_file(config.filename);
    if (!text) return std::unexpected(std::move(text).error());
    tokens = lines_of(*text);
    if (tokens.empty()) return fail(Errc::kInvalidArgument, config.filename, ": holds no token");
  }
  for (std::string& token : tokens)
    if (!config.scheme.empty()) token.insert(0, config.scheme + " ");
  return tokens;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Result<net::TlsServerOptions> load_server_tls(const config::TlsConfig& tls) {
  net::TlsServerOptions options{.min_version = tls.min_version, .max_version = tls.max_version};
  const auto fill = [](std::string& into, const std::string& text,
                       const std::string& path) -> Status {
    auto read = text_or_file(text, path);
    if (!read) return std::unexpected(std::move(read).error());
    into = std::move(*read);
    return {};
  };
  if (auto status = fill(options.cert_pem, tls.cert_pem, tls.cert_file); !status)
    return in_context(tls.mark.text(), std::move(status).error());
  if (auto status = fill(options.key_pem, tls.key_pem, tls.key_file); !status)
    return in_context(tls.mark.text(), std::move(status).error());
  if (auto status = fill(options.client_ca_pem, "", tls.client_ca_file); !status)
    return in_context(tls.mark.text(), std::move(status).error());
  auto ciphers = net::tls_cipher_list(tls.cipher_suites);
  if (!ciphers) return in_context(tls.mark.text(), std::move(ciphers).error());
  options.cipher_list = std::move(*ciphers);
  options.curve_list = net::tls_curve_list(tls.curve_preferences);
  if (auto checked = net::TlsServerContext::create(options); !checked)
    return in_context(tls.mark.text(), std::move(checked).error());
  return options;
}

Result<ClientPems> load_client_tls(const config::TlsConfig& tls) {
  ClientPems pems;
  for (const auto& [into, text, path] : {std::tuple{&pems.ca, &tls.ca_pem, &tls.ca_file},
                                         std::tuple{&pems.cert, &tls.cert_pem, &tls.cert_file},
                                         std::tuple{&pems.key, &tls.key_pem, &tls.key_file}}) {
    auto read = text_or_file(*text, *path);
    if (!read) return in_context(tls.mark.text(), std::move(read).error());
    *into = std::move(*read);
  }
  if (!tls.include_system_ca_certs_pool || pems.ca.empty()) return pems;
  auto system = system_roots();
  if (!system) return in_context(tls.mark.text(), std::move(system).error());
  pems.ca += "\n" + *system;
  return pems;
}

Result<std::shared_ptr<const net::Authenticator>> make_authenticator(
    const config::OtelcolConfig& config, const config::Marked<std::string>& id) {
  if (id->empty()) return nullptr;
  const auto& extension = config.extension(*id)->config;
  auto made = std::make_shared<net::Authenticator>();
  if (const auto* basic = std::get_if<config::BasicAuthConfig>(&extension)) {
    auto users = read_users(*basic);
    if (!users) return in_context("extension " + *id, std::move(users).error());
    made->challenge = "Basic";
    made->accepts = [check = std::make_shared<BasicCheck>(std::move(*users))](
                        std::string_view value) { return check->accepts(value); };
    return made;
  }
  const auto& bearer = std::get<config::BearerTokenConfig>(extension);
  auto tokens = read_tokens(bearer);
  if (!tokens) return in_context("extension " + *id, std::move(tokens).error());
  made->header = lower(bearer.header);
  made->challenge = bearer.scheme.empty() ? "Bearer" : bearer.scheme;
  made->accepts = [tokens = std::move(*tokens)](std::string_view value) {
    bool any = false;
    for (const std::string& token : tokens) any |= same(token, value);
    return any;
  };
  return made;
}

Status add_credentials(const config::OtelcolConfig& config, const config::Marked<std::string>& id,
                       std::map<std::string, std::string>& headers) {
  if (id->empty()) return {};
  const auto& extension = config.extension(*id)->config;
  if (const auto* basic = std::get_if<config::BasicAuthConfig>(&extension)) {
    const auto user = text_or_file(basic->username, basic->username_file);
    const auto password = text_or_file(basic->password, basic->password_file);
    if (!user || !password)
      return in_context("extension " + *id, user ? password.error() : user.error());
    if (trimmed(*user).empty())
      return fail(Errc::kInvalidArgument, "extension ", *id,
                  ": a client needs client_auth with a username");
    headers["authorization"] = "Basic " + base64_encode(trimmed(*user) + ":" + trimmed(*password));
    return {};
  }
  const auto& bearer = std::get<config::BearerTokenConfig>(extension);
  auto tokens = read_tokens(bearer);
  if (!tokens) return in_context("extension " + *id, std::move(tokens).error());
  headers[lower(bearer.header)] = tokens->front();
  return {};
}

}  // namespace sightline::pipeline
