#pragma once
// A gRPC server of unary methods that take and give bytes.
//   Threads   handlers run on the server's own `handler_threads`, so that one
//             that waits for the disk keeps no other connection waiting.
//   Lifetime  stop() lets calls that have begun finish until its deadline; the
//             destructor cancels what is left and waits for running handlers.
//   Limits    GrpcServerOptions. A message over message_bytes_max, packed or
//             unpacked, and a full handler queue are RESOURCE_EXHAUSTED. unread_calls.h says who is disconnected.
//   Errors    unknown method: UNIMPLEMENTED; a handler that throws: INTERNAL.
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/telemetry.h"
#include "net/authenticator.h"
#include "net/grpc_message.h"
#include "net/tls.h"

namespace sightline::net {

struct GrpcServerOptions {
  std::string address = "127.0.0.1:0";  // see listen_socket.h
  std::string name = "grpc";            // the "listener" label of the server's own counters
  std::map<std::string, GrpcHandler, std::less<>> methods;  // by path: "/package.Service/Method"
  size_t message_bytes_max = 4u << 20;   // the default of the Collector's OTLP receiver
  size_t memory_bytes_max = 256u << 20;  // of all connections' buffers together
  size_t streams_per_connection_max = 256;
  size_t handler_threads = 4;
  size_t handler_queue_max = 1024;                     // calls read and waiting for a thread
  std::chrono::milliseconds retry_after{1000};         // told when the queue is full
  std::optional<TlsServerOptions> tls;                 // none: plaintext
  std::shared_ptr<const Authenticator> authenticator;  // null: everybody
  // gRPC's keepalive (configgrpc, "keepalive"); 0: gRPC's own default.
  std::chrono::milliseconds max_connection_idle{0}, max_connection_age{0},
      max_connection_age_grace{0};
  std::chrono::milliseconds keepalive_time{0}, keepalive_timeout{0};
  std::chrono::milliseconds ping_interval_min{
      0};  // clients that ping more often are told to go away
  bool ping_without_stream = false;
};

class GrpcServer {
 public:
  // Serves at once.
  static Result<std::unique_ptr<GrpcServer>> listen(GrpcServerOptions options,
                                                    Telemetry& telemetry);
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  std::string local_address() const;  // "127.0.0.1:4317"
  uint16_t port() const;
  void stop(std::chrono::milliseconds deadline);  // once; not from a handler

 private:
  struct State;
  explicit GrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sightline::net
