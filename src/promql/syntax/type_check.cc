#include "promql/syntax/type_check.h"

#include <algorithm>

#include "model/labels.h"
#include "promql/syntax/function_table.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

using Fault = std::optional<ParseFault>;

Fault expect(const Expr& expr, ValueType wanted, const std::string& context) {
  const ValueType got = type_of(expr);
  if (got == wanted) return {};
  return ParseFault{expr.position.start,
                    "expected type " + std::string(documented_type_name(wanted)) + " in " +
                        context + ", got " + std::string(documented_type_name(got))};
}

Fault check_aggregate(const AggregateExpr& e) {
  if (auto f = expect(*e.expr, ValueType::kVector, "aggregation expression")) return f;
  if (!e.param) return {};
  return expect(*e.param,
                e.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar,
                "aggregation parameter");
}

Fault check_operand(const Expr& expr) {
  const ValueType type = type_of(expr);
  if (type == ValueType::kScalar || type == ValueType::kVector) return {};
  return ParseFault{expr.position.start,
                    "binary expression must contain only scalar and instant vector types"};
}

Fault check_matching(const BinaryExpr& e) {
  const VectorMatching& m = *e.matching;
  if (m.on)
    for (const std::string& label : m.labels)
      if (std::ranges::find(m.include, label) != m.include.end())
        return ParseFault{e.op_start, "label " + go_quote(label) +
                                          " must not occur in ON and GROUP clause at once"};
  if (!is_set_operator(e.op)) return {};
  if (m.cardinality != MatchCardinality::kManyToMany)
    return ParseFault{e.position.start,
                      "no grouping allowed for " + go_quote(binary_op_text(e.op)) + " operation"};
  if (m.fill_left || m.fill_right)
    return ParseFault{e.position.start, "filling in missing series not allowed for set operators"};
  return {};
}

Fault check_binary(BinaryExpr& e) {
  const ValueType left = type_of(*e.lhs);
  const ValueType right = type_of(*e.rhs);
  if (e.return_bool && !is_comparison(e.op))
    return ParseFault{e.op_start, "bool modifier can only be used on comparison operators"};
  if (is_comparison(e.op) && !e.return_bool && left == ValueType::kScalar &&
      right == ValueType::kScalar)
    return ParseFault{e.op_start, "comparisons between scalars must use BOOL modifier"};
  if (auto f = check_matching(e)) return f;
  if (auto f = check_operand(*e.lhs)) return f;
  if (auto f = check_operand(*e.rhs)) return f;
  if (left == ValueType::kVector && right == ValueType::kVector) return {};
  const VectorMatching& m = *e.matching;
  if (!m.labels.empty())
    return ParseFault{e.position.start, "vector matching only allowed between instant vectors"};
  if (m.fill_left || m.fill_right)
    return ParseFault{e.position.start,
                      "filling in missing series only allowed between instant vectors"};
  if (is_set_operator(e.op))
    return ParseFault{e.position.start, "set operator " + go_quote(binary_op_text(e.op)) +
                                            " not allowed in binary scalar expression"};
  e.matching.reset();
  return {};
}

// info()'s second argument is a selector of labels, not of one metric.
Fault check_call(const Call& e) {
  const Function& f = *e.function;
  const std::string context = "call to function " + go_quote(f.name);
  const size_t types = f.arg_type_count();
  const size_t got = e.args.size();
  const auto count_fault = [&](std::string_view how, size_t wanted) {
    return ParseFault{e.position.start, "expected " + std::string(how) + std::to_string(wanted) +
                                            " argument(s) in call to " + go_quote(f.name) +
                                            ", got " + std::to_string(got)};
  };
  if (f.variadic == 0) {
    if (got != types) return count_fault("", types);
  } else {
    if (got < types - 1) return count_fault("at least ", types - 1);
    const size_t most = types - 1 + static_cast<size_t>(std::max(f.variadic, 0));
    if (f.variadic > 0 && got > most) return count_fault("at most ", most);
  }
  if (f.id == FunctionId::kInfo && got > 1 && e.args[1]->kind != ExprKind::kVectorSelector)
    return ParseFault{e.args[1]->position.start, "expected label selectors only"};
  for (size_t i = 0; i < got; ++i)
    if (auto fault = expect(*e.args[i], f.arg_types[std::min(i, types - 1)], context)) return fault;
  return {};
}

}  // namespace

std::optional<ParseFault> check_types(Expr& expr) {
  for (Expr* child : children_of(expr))
    if (auto fault = check_types(*child)) return fault;
  switch (expr.kind) {
    case ExprKind::kAggregate: return check_aggregate(as<AggregateExpr>(expr));
    case ExprKind::kBinary: return check_binary(as<BinaryExpr>(expr));
    case ExprKind::kCall: return check_call(as<Call>(expr));
    case ExprKind::kUnary: {
      const ValueType type = type_of(*as<UnaryExpr>(expr).expr);
      if (type == ValueType::kScalar || type == ValueType::kVector) return {};
      return ParseFault{
          expr.position.start,
          "unary expression only allowed on expressions of type scalar or instant vector, got " +
              go_quote(documented_type_name(type))};
    }
    case ExprKind::kSubquery: {
      const ValueType type = type_of(*as<SubqueryExpr>(expr).expr);
      if (type == ValueType::kVector) return {};
      return ParseFault{expr.position.start, "subquery is only allowed on instant vector, got " +
                                                 std::string(type_name(type)) + " instead"};
    }
    default: return {};
  }
}

}  // namespace sightline::promql
