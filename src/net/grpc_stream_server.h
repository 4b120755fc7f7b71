#pragma once
// A gRPC server of unary and server-streaming methods without a port of its own: it takes over connections
// that an HTTP server accepted and found to begin with HTTP/2's preface (HttpServerOptions::http2).
//   Threads   take() from any thread; handlers run on the work pool.
//   Lifetime  the pool outlives the server. stop() lets calls that have begun finish until its deadline; the
//             destructor cancels what is left and waits for running handlers.
//   Limits    GrpcStreamServerOptions. A request over request_bytes_max and a full pool are RESOURCE_EXHAUSTED.
//   Errors    unknown method: UNIMPLEMENTED; a handler that throws: INTERNAL.
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/telemetry.h"
#include "base/work_pool.h"
#include "net/grpc_message.h"
#include "net/http.h"

namespace sightline::net {

// One call as its handler sees it.
class GrpcStreamCall {
 public:
  virtual ~GrpcStreamCall() = default;
  virtual std::string_view metadata(
      std::string_view name) const = 0;  // lower-case name; first, or empty
  // True once the client went away, its deadline passed, or the server stops.
  virtual std::shared_ptr<const Cancellation> cancellation() const = 0;
  // Sends one message and waits until it is on its way; false when nobody takes it any more.
  virtual bool send(std::string message) = 0;
};

// Sends any number of messages (a unary method: one), then says how the call ends; `payload` is not used.
using GrpcStreamHandler =
    std::function<GrpcReply(const SharedBytes& request, GrpcStreamCall& call)>;
using GrpcStreamMethods =
    std::map<std::string, GrpcStreamHandler, std::less<>>;  // by path: "/package.Service/Method"

struct GrpcStreamServerOptions {
  std::string name = "grpc-stream";  // the "listener" label of the server's own counters
  GrpcStreamMethods methods;
  size_t request_bytes_max = 4u << 20;
  size_t memory_bytes_max = 64u << 20;  // of all connections' buffers together
  size_t streams_per_connection_max = 100;
};

class GrpcStreamServer {
 public:
  static Result<std::unique_ptr<GrpcStreamServer>> start(GrpcStreamServerOptions options,
                                                         WorkPool& pool, Telemetry& telemetry);
  ~GrpcStreamServer();
  GrpcStreamServer(const GrpcStreamServer&) = delete;
  GrpcStreamServer& operator=(const GrpcStreamServer&) = delete;

  // Owns the connected, non-blocking `descriptor` from now on; `read` was read from it already.
  void take(int descriptor, std::string read);
  void stop(std::chrono::milliseconds deadline);  // once; not from a handler

 private:
  struct State;
  explicit GrpcStreamServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sightline::net
