#pragma once
// What all connections of an HTTP server share: its options and routes, who is connected, the room for bodies, its counters.
// Inside net/ only: servers are made with http_server.h.
//   Threads   any.
//   Lifetime  each connection keeps it alive until it closed.
#include <array>
#include <atomic>
#include <boost/beast/http/fields.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/telemetry.h"
#include "base/work_pool.h"
#include "net/http.h"
#include "net/http_server.h"

namespace boost::asio::ssl {
class context;
}

namespace sightline::net {

using HttpFields = boost::beast::http::fields;

class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  virtual void close_if_idle() = 0;  // any thread; does nothing once a request has begun
  virtual void abort() = 0;          // any thread; cancels the handler and closes
};

// kRefused: full or stopping, and to be told so; kDropped: too many even for that.
enum class Admission { kAdmitted, kRefused, kDropped };

class HttpServing {
 public:
  HttpServing(HttpServerOptions options, const HttpRouter& router, WorkPool& pool,
              Telemetry& telemetry);
  ~HttpServing();

  const HttpServerOptions options;
  WorkPool& pool;

  const HttpRouter& router() const { return *router_.load(std::memory_order_acquire); }
  void set_router(const HttpRouter& router) { router_.store(&router, std::memory_order_release); }

  bool stopping() const { return stopping_.load(std::memory_order_acquire); }
  // Counts a connection in; leave() must follow unless it is dropped.
  Admission enter(HttpConnection* connection, std::weak_ptr<HttpConnection> self);
  void leave(HttpConnection* connection);
  // A task that touches an event loop when it ends: on the pool, or the acceptor.
  void begin_task();
  void end_task();
  // Room for body bytes being read; false: over the server's limit.
  bool hold_body(size_t bytes);
  void release_body(size_t bytes);
  void count_answer(int status);
  boost::asio::ssl::context* tls() const;  // null: none
  bool lets_in(const HttpFields& fields) const;

  void stop_entering() { stopping_.store(true, std::memory_order_release); }
  std::vector<std::shared_ptr<HttpConnection>> connections() const;
  // True once no connection and no task is left.
  bool wait_empty(std::chrono::milliseconds deadline);
  void wait_empty();

 private:
  std::atomic<const HttpRouter*>
      router_;  // each lives as long as the server: a request keeps what it found
  Telemetry& telemetry_;
  Counter& refused_;
  Gauge& open_;
  std::array<std::atomic<Counter*>, 600> answers_{};  // by status, filled on first use
  std::atomic<bool> stopping_{false};
  std::atomic<size_t> body_bytes_{0};
  std::unique_ptr<boost::asio::ssl::context> tls_;
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_map<HttpConnection*, std::weak_ptr<HttpConnection>>
      connections_;   // guarded by mutex_
  size_t tasks_ = 0;  // guarded by mutex_
};

}  // namespace sightline::net
