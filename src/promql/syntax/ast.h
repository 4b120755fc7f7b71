#pragma once
// The typed syntax tree of a PromQL expression.
//   Ownership   a node owns its children.
//   Invariants  after parse(): types fit (see type_check.h), every selector has
//               a matcher that rejects "", height <= ParseLimits::height_max.
//   Positions   byte offsets into the query text, end exclusive.
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tsdb/matcher.h"

namespace sightline::promql {

struct Function;  // function_table.h

enum class ValueType : uint8_t { kNone, kScalar, kString, kVector, kMatrix };
std::string_view type_name(ValueType type);             // "vector", as JSON says it
std::string_view documented_type_name(ValueType type);  // "instant vector", as errors say it

struct PositionRange {
  uint32_t start = 0;
  uint32_t end = 0;
};

enum class ExprKind : uint8_t {
  kNumber,
  kString,
  kVectorSelector,
  kMatrixSelector,
  kSubquery,
  kAggregate,
  kBinary,
  kUnary,
  kParen,
  kCall,
  kDuration
};

struct Expr {
  explicit Expr(ExprKind k) : kind(k) {}
  virtual ~Expr() = default;
  ExprKind kind;
  PositionRange position;
  uint32_t height = 1;  // of the tree below and including this node
};
using ExprPtr = std::unique_ptr<Expr>;

struct NumberLiteral final : Expr {
  NumberLiteral() : Expr(ExprKind::kNumber) {}
  double value = 0;
  bool is_duration = false;  // written as 5m
};

struct StringLiteral final : Expr {
  StringLiteral() : Expr(ExprKind::kString) {}
  std::string value;
};

// Arithmetic where a duration stands; seconds.
enum class DurationOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kStep,
  kRange,
  kMinOf,
  kMaxOf
};
std::string_view duration_op_text(DurationOp op);
struct DurationExpr final : Expr {
  DurationExpr() : Expr(ExprKind::kDuration) {}
  DurationOp op = DurationOp::kAdd;
  ExprPtr lhs;           // null: unary +/-, step(), range()
  ExprPtr rhs;           // null: step(), range()
  bool wrapped = false;  // in parentheses
};

// The @ modifier.
enum class AtBound : uint8_t { kNone, kStart, kEnd };
struct AtModifier {
  std::optional<int64_t> timestamp_ms;
  AtBound bound = AtBound::kNone;  // @ start() or @ end()
  bool is_set() const { return timestamp_ms.has_value() || bound != AtBound::kNone; }
};

// A duration as written: a fixed number of milliseconds, or an expression that
// resolve_durations() turns into one once start, end and step are known.
struct DurationValue {
  int64_t ms = 0;
  ExprPtr expr;  // null: fixed
};

struct VectorSelector final : Expr {
  VectorSelector() : Expr(ExprKind::kVectorSelector) {}
  std::string name;                     // written before the braces; else empty
  std::vector<tsdb::Matcher> matchers;  // as written; the one for `name` last
  DurationValue offset;
  AtModifier at;
  bool anchored = false;
  bool smoothed = false;
  bool histogram_stats =
      false;  // only counts and sums of histograms are asked for; set by resolve_times()
};

struct MatrixSelector final : Expr {
  MatrixSelector() : Expr(ExprKind::kMatrixSelector) {}
  std::unique_ptr<VectorSelector> selector;
  DurationValue range;
};

struct SubqueryExpr final : Expr {
  SubqueryExpr() : Expr(ExprKind::kSubquery) {}
  ExprPtr expr;
  DurationValue range;
  DurationValue step;  // ms 0 and no expr: the engine's default
  DurationValue offset;
  AtModifier at;
};

enum class AggregateOp : uint8_t {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio
};
std::string_view aggregate_name(AggregateOp op);
constexpr bool has_param(AggregateOp op) { return op >= AggregateOp::kTopk; }

struct AggregateExpr final : Expr {
  AggregateExpr() : Expr(ExprKind::kAggregate) {}
  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // null unless has_param(op)
  std::vector<std::string> grouping;
  bool without = false;
};

enum class BinaryOp : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,
  kTrimLower,
  kAnd,
  kOr,
  kUnless
};
std::string_view binary_op_text(BinaryOp op);
constexpr bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual;
}
constexpr bool is_set_operator(BinaryOp op) { return op >= BinaryOp::kAnd; }

enum class MatchCardinality : uint8_t { kOneToOne, kManyToOne, kOneToMany, kManyToMany };
struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::kOneToOne;
  std::vector<std::string> labels;
  bool on = false;                   // else: ignoring `labels`
  std::vector<std::string> include;  // of group_left, group_right
  std::optional<double> fill_left;
  std::optional<double> fill_right;
};

struct BinaryExpr final : Expr {
  BinaryExpr() : Expr(ExprKind::kBinary) {}
  BinaryOp op = BinaryOp::kAdd;
  uint32_t op_start = 0;  // where the operator stands
  ExprPtr lhs;
  ExprPtr rhs;
  std::optional<VectorMatching> matching;  // set when both sides are vectors
  bool return_bool = false;
};

struct UnaryExpr final : Expr {
  UnaryExpr() : Expr(ExprKind::kUnary) {}
  bool negative = false;
  ExprPtr expr;
};

struct ParenExpr final : Expr {
  ParenExpr() : Expr(ExprKind::kParen) {}
  ExprPtr expr;
};

struct Call final : Expr {
  Call() : Expr(ExprKind::kCall) {}
  const Function* function = nullptr;  // static table
  std::vector<ExprPtr> args;
};

// Downcast after looking at `kind`.
template <typename T>
T& as(Expr& e) {
  return static_cast<T&>(e);
}
template <typename T>
const T& as(const Expr& e) {
  return static_cast<const T&>(e);
}

ValueType type_of(const Expr& expr);
// The expression inside any parentheses.
const Expr& unwrap_parens(const Expr& expr);
// Every child that is an expression of its own, in source order; duration expressions are not.
std::vector<Expr*> children_of(Expr& expr);
std::vector<const Expr*> children_of(const Expr& expr);

}  // namespace sightline::promql
