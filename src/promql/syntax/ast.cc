#include "promql/syntax/ast.h"

#include "promql/syntax/function_table.h"

namespace sightline::promql {

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::kNone: return "none";
    case ValueType::kScalar: return "scalar";
    case ValueType::kString: return "string";
    case ValueType::kVector: return "vector";
    case ValueType::kMatrix: return "matrix";
  }
  return "none";
}

std::string_view documented_type_name(ValueType type) {
  switch (type) {
    case ValueType::kVector: return "instant vector";
    case ValueType::kMatrix: return "range vector";
    default: return type_name(type);
  }
}

std::string_view aggregate_name(AggregateOp op) {
  static constexpr std::string_view kNames[] = {
      "sum",    "avg",  "count",   "min",          "max",      "group",  "stddev",
      "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"};
  return kNames[static_cast<size_t>(op)];
}

std::string_view duration_op_text(DurationOp op) {
  static constexpr std::string_view kTexts[] = {"+", "-",    "*",     "/",      "%",
                                                "^", "step", "range", "min_of", "max_of"};
  return kTexts[static_cast<size_t>(op)];
}

std::string_view binary_op_text(BinaryOp op) {
  static constexpr std::string_view kTexts[] = {"+",     "-",  "*",  "/",   "%",  "^",
                                                "atan2", "==", "!=", "<",   "<=", ">",
                                                ">=",    "</", ">/", "and", "or", "unless"};
  return kTexts[static_cast<size_t>(op)];
}

ValueType type_of(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kNumber:
    case ExprKind::kDuration: return ValueType::kScalar;
    case ExprKind::kString: return ValueType::kString;
    case ExprKind::kVectorSelector:
    case ExprKind::kAggregate: return ValueType::kVector;
    case ExprKind::kMatrixSelector:
    case ExprKind::kSubquery: return ValueType::kMatrix;
    case ExprKind::kUnary: return type_of(*as<UnaryExpr>(expr).expr);
    case ExprKind::kParen: return type_of(*as<ParenExpr>(expr).expr);
    case ExprKind::kCall: return as<Call>(expr).function->returns;
    case ExprKind::kBinary: {
      const auto& binary = as<BinaryExpr>(expr);
      const bool scalar =
          type_of(*binary.lhs) == ValueType::kScalar && type_of(*binary.rhs) == ValueType::kScalar;
      return scalar ? ValueType::kScalar : ValueType::kVector;
    }
  }
  return ValueType::kNone;
}

const Expr& unwrap_parens(const Expr& expr) {
  const Expr* inner = &expr;
  while (inner->kind == ExprKind::kParen) inner = as<ParenExpr>(*inner).expr.get();
  return *inner;
}

std::vector<Expr*> children_of(Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kSubquery: return {as<SubqueryExpr>(expr).expr.get()};
    case ExprKind::kMatrixSelector: return {as<MatrixSelector>(expr).selector.get()};
    case ExprKind::kUnary: return {as<UnaryExpr>(expr).expr.get()};
    case ExprKind::kParen: return {as<ParenExpr>(expr).expr.get()};
    case ExprKind::kBinary: return {as<BinaryExpr>(expr).lhs.get(), as<BinaryExpr>(expr).rhs.get()};
    case ExprKind::kAggregate: {
      auto& aggregate = as<AggregateExpr>(expr);
      if (aggregate.param) return {aggregate.param.get(), aggregate.expr.get()};
      return {aggregate.expr.get()};
    }
    case ExprKind::kCall: {
      std::vector<Expr*> out;
      for (const ExprPtr& arg : as<Call>(expr).args) out.push_back(arg.get());
      return out;
    }
    default: return {};
  }
}

std::vector<const Expr*> children_of(const Expr& expr) {
  const auto found = children_of(const_cast<Expr&>(expr));
  return {found.begin(), found.end()};
}

}  // namespace sightline::promql
