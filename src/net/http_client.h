#pragma once
// HTTP/1.1 requests over libcurl: TLS, a proxy of the options or from the environment
// (that never for loopback), connections kept between requests.
//   Threads   send() from any number of threads; each blocks its caller and
//             borrows one of the kept connections.
//   Limits    every request has a timeout and a limit for the unpacked answer.
//   Errors    kUnavailable: the peer cannot be reached or broke off;
//             kDeadlineExceeded; kCancelled; kResourceExhausted: the answer is
//             larger than allowed; kInvalidArgument: not a usable URL. Any
//             status the peer sends, 500 too, is an answer and not an error.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/compression.h"
#include "net/http.h"

namespace sightline::net {

struct HttpClientOptions {
  std::string ca_file;    // empty: the system's roots
  std::string cert_file;  // with key_file: the client's own certificate
  std::string key_file;
  std::string ca_pem, cert_pem, key_pem;  // the texts themselves; they win over the files
  std::string tls_version_min = "1.2";    // "1.0" to "1.3"; empty: "1.2"
  std::string tls_version_max;            // empty: no bound
  std::string server_name;                // checked instead of the URL's host, when not empty
  bool verify_peer = true;                // false: insecure_skip_verify
  bool follow_redirects = true;           // at most 10
  bool keep_connections = true;
  std::chrono::seconds idle_connection_max{118};  // those idle for longer are not used again
  std::string proxy_url;                // for every URL, loopback too; empty: the environment's
  std::string cipher_list, curve_list;  // see tls.h; empty: OpenSSL's own choice
  size_t kept_max = 16;                 // handles kept between requests
  std::string user_agent = "sightline";
};

struct HttpClientRequest {
  std::string method = "GET";
  std::string url;
  Headers headers;
  std::string body;
  Compression compression = Compression::kIdentity;  // packs the body and says so
  std::optional<int> compression_level;              // the library's; none: a quick one
  std::chrono::milliseconds timeout{10'000};         // of the whole exchange
  std::chrono::milliseconds connect_timeout{5'000};
  size_t response_bytes_max = 64u << 20;
  std::shared_ptr<const Cancellation> cancellation;  // may be null; looked at every 50 ms
};

struct HttpClientResponse {
  int status = 0;
  Headers headers;
  std::string body;           // unpacked
  size_t received_bytes = 0;  // of the body, as it came
};

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpClientResponse> send(const HttpClientRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Seconds of a Retry-After header, when it has that form.
std::optional<std::chrono::seconds> retry_after_of(const HttpClientResponse& response);

}  // namespace sightline::net
