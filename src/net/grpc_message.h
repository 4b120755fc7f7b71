#pragma once
// What a unary gRPC method sees: the request's bytes, gathered once, and a
// reply of bytes or a status. Knows no grpc++ types, so handlers are tested
// without a server.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sightline::net {

// Numbers of google.rpc.Code.
enum class GrpcCode {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

struct GrpcReply {
  GrpcCode code = GrpcCode::kOk;
  std::string message;                                   // of the status, when not kOk
  std::optional<std::chrono::milliseconds> retry_after;  // sent as google.rpc.RetryInfo
  std::string payload;                                   // encoded response message, when kOk
};

// The request's bytes, contiguous, shared so that a batch of views can keep them alive.
using SharedBytes = std::shared_ptr<const std::string>;

// Who calls, as a unary handler sees it. Lives as long as the handler runs.
class GrpcCaller {
 public:
  virtual ~GrpcCaller() = default;
  virtual std::string_view remote() const = 0;  // "127.0.0.1:53412"
  virtual std::string_view metadata(
      std::string_view name) const = 0;  // lower-case name; first, or empty
};

// Called on one of the server's handler threads; may block for as long as a disk write takes.
using GrpcHandler = std::function<GrpcReply(SharedBytes request, const GrpcCaller& caller)>;

}  // namespace sightline::net
