#pragma once
// What the OTLP services answer: Export*ServiceResponse and google.rpc.Status, in protobuf and JSON.
//   Source  OTLP 1.x, "Partial Success" and "Failures"; google/rpc/status.proto, error_details.proto.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::wire::otlp {

enum class Signal : uint8_t { kTraces, kMetrics, kLogs };
enum class Encoding : uint8_t { kProtobuf, kJson };

// `rejected` counts spans, data points or log records. Nothing rejected and no message: full
// success, which is zero bytes in protobuf and {"partialSuccess":{}} in JSON. A message
// without rejections is a warning to the sender.
struct PartialSuccess {
  uint64_t rejected = 0;
  std::string message;
};
std::string encode_export_response(Signal signal, Encoding encoding, const PartialSuccess& partial);

// gRPC's codes that OTLP uses.
enum class RpcCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16
};
RpcCode rpc_code_of(Errc code);

// google.rpc.Status, with RetryInfo when the sender should wait that long.
struct RpcStatus {
  RpcCode code = RpcCode::kUnknown;
  std::string message;
  std::optional<std::chrono::nanoseconds> retry_delay;
};
std::string encode_rpc_status(Encoding encoding, const RpcStatus& status);

}  // namespace sightline::wire::otlp
