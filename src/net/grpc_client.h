#pragma once
// Unary gRPC calls of bytes to one target, over one connection that is made on
// first use and again when it breaks.
//   Threads   call() from any number of threads; each blocks its caller.
//   Limits    every call has a deadline; replies above GrpcClientOptions::reply_bytes_max fail.
//   Errors    are codes: kUnavailable when the target cannot be reached.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/grpc_message.h"

namespace sightline::net {

struct GrpcClientOptions {
  std::string target;  // "host:port"; an "http://" or "https://" before it chooses TLS
  bool tls = false;
  std::string ca_pem;             // with tls: roots to trust; empty: the system's
  std::string cert_pem, key_pem;  // with tls: the client's own certificate
  std::string server_name;        // with tls: checked instead of the target's host, when not empty
  bool verify_peer = true;        // with tls; false: whatever certificate the server shows
  bool gzip = false;              // pack requests
  // Pings on a connection that hears nothing while calls are under way; also without calls when told so.
  struct Keepalive {
    std::chrono::milliseconds time, timeout;
    bool without_calls = false;
  };
  std::optional<Keepalive> keepalive;
  bool wait_for_ready =
      false;               // calls wait for a connection, until their deadline, and do not fail
  std::string balancer;    // "pick_first", "round_robin" over all addresses; empty: the first
  std::string authority;   // instead of the target's host; empty: that
  std::string user_agent;  // before gRPC's own
  std::vector<std::pair<std::string, std::string>>
      metadata;  // sent with every call; lower-case names
  size_t reply_bytes_max = 4u << 20;
};

// Bytes, and what keeps them alive.
struct OwnedBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
  static OwnedBytes of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    return {*owner, owner};
  }
};

class GrpcClient {
 public:
  static Result<std::unique_ptr<GrpcClient>> create(GrpcClientOptions options);
  ~GrpcClient();
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  // `method` is a path: "/package.Service/Method".
  GrpcReply call(const std::string& method, OwnedBytes payload, std::chrono::milliseconds deadline);
  GrpcReply call(const std::string& method, std::string payload,
                 std::chrono::milliseconds deadline) {
    return call(method, OwnedBytes::of(std::move(payload)), deadline);
  }
  // Cancels the calls in flight; later ones are refused as kUnavailable.
  void stop();

 private:
  struct State;
  explicit GrpcClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sightline::net
