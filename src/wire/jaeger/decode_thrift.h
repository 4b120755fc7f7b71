#pragma once
// A jaeger.thrift Batch in Thrift's binary protocol, as clients post it to /api/traces.
//   Errors     kInvalidArgument with the byte offset: the bytes end early, a length does not fit them, fields nest
//              deeper than kThriftDepthMax.
//   Limits     JaegerLimits; nothing is allocated for an element before its bytes are there.
//   Threads    pure function.
//   Source     Thrift binary protocol; jaeger-idl, thrift/jaeger.thrift.
#include "wire/jaeger/span_builder.h"

namespace sightline::wire::jaeger {

inline constexpr int kThriftDepthMax = 16;

Result<DecodedJaeger> decode_thrift_batch(std::shared_ptr<const std::string> request,
                                          const JaegerLimits& limits = {});

}  // namespace sightline::wire::jaeger
