#pragma once
// The gRPC service tempopb.StreamingQuerier: search, tags, values and metrics, with the parameters, limits and
// error texts of the HTTP API. Answers are messages of at most 1 MiB that a client merges; searches and metrics over
// time answer from the newest on while older spans are still read (progressive.h).
//   Errors    INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, INTERNAL.
//   Lifetime  what TempoApi refers to outlives the methods.
//   Source    tempopb.
#include "api/tempo/tempo_routes.h"
#include "net/grpc_stream_server.h"

namespace sightline::api::tempo {

net::GrpcStreamMethods streaming_querier_methods(const TempoApi& api);

}  // namespace sightline::api::tempo
