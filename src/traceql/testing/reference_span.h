#pragma once
// What an expression says of one span, by the language's rules.
//   Threads  none.
#include "traceql/syntax/ast.h"
#include "traceql/testing/plain_trace.h"
#include "traceql/testing/plain_value.h"

namespace sightline::traceql::testing {

// Of the span `at` of the trace.
Plain value_of(const PlainTrace& trace, size_t at, const Field& field);
Plain value_of(const PlainTrace& trace, size_t at, const Attribute& attribute);

}  // namespace sightline::traceql::testing
