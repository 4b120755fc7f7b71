#pragma once
// What each extension can be told, with the collector's own defaults. Keys and meanings are those of
// the extensions' READMEs in opentelemetry-collector-contrib, read against release 0.159.
#include <string>
#include <variant>
#include <vector>

#include "config/otelcol/transport_config.h"

namespace sightline::config {

// extensions: health_check
struct HealthCheckConfig {
  HttpServerConfig server;  // localhost:13133
  std::string path = "/";
  std::string body_healthy;  // empty: the collector's own JSON
  std::string body_unhealthy;
};

// extensions: basicauth. For servers by htpasswd, for clients by a user and a password.
struct BasicAuthConfig {
  std::string htpasswd_file;
  std::string htpasswd_inline;
  std::string username, password;
  std::string username_file, password_file;
};

// extensions: bearertokenauth
struct BearerTokenConfig {
  std::string header = "Authorization";
  std::string scheme = "Bearer";
  std::vector<std::string> tokens;
  std::string filename;  // of a token, or one a line
};

// extensions: file_storage
struct FileStorageConfig {
  std::string directory = "/var/lib/otelcol/file_storage";
  bool create_directory = false;
  uint32_t directory_permissions = 0750;
  bool fsync = false;
};

using ExtensionConfig =
    std::variant<HealthCheckConfig, BasicAuthConfig, BearerTokenConfig, FileStorageConfig>;

}  // namespace sightline::config
