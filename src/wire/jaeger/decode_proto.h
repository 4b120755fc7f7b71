#pragma once
// A jaeger.api_v2.PostSpansRequest, as agents and collectors send it by gRPC.
//   Errors     kInvalidArgument: the bytes are no such message.
//   Limits     JaegerLimits.
//   Threads    pure function.
//   Source     jaeger-idl, proto/api_v2/collector.proto, model.proto.
#include "wire/jaeger/span_builder.h"

namespace sightline::wire::jaeger {

Result<DecodedJaeger> decode_post_spans(std::shared_ptr<const std::string> request,
                                        const JaegerLimits& limits = {});

}  // namespace sightline::wire::jaeger
