#pragma once
// What a query's error is as an HTTP status; grpc_code_of() says the same for gRPC.
//   Not for   who sends us data, and is to know whether to send it again; nor for Prometheus' API, which has its own rules.
#include "base/result.h"

namespace sightline::net {

int http_status_of(Errc code);

}  // namespace sightline::net
