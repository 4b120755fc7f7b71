#include "config/otelcol/otelcol_extensions.h"

#include <algorithm>

#include "config/otelcol/otelcol_readers.h"

namespace sightline::config {

void read_component(const Cursor& at, HealthCheckConfig& out) {
  MapReader map(at);
  out.server.endpoint.value = "localhost:13133";
  read_http_server(map, out.server);
  map.read("path", out.path);
  if (const auto body = map.take("response_body"); body && !body->is_null()) {
    MapReader inner(*body);
    inner.read("healthy", out.body_healthy);
    inner.read("unhealthy", out.body_unhealthy);
    inner.finish();
  }
  map.ignore("check_collector_pipeline", "has no effect in the collector either");
  map.ignore({"use_v2", "component_health", "http", "grpc"},
             "the process as a whole is healthy or not");
  map.finish();
  if (!out.path.starts_with('/')) at.error("path must begin with /");
}

void read_component(const Cursor& at, BasicAuthConfig& out) {
  MapReader map(at);
  if (const auto server = map.take("htpasswd"); server && !server->is_null()) {
    MapReader inner(*server);
    inner.read("file", out.htpasswd_file);
    inner.read("inline", out.htpasswd_inline);
    inner.finish();
  }
  if (const auto client = map.take("client_auth"); client && !client->is_null()) {
    MapReader inner(*client);
    inner.read("username", out.username);
    inner.read("username_file", out.username_file);
    inner.read("password", out.password);
    inner.read("password_file", out.password_file);
    inner.finish();
  }
  map.finish();
  const bool server = !out.htpasswd_file.empty() || !out.htpasswd_inline.empty();
  const bool client = !out.username.empty() || !out.username_file.empty();
  if (!server && !client) at.error("no credential source provided: set htpasswd or client_auth");
  if (server && client)
    at.error("both htpasswd and client_auth are set: one extension is for servers or for clients");
}

void read_component(const Cursor& at, BearerTokenConfig& out) {
  MapReader map(at);
  std::string token;
  map.read("header", out.header);
  map.read("scheme", out.scheme);
  map.read("token", token);
  map.read("tokens", out.tokens);
  map.read("filename", out.filename);
  map.finish();
  if (!token.empty() && !out.tokens.empty()) at.error("use either token or tokens");
  if (!token.empty()) out.tokens = {token};
  if (out.tokens.empty() && out.filename.empty())
    at.error("no bearer token provided: set token, tokens or filename");
}

void read_component(const Cursor& at, FileStorageConfig& out) {
  MapReader map(at);
  map.read("directory", out.directory);
  map.read("create_directory", out.create_directory);
  map.read("fsync", out.fsync);
  read_permissions(map, "directory_permissions", out.directory_permissions);
  map.ignore("timeout", "each item is a file of its own: there is no lock to wait for");
  map.ignore(
      {"compaction", "recreate", "max_size"},
      "each item is a file of its own, removed once it was sent: there is nothing to compact");
  map.finish();
  if (out.directory.empty()) at.error("directory must not be empty");
}

}  // namespace sightline::config
