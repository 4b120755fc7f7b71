#pragma once
// Sockets as the collector's components share them: servers, clients, TLS, queue, retry.
// Keys and defaults are the collector's (confighttp, configgrpc, configtls, exporterhelper).
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/yaml/yaml_node.h"

namespace sightline::config {

// Paths are as written: relative ones count from the working directory.
struct TlsConfig {
  Mark mark;
  std::string ca_file, ca_pem;
  std::string cert_file, cert_pem;
  std::string key_file, key_pem;
  std::string client_ca_file;  // servers: ask for and check client certificates
  std::string min_version = "1.2";
  std::string max_version;
  bool insecure = false;              // clients: no TLS at all
  bool insecure_skip_verify = false;  // clients: TLS without checking the server's certificate
  std::string server_name_override;
  bool include_system_ca_certs_pool = false;   // clients: trusts them besides ca_file or ca_pem
  std::vector<std::string> cipher_suites;      // by HTTP; empty: OpenSSL's choice
  std::vector<std::string> curve_preferences;  // likewise: X25519, P256, P384, P521
};

struct CorsConfig {
  std::vector<std::string> allowed_origins;  // may hold one "*" each
  std::vector<std::string> allowed_headers;
  std::vector<std::string> exposed_headers;
  int32_t max_age_seconds = 0;
};

struct GrpcServerConfig {
  Marked<std::string> endpoint;         // "host:port"
  std::optional<TlsConfig> tls;         // none: plaintext
  uint32_t max_recv_msg_size_mib = 0;   // 0: the default, 4 MiB
  uint32_t max_concurrent_streams = 0;  // 0: the default
  Marked<std::string>
      authenticator;  // auth::authenticator: an extension; empty: everybody may call
  // keepalive; 0: gRPC's own
  std::chrono::nanoseconds max_connection_idle{0}, max_connection_age{0},
      max_connection_age_grace{0};
  std::chrono::nanoseconds keepalive_time{0}, keepalive_timeout{0};
  std::chrono::nanoseconds keepalive_min_time{0};
  bool keepalive_without_stream = false;
  uint64_t max_recv_bytes() const {
    return (max_recv_msg_size_mib == 0 ? 4ULL : max_recv_msg_size_mib) << 20;
  }
};

struct HttpServerConfig {
  Marked<std::string> endpoint;  // "host:port"
  std::optional<TlsConfig> tls;
  std::optional<CorsConfig> cors;
  uint64_t max_request_body_bytes = 20
                                    << 20;  // key max_request_body_size; counts decompressed bytes
  Marked<std::string> authenticator;        // auth::authenticator
  std::map<std::string, std::string> response_headers;
  std::vector<std::string> compression_algorithms = {"",     "gzip",   "zstd",
                                                     "zlib", "snappy", "deflate"};
  std::chrono::nanoseconds read_timeout{0};  // 0: none
  std::chrono::nanoseconds read_header_timeout{std::chrono::minutes(1)};
  std::chrono::nanoseconds write_timeout{std::chrono::seconds(30)};
  std::chrono::nanoseconds idle_timeout{std::chrono::minutes(1)};
  bool keep_alives_enabled = true;
};

struct RetryConfig {
  bool enabled = true;
  std::chrono::nanoseconds initial_interval{std::chrono::seconds(5)};
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  std::chrono::nanoseconds max_interval{std::chrono::seconds(30)};
  std::chrono::nanoseconds max_elapsed_time{std::chrono::minutes(5)};  // 0: for ever
};

struct QueueConfig {
  bool enabled = true;
  uint32_t num_consumers = 10;
  uint64_t queue_size = 1000;      // counted in `sizer`
  std::string sizer = "requests";  // requests | items | bytes
  bool block_on_overflow = false;
  bool wait_for_result = false;
  Marked<std::string> storage;  // a file_storage extension; empty: in memory
  // `batch`: requests that wait are sent together, of at most batch_max_size.
  bool merges = false;
  std::string batch_sizer = "items";  // items | bytes
  uint64_t batch_min_size = 8192;     // counted in `batch_sizer`
  uint64_t batch_max_size = 0;        // 0: batch_min_size
  uint64_t merge_max() const { return batch_max_size > 0 ? batch_max_size : batch_min_size; }
};

enum class Compression { kNone, kGzip, kZstd, kSnappy, kZlib, kDeflate, kLz4 };
std::string_view compression_name(Compression compression);  // "gzip", "none"

struct ClientConfig {
  Marked<std::string> endpoint;
  TlsConfig tls;
  std::map<std::string, std::string> headers;
  Marked<std::string> authenticator;  // auth::authenticator
  Compression compression = Compression::kGzip;
  std::chrono::nanoseconds timeout{std::chrono::seconds(5)};
  RetryConfig retry;
  QueueConfig queue;
  // By HTTP alone.
  int32_t compression_level = 0;  // compression_params::level; 0: the compression's default
  std::string proxy_url;          // empty: the environment's
  bool disable_keep_alives = false;
  std::chrono::nanoseconds idle_conn_timeout{std::chrono::seconds(90)};  // 0: for ever
};

// "host:port" taken apart; "[::1]:4317", ":4317" and "0.0.0.0:4317" are all accepted.
struct HostPort {
  std::string host;  // empty means every address
  uint16_t port = 0;
};
Result<HostPort> parse_host_port(std::string_view endpoint);

// Each reads its keys from a map that a component shares with them (the collector "squashes" them).
void read_grpc_server(MapReader& map, GrpcServerConfig& out);
void read_http_server(MapReader& map, HttpServerConfig& out);
void read_client_tls(MapReader& map, TlsConfig& out);
// gRPC cannot be told which versions of TLS to speak: an error where it is to speak fewer than it does.
void check_grpc_tls(const MapReader& map, const TlsConfig& tls);
// What a client by HTTP can be told besides: proxy_url, compression_params, how long connections live.
void read_http_connections(MapReader& map, ClientConfig& out);
void read_authenticator(MapReader& map, Marked<std::string>& out);  // auth: {authenticator: id}
void read_retry(MapReader& map, RetryConfig& out);
void read_queue(MapReader& map, QueueConfig& out);
void read_compression(MapReader& map, Compression& out);
// `headers`: a map, or a list of {name, value}.
void read_headers(MapReader& map, std::string_view key, std::map<std::string, std::string>& out);
// compression_params: {level}, checked against what the compression has.
void read_compression_level(MapReader& map, Compression compression, int32_t& out);
// A mode in octal digits: "0750".
void read_permissions(MapReader& map, std::string_view key, uint32_t& out);
// An error where `endpoint` is not "host:port".
void check_host_port(const Marked<std::string>& endpoint, const Cursor& at);

}  // namespace sightline::config
