#pragma once
// What an HTTP handler sees: a request decoded as far as HTTP goes, and a
// response to fill in. Knows no sockets, so handlers are tested without any.
//   Ownership  values; a handler may keep nothing but what it copies.
//   Threads    a handler may be called from many threads at once.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/work_pool.h"

namespace sightline::net {

// Header names compare without case; kept in arrival order, repeats allowed.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string_view name, std::string value);  // replaces all of that name
  std::string_view get(std::string_view name) const;   // first, or empty
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Query-string and form parameters, percent-decoded, in order; repeats allowed.
class Params {
 public:
  // Appends what `encoded` (a=1&b=x%20y) holds. Malformed escapes are an error naming the offset.
  Status parse(std::string_view encoded);
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  std::string_view get(std::string_view name) const;  // first, or empty
  bool has(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// True once the client went away or the server stops; long work polls it.
class Cancellation {
 public:
  virtual ~Cancellation() = default;
  virtual bool cancelled() const = 0;
};

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // "/api/v1/query": before '?', still percent-encoded
  std::string query;   // after '?', raw
  Params params;       // of an application/x-www-form-urlencoded body, then of the query
  std::vector<std::string> captures;  // decoded "{name}" path parts, in pattern order
  Headers headers;
  std::string body;    // decompressed (Content-Encoding gzip, deflate, zstd) unless the route asked
                       // for raw bodies
  std::string remote;  // "127.0.0.1:53412"
  std::shared_ptr<const Cancellation> cancellation;  // may be null
  std::chrono::nanoseconds queued{0};  // waited for a thread of the pool before the handler ran
};

// A body that is made while it is sent, so that it never lies in memory whole.
//   Threads  next() by one thread at a time, on the pool the handler ran on.
class BodySource {
 public:
  // kMore: call again. kLater: nothing for the moment, call again after a while. kBroken: the
  // rest cannot be made; the connection is cut, so that nobody takes the answer for whole.
  enum class Next { kMore, kLater, kEnd, kBroken };
  virtual ~BodySource() = default;
  // Appends the next piece, some hundred KiB.
  virtual Next next(std::string& out) = 0;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;  // the server compresses it when the client asked and it is worth it
  std::shared_ptr<BodySource> rest;  // what follows `body`; null: nothing
  // Makes what is left and returns the whole body: for callers inside the process.
  std::string take_whole_body();

  static HttpResponse text(int status, std::string body);  // text/plain; charset=utf-8
  static HttpResponse json(std::string body, int status = 200);
};

using HttpHandler = std::function<HttpResponse(HttpRequest&)>;

// Where a handler runs: on the socket's thread (short, never blocks) or on
// the work pool (everything that reads a store or waits).
enum class RunOn { kSocketThread, kWorkPool };

struct RouteOptions {
  RunOn run_on = RunOn::kWorkPool;
  WorkPool* pool = nullptr;           // of kWorkPool; null: the server's. Outlives the server.
  size_t body_bytes_max = 32u << 20;  // after decompression; over it: 413
  bool raw_body = false;              // leave Content-Encoding to the handler
  // The values of Content-Encoding that are taken, "" being none; null: all we can unpack. Outlives the router.
  const std::vector<std::string>* content_encodings = nullptr;
  // How long a request, not yet unpacked, may wait for a thread of the pool. Then its handler runs on the socket's
  // thread: it sees by HttpRequest::queued that it is to answer at once. Null: it waits until there is a thread.
  std::function<std::chrono::nanoseconds(const HttpRequest&)> patience = nullptr;
};

// Maps method and path pattern to a handler. Patterns are literal segments,
// "{name}" for one segment, or a trailing "{name...}" for the rest.
// A known path with another method answers 405 with Allow, an unknown path 404.
// Literal segments win over captures. Filled at start, then only read.
class HttpRouter {
 public:
  // `methods`: "GET", "GET,POST". HEAD is not implied.
  void add(std::string_view methods, std::string_view pattern, HttpHandler handler,
           RouteOptions options = {});
  // What answers paths that no route knows; default: 404 "404 page not found\n".
  void set_fallback(HttpHandler handler) { fallback_ = std::move(handler); }

  struct Match {
    const HttpHandler* handler = nullptr;  // null: `status` says why
    RouteOptions options;
    std::vector<std::string> captures;
    int status = 404;
    std::string allow;
  };
  Match match(std::string_view method, std::string_view path) const;
  // Routes and runs `request` right here: in-process callers and tests.
  HttpResponse dispatch(HttpRequest& request) const;

 private:
  struct Route {
    std::vector<std::string> methods;
    std::vector<std::string> segments;
    HttpHandler handler;
    RouteOptions options;
  };
  std::vector<Route> routes_;
  HttpHandler fallback_;
};

std::string percent_decode(std::string_view text);  // invalid escapes stay as typed
std::string percent_encode(std::string_view text);  // everything but RFC 3986 unreserved

}  // namespace sightline::net
