#include "config/otelcol/transport_config.h"

#include <algorithm>
#include <charconv>

#include "base/number_text.h"

namespace sightline::config {
namespace {

constexpr std::string_view kMiddlewareWhy = "middleware extensions are not available here";

// As Go names them: those it calls secure, then the others.
constexpr std::string_view kCipherSuites[] = {"TLS_AES_128_GCM_SHA256",
                                              "TLS_AES_256_GCM_SHA384",
                                              "TLS_CHACHA20_POLY1305_SHA256",
                                              "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                                              "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                              "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
                                              "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
                                              "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                              "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                              "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                              "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                              "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                              "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"};
constexpr std::string_view kInsecureCipherSuites[] = {"TLS_RSA_WITH_RC4_128_SHA",
                                                      "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                                                      "TLS_RSA_WITH_AES_128_CBC_SHA",
                                                      "TLS_RSA_WITH_AES_256_CBC_SHA",
                                                      "TLS_RSA_WITH_AES_128_CBC_SHA256",
                                                      "TLS_RSA_WITH_AES_128_GCM_SHA256",
                                                      "TLS_RSA_WITH_AES_256_GCM_SHA384",
                                                      "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
                                                      "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
                                                      "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
                                                      "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
                                                      "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"};

void read_ciphers(MapReader& map, TlsConfig& out) {
  bool allows_insecure = false;
  map.read("cipher_suites", out.cipher_suites);
  map.read("include_insecure_cipher_suites", allows_insecure);
  map.read("curve_preferences", out.curve_preferences);
  std::vector<std::string> known(std::begin(kCipherSuites), std::end(kCipherSuites));
  if (allows_insecure)
    known.insert(known.end(), std::begin(kInsecureCipherSuites), std::end(kInsecureCipherSuites));
  for (const std::string& suite : out.cipher_suites)
    if (std::ranges::find(known, suite) == known.end())
      map.at().error("cipher_suites: invalid TLS cipher suite: \"" + suite + "\"" +
                     did_you_mean(suite, known));
  for (const std::string& curve : out.curve_preferences)
    if (curve != "X25519" && curve != "P256" && curve != "P384" && curve != "P521")
      map.at().error("curve_preferences: \"" + curve + "\" is not one of X25519, P256, P384, P521");
}

void read_tls_files(MapReader& map, TlsConfig& out) {
  map.read("ca_file", out.ca_file);
  map.read("ca_pem", out.ca_pem);
  map.read("cert_file", out.cert_file);
  map.read("cert_pem", out.cert_pem);
  map.read("key_file", out.key_file);
  map.read("key_pem", out.key_pem);
  map.read_choice("min_version", out.min_version, {"", "1.0", "1.1", "1.2", "1.3"});
  map.read_choice("max_version", out.max_version, {"", "1.0", "1.1", "1.2", "1.3"});
  read_ciphers(map, out);
  map.read("include_system_ca_certs_pool", out.include_system_ca_certs_pool);
  map.ignore("reload_interval", "certificates are read at the start; restart to take new ones");
  map.reject({"tpm"}, "keys in a TPM are not available here");
}

void check_pair(const MapReader& map, const TlsConfig& tls) {
  const bool cert = !tls.cert_file.empty() || !tls.cert_pem.empty();
  const bool key = !tls.key_file.empty() || !tls.key_pem.empty();
  if (cert != key)
    map.at().error(
        "a certificate needs its key: set both cert_file and key_file (or the _pem keys)");
}

void read_server_tls(MapReader& map, std::optional<TlsConfig>& out) {
  const auto at = map.take("tls");
  if (!at || at->is_null()) return;
  TlsConfig tls;
  tls.mark = at->mark();
  MapReader inner(*at);
  read_tls_files(inner, tls);
  inner.read("client_ca_file", tls.client_ca_file);
  inner.ignore("client_ca_file_reload",
               "certificates are read at the start; restart to take new ones");
  inner.finish();
  check_pair(inner, tls);
  if (tls.cert_file.empty() && tls.cert_pem.empty())
    at->error("a TLS server needs cert_file and key_file (or cert_pem and key_pem)");
  out = std::move(tls);
}

void read_cors(MapReader& map, std::optional<CorsConfig>& out) {
  const auto at = map.take("cors");
  if (!at || at->is_null()) return;
  out.emplace();
  MapReader inner(*at);
  inner.read("allowed_origins", out->allowed_origins);
  inner.read("allowed_headers", out->allowed_headers);
  inner.read("exposed_headers", out->exposed_headers);
  inner.read("max_age", out->max_age_seconds);
  inner.finish();
}

void read_keepalive(MapReader& map, GrpcServerConfig& out) {
  const auto at = map.take("keepalive");
  if (!at || at->is_null()) return;
  MapReader keepalive(*at);
  if (const auto server = keepalive.take("server_parameters"); server && !server->is_null()) {
    MapReader inner(*server);
    inner.read("max_connection_idle", out.max_connection_idle);
    inner.read("max_connection_age", out.max_connection_age);
    inner.read("max_connection_age_grace", out.max_connection_age_grace);
    inner.read("time", out.keepalive_time);
    inner.read("timeout", out.keepalive_timeout);
    inner.finish();
  }
  if (const auto policy = keepalive.take("enforcement_policy"); policy && !policy->is_null()) {
    MapReader inner(*policy);
    inner.read("min_time", out.keepalive_min_time);
    inner.read("permit_without_stream", out.keepalive_without_stream);
    inner.finish();
  }
  keepalive.finish();
}

void read_include_metadata(MapReader& map) {
  bool includes = false;
  map.read("include_metadata", includes);
  if (includes)
    map.at().notice("include_metadata: no component here looks at the senders' metadata");
}

void read_compression_algorithms(MapReader& map, HttpServerConfig& out) {
  map.read("compression_algorithms", out.compression_algorithms);
  for (const std::string& name : out.compression_algorithms) {
    if (name == "lz4" || name == "x-snappy-framed")
      map.at().notice("compression_algorithms: bodies in " + name + " are not unpacked here");
    else if (name != "" && name != "gzip" && name != "zstd" && name != "zlib" && name != "snappy" &&
             name != "deflate")
      map.at().error("compression_algorithms: \"" + name + "\" is no compression algorithm" +
                     did_you_mean(name, {"gzip", "zstd", "zlib", "snappy", "deflate"}));
  }
}

}  // namespace

// gRPC's library speaks TLS 1.2 and 1.3 and takes no bounds between them.
void check_grpc_tls(const MapReader& map, const TlsConfig& tls) {
  if (tls.min_version == "1.3" || tls.max_version == "1.2" || tls.max_version == "1.1" ||
      tls.max_version == "1.0")
    map.at().diagnostics().error(
        tls.mark, map.at().path() +
                      "::tls: gRPC speaks TLS 1.2 and 1.3 here; min_version 1.2 and no max_version "
                      "is all it can be told");
  else if (tls.min_version == "1.0" || tls.min_version == "1.1")
    map.at().notice("tls::min_version: gRPC speaks nothing older than TLS 1.2 here");
  if (!tls.cipher_suites.empty() || !tls.curve_preferences.empty())
    map.at().notice("tls: gRPC's own choice of ciphers and curves is used");
}

namespace {

void check_transport(MapReader& map) {
  std::string transport = "tcp";
  map.read_choice("transport", transport, {"tcp", "tcp4", "tcp6"});
  map.ignore("dialer", "listening sockets do not dial");
}

}  // namespace

std::string_view compression_name(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "none";
    case Compression::kGzip: return "gzip";
    case Compression::kZstd: return "zstd";
    case Compression::kSnappy: return "snappy";
    case Compression::kZlib: return "zlib";
    case Compression::kDeflate: return "deflate";
    case Compression::kLz4: return "lz4";
  }
  return "none";
}

Result<HostPort> parse_host_port(std::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos)
    return fail(Errc::kInvalidArgument, "\"", endpoint, "\" has no port; write host:port");
  std::string_view host = endpoint.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']'))
      return fail(Errc::kInvalidArgument, "\"", endpoint, "\" has no closing ]");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return fail(Errc::kInvalidArgument, "\"", endpoint,
                "\": write an IPv6 address in brackets, [::1]:4317");
  }
  if (host.find('/') != std::string_view::npos)
    return fail(Errc::kInvalidArgument, "\"", endpoint, "\" is a URL; write host:port");
  const auto port = parse_int(endpoint.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535)
    return fail(Errc::kInvalidArgument, "\"", endpoint, "\": a port is a number from 0 to 65535");
  return HostPort{std::string(host), static_cast<uint16_t>(*port)};
}

void check_host_port(const Marked<std::string>& endpoint, const Cursor& at) {
  const auto parsed = parse_host_port(endpoint.value);
  if (!parsed)
    at.diagnostics().error(endpoint.is_written() ? endpoint.mark : at.mark(),
                           at.path() + ": endpoint " + parsed.error().message);
}

void read_grpc_server(MapReader& map, GrpcServerConfig& out) {
  map.read("endpoint", out.endpoint);
  check_host_port(out.endpoint, map.at());
  check_transport(map);
  read_server_tls(map, out.tls);
  if (out.tls) check_grpc_tls(map, *out.tls);
  map.read("max_recv_msg_size_mib", out.max_recv_msg_size_mib);
  map.read("max_concurrent_streams", out.max_concurrent_streams);
  read_include_metadata(map);
  map.ignore({"read_buffer_size", "write_buffer_size"}, "buffers grow by need");
  read_keepalive(map, out);
  read_authenticator(map, out.authenticator);
  map.reject({"middlewares"}, kMiddlewareWhy);
}

void read_http_server(MapReader& map, HttpServerConfig& out) {
  map.read("endpoint", out.endpoint);
  check_host_port(out.endpoint, map.at());
  check_transport(map);
  read_server_tls(map, out.tls);
  read_cors(map, out.cors);
  uint64_t body_bytes = 0;
  map.read("max_request_body_size", body_bytes);
  if (body_bytes > 0) out.max_request_body_bytes = body_bytes;
  read_include_metadata(map);
  read_headers(map, "response_headers", out.response_headers);
  if (map.has("compression_algorithms")) read_compression_algorithms(map, out);
  map.read("read_timeout", out.read_timeout);
  map.read("read_header_timeout", out.read_header_timeout);
  map.read("write_timeout", out.write_timeout);
  map.read("idle_timeout", out.idle_timeout);
  map.read("keep_alives_enabled", out.keep_alives_enabled);
  read_authenticator(map, out.authenticator);
  map.reject({"middlewares"}, kMiddlewareWhy);
}

void read_client_tls(MapReader& map, TlsConfig& out) {
  const auto at = map.take("tls");
  if (!at || at->is_null()) return;
  out.mark = at->mark();
  MapReader inner(*at);
  read_tls_files(inner, out);
  inner.read("insecure", out.insecure);
  inner.read("insecure_skip_verify", out.insecure_skip_verify);
  inner.read("server_name_override", out.server_name_override);
  inner.finish();
  check_pair(inner, out);
}

void read_compression_level(MapReader& map, Compression compression, int32_t& out) {
  const auto at = map.take("compression_params");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("level", out);
  inner.finish();
  const bool has_any = compression == Compression::kZstd;
  const bool has_levels = compression == Compression::kGzip || compression == Compression::kZlib ||
                          compression == Compression::kDeflate;
  if (out != 0 && !has_any && !(has_levels && out >= -2 && out <= 9))
    at->error("level " + std::to_string(out) + " is none of " +
              std::string(compression_name(compression)));
}

void read_http_connections(MapReader& map, ClientConfig& out) {
  map.read("proxy_url", out.proxy_url);
  if (!out.proxy_url.empty() && !out.proxy_url.contains("://"))
    map.at().error("proxy_url: \"" + out.proxy_url + "\" is not a URL; write http://host:port");
  map.read("disable_keep_alives", out.disable_keep_alives);
  map.read("idle_conn_timeout", out.idle_conn_timeout);
  if (out.idle_conn_timeout.count() < 0) map.at().error("idle_conn_timeout must not be negative");
  read_compression_level(map, out.compression, out.compression_level);
  map.ignore({"max_idle_conns", "max_idle_conns_per_host", "max_conns_per_host"},
             "each consumer of the sending queue has one connection");
  map.ignore({"http2_read_idle_timeout", "http2_ping_timeout", "force_attempt_http2"},
             "requests are sent over HTTP/1.1");
  map.ignore("cookies", "cookies of the server are not kept");
}

void read_authenticator(MapReader& map, Marked<std::string>& out) {
  const auto at = map.take("auth");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("authenticator", out);
  inner.ignore("request_params", "the authenticators here look at headers only");
  inner.finish();
  if (out->empty()) at->error("authenticator must name an extension");
}

void read_retry(MapReader& map, RetryConfig& out) {
  const auto at = map.take("retry_on_failure");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("enabled", out.enabled);
  inner.read("initial_interval", out.initial_interval);
  inner.read("randomization_factor", out.randomization_factor);
  inner.read("multiplier", out.multiplier);
  inner.read("max_interval", out.max_interval);
  inner.read("max_elapsed_time", out.max_elapsed_time);
  inner.finish();
  if (!out.enabled) return;
  if (out.initial_interval.count() < 0) at->error("initial_interval must not be negative");
  if (!(out.randomization_factor >= 0 && out.randomization_factor <= 1))
    at->error("randomization_factor must lie between 0 and 1");
  if (!(out.multiplier >= 0)) at->error("multiplier must not be negative");
  if (out.max_interval.count() < 0) at->error("max_interval must not be negative");
  if (out.max_elapsed_time.count() < 0) at->error("max_elapsed_time must not be negative");
  if (out.max_elapsed_time.count() > 0 && out.max_elapsed_time < out.initial_interval)
    at->error("max_elapsed_time must not be less than initial_interval");
  if (out.max_elapsed_time.count() > 0 && out.max_elapsed_time < out.max_interval)
    at->error("max_elapsed_time must not be less than max_interval");
}

void read_queue(MapReader& map, QueueConfig& out) {
  const auto at = map.take("sending_queue");
  if (!at || at->is_null()) return;
  MapReader inner(*at);
  inner.read("enabled", out.enabled);
  inner.read("num_consumers", out.num_consumers);
  inner.read("queue_size", out.queue_size);
  inner.read_choice("sizer", out.sizer, {"requests", "items", "bytes"});
  inner.read("block_on_overflow", out.block_on_overflow);
  inner.read("wait_for_result", out.wait_for_result);
  inner.ignore("blocking", "the former name of block_on_overflow; use that");
  inner.read("storage", out.storage);
  if (const auto batch = inner.take("batch"); batch && !batch->is_null()) {
    MapReader keys(*batch);
    bool enabled = true;
    keys.read("enabled", enabled);
    keys.read_choice("sizer", out.batch_sizer, {"items", "bytes"});
    keys.read("min_size", out.batch_min_size);
    keys.read("max_size", out.batch_max_size);
    keys.ignore("flush_timeout", "nothing waits for more to come: what waits is sent together");
    keys.ignore_known(KnownKeys::parse("partition\n  metadata_keys\n"),
                      "the senders' metadata is not kept");
    keys.finish();
    out.merges = enabled;
    if (out.batch_max_size > 0 && out.batch_max_size < out.batch_min_size)
      batch->error("max_size must not be less than min_size");
  }
  inner.finish();
  if (!out.enabled) return;
  if (out.num_consumers == 0) at->error("num_consumers must be positive");
  if (out.queue_size == 0) at->error("queue_size must be positive");
}

void read_compression(MapReader& map, Compression& out) {
  std::string word(compression_name(out));
  map.read_choice("compression", word,
                  {"", "none", "gzip", "zstd", "snappy", "zlib", "deflate", "lz4"});
  if (word == "none" || word.empty()) out = Compression::kNone;
  for (const Compression c : {Compression::kGzip, Compression::kZstd, Compression::kSnappy,
                              Compression::kZlib, Compression::kDeflate, Compression::kLz4})
    if (word == compression_name(c)) out = c;
}

void read_permissions(MapReader& map, std::string_view key, uint32_t& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  std::string text;
  read_value(*at, text);
  if (text.empty()) return;
  uint32_t mode = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (fault != std::errc() || end != text.data() + text.size() || mode > 0777)
    return at->error("\"" + text + "\" is no mode; write octal digits such as \"0750\"");
  out = mode;
}

void read_headers(MapReader& map, std::string_view key, std::map<std::string, std::string>& out) {
  const auto at = map.take(key);
  if (!at || at->is_null()) return;
  if (!at->is_sequence()) return read_value(*at, out);
  for (const Cursor& item : at->items()) {
    std::string name, value;
    MapReader inner(item);
    inner.read("name", name);
    inner.read("value", value);
    inner.finish();
    if (name.empty()) {
      item.error("a header needs a name");
    } else {
      out[name] = value;
    }
  }
}

}  // namespace sightline::config
