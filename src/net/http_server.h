#pragma once
// An HTTP/1.1 server on one address: reads requests within limits, routes them,
// runs handlers on the socket thread or the work pool, and writes the answers.
//   Threads   connections live on IoThreads; handlers run where their route says.
//   Lifetime  the router, pool and telemetry outlive the server. stop() drains;
//             the destructor stops without waiting for slow clients, but always
//             waits for handlers that run (they see their Cancellation).
//   Limits    HttpServerOptions. Over one: 408, 413, 431, 503 with Retry-After,
//             or the connection is closed.
//   Errors    a handler that throws is a 500 and a line in the log.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/telemetry.h"
#include "base/work_pool.h"
#include "net/authenticator.h"
#include "net/http.h"
#include "net/io_threads.h"
#include "net/tls.h"

namespace sightline::net {

inline constexpr size_t kHttpConnectionsMax = 16'384;

struct HttpServerOptions {
  std::string address = "127.0.0.1:0";  // see listen_socket.h
  std::string name = "http";            // the "listener" label of the server's own counters
  // Beyond: 503 and close. Fewer where the process may not open as many: see descriptor_limit.h.
  size_t connections_max = kHttpConnectionsMax;
  size_t header_bytes_max = 64u << 10;               // request line and headers; beyond: 431
  size_t body_bytes_buffered_max = 256u << 20;       // of all requests being read; beyond: 503
  size_t compress_bytes_min = 1024;                  // smaller answers are sent as they are
  bool keep_alive = true;                            // false: one request a connection
  std::chrono::milliseconds idle_timeout{120'000};   // between requests
  std::chrono::milliseconds header_timeout{10'000};  // first byte to end of headers; beyond: 408
  std::chrono::milliseconds body_timeout{120'000};   // end of headers to end of body; beyond: 408
  std::chrono::milliseconds write_timeout{60'000};   // for each MiB of an answer
  std::chrono::seconds retry_after{1};               // told with a 503
  // Takes over plaintext connections that begin with HTTP/2's preface (RFC 9113 section 3.4): the non-blocking
  // descriptor, and what was read of it. Empty: they are refused as malformed HTTP/1.1. Called on a
  // socket thread; outlives the server.
  std::function<void(int descriptor, std::string read)> http2;
  std::shared_ptr<const TlsServerContext> tls;         // null: plaintext
  std::shared_ptr<const Authenticator> authenticator;  // null: everybody
};

class HttpServer {
 public:
  // Listens at once; null `threads`: the server makes one of its own.
  static Result<std::unique_ptr<HttpServer>> listen(HttpServerOptions options,
                                                    const HttpRouter& router, WorkPool& pool,
                                                    Telemetry& telemetry,
                                                    std::shared_ptr<IoThreads> threads = nullptr);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Requests from now on go by `router`; those begun go on by the earlier one. Both outlive the server.
  void set_router(const HttpRouter& router);
  std::string local_address() const;  // "127.0.0.1:3000"
  uint16_t port() const;
  // Takes no more connections, lets requests that have begun finish, and after
  // `deadline` cancels and closes what is left. Once; not from a handler.
  void stop(std::chrono::milliseconds deadline);

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sightline::net
