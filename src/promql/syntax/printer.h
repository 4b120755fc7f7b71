#pragma once
// A syntax tree back to PromQL text: on one line, laid out for people, and as JSON.
//   Round trip  parse(to_text(*e)) is the same tree as e, positions apart.
//   Source      as the peer's printer, formatter and parse_query print them; spec: Expression helpers.
#include <string>

#include "promql/syntax/ast.h"

namespace sightline::promql {

// Canonical text: matchers sorted, modifiers in the order @, anchored or smoothed, offset
// (after a range: anchored or smoothed, @, offset).
std::string to_text(const Expr& expr);

// What does not fit into 100 columns is broken: operands and arguments on lines of
// their own, two spaces deeper, operators in front.
std::string format_expression(const Expr& expr);

// The tree as an object per node, keys sorted, absent parts null.
std::string to_json(const Expr& expr);

}  // namespace sightline::promql
