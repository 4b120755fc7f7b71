#pragma once
// Jaeger's structured filter (jaeger.expression.v1.Call) as the TraceQL condition that means the same.
//   Meaning  a comparison of something a span lacks is false, and only `not` turns that round; a regular expression
//            matches anywhere in a value; each condition on events or links asks for any of them, `some` for one that
//            meets all of its own.
//   Limits   kFilterDepthMax levels; the engine's on the length of a query.
//   Errors   kInvalidArgument, for what makes no sense and, saying so, for what the store cannot be asked: start and end
//            times, trace states, schema URLs, `not` within `some`.
//   Threads  a pure function.
//   Source   jaeger-idl, expression/v1; Jaeger RFC 0005.
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::api::jaeger {

inline constexpr int kFilterDepthMax = 64;

// What goes between the braces of a spanset filter.
Result<std::string> filter_condition(std::string_view call);

}  // namespace sightline::api::jaeger
