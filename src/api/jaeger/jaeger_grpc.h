#pragma once
// The gRPC service jaeger.api_v3.QueryService: GetTrace, FindTraces and FindTraceSummaries as streams, GetServices,
// GetOperations and GetDependencies. Spans travel as OTLP.
//   Errors    NOT_FOUND, INVALID_ARGUMENT (also for the experimental structured filter, which is not understood), ...
//   Lifetime  what JaegerApi refers to outlives the methods.
//   Source    jaeger-idl, api_v3/query_service.proto.
#include "api/jaeger/jaeger_queries.h"
#include "net/grpc_stream_server.h"

namespace sightline::api::jaeger {

net::GrpcStreamMethods jaeger_grpc_methods(const JaegerApi& api);

}  // namespace sightline::api::jaeger
