#pragma once
// google.rpc.Status with google.rpc.RetryInfo, the form in which a gRPC status
// says when to come back (the grpc-status-details-bin trailer; OTLP
// "Failures", OTLP/gRPC Throttling).
//   Threads  pure functions.
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/grpc_message.h"

namespace sightline::net {

std::string write_status_details(GrpcCode code, std::string_view message,
                                 std::chrono::milliseconds retry_after);
// The first RetryInfo's delay; nullopt when there is none or the bytes are not a Status.
std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view details);

// What a query's error is as a status.
GrpcCode grpc_code_of(Errc code);

}  // namespace sightline::net
