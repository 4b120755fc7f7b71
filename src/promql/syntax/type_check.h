#pragma once
// Checks that every operand and argument has the type its place wants, and
// settles what depends on types (vector matching between two vectors only).
#include <optional>

#include "promql/syntax/ast.h"
#include "promql/syntax/parse_state.h"

namespace sightline::promql {

// The first fault in the peer's order: children before their parent.
std::optional<ParseFault> check_types(Expr& expr);

}  // namespace sightline::promql
