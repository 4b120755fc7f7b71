#pragma once
// TraceQL text to a checked tree.
//   Errors   kInvalidArgument: "parse error at line 1, col 2: ..." for the grammar (1-based, columns in
//            characters), and a sentence naming the expression for types. Never crashes, whatever the text.
//   Limits   ParseLimits. Depth bounds every recursion over a tree.
//   Source   TraceQL. && and || have one precedence level, left-associative, in fields and between spansets.
#include <string_view>

#include "base/result.h"
#include "traceql/syntax/ast.h"

namespace sightline::traceql {

struct ParseLimits {
  uint32_t bytes_max = 128u << 10;
  uint32_t depth_max = 500;   // of nesting and of chains of operators
  uint32_t group_by_max = 5;  // labels of a metrics query, quantile's p and __bucket included
  uint32_t regex_program_max = 10'000;
};

Result<Query> parse(std::string_view query, const ParseLimits& limits = {});
// An attribute or intrinsic alone: ".a", "span.b", "status".
Result<Attribute> parse_attribute(std::string_view text);

// Every rule on types and on what may stand where that the grammar does not say. parse() calls it.
Status validate(const Query& query, const ParseLimits& limits);

}  // namespace sightline::traceql
