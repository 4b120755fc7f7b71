#include "promql/syntax/resolve.h"

#include <cmath>

#include "promql/syntax/function_table.h"

namespace sightline::promql {
namespace {

constexpr double kDurationSecondsMax = 9'223'372'036.0;

class Resolver {
 public:
  explicit Resolver(const QueryTimes& times) : times_(times) {}

  Status visit(Expr& expr) {
    Status ok;
    if (expr.kind == ExprKind::kVectorSelector) {
      auto& selector = as<VectorSelector>(expr);
      resolve(selector.at);
      ok = resolve(selector.offset, false);
    } else if (expr.kind == ExprKind::kMatrixSelector) {
      ok = resolve(as<MatrixSelector>(expr).range, true);
    } else if (expr.kind == ExprKind::kSubquery) {
      auto& subquery = as<SubqueryExpr>(expr);
      resolve(subquery.at);
      ok = resolve(subquery.offset, false);
      if (ok) ok = resolve(subquery.step, true);
      if (ok) ok = resolve(subquery.range, true);
    }
    if (!ok) return ok;
    for (Expr* child : children_of(expr))
      if (auto done = visit(*child); !done) return done;
    return {};
  }

 private:
  void resolve(AtModifier& at) const {
    if (at.bound == AtBound::kStart) at.timestamp_ms = times_.start_ms;
    if (at.bound == AtBound::kEnd) at.timestamp_ms = times_.end_ms;
  }

  Status resolve(DurationValue& duration, bool positive) const {
    if (!duration.expr) return {};
    const PositionRange position = duration.expr->position;
    const auto seconds = value(*duration.expr);
    if (!seconds) return std::unexpected(seconds.error());
    if (!std::isfinite(*seconds)) return fault(position, "duration is NaN or infinite");
    if (positive && *seconds <= 0) return fault(position, "duration must be greater than 0");
    if (std::fabs(*seconds) > kDurationSecondsMax)
      return fault(position, "duration is out of range");
    duration.ms = static_cast<int64_t>(*seconds * 1000);
    return {};
  }

  // In the peer's form, which is not that of its other faults: both ends, as offsets.
  static std::unexpected<Error> fault(PositionRange at, std::string_view message) {
    return fail(Errc::kInvalidArgument, at.start, ":", at.end, ": ", message);
  }

  Result<double> value(const Expr& expr) const {
    if (expr.kind == ExprKind::kNumber) return as<NumberLiteral>(expr).value;
    const auto& e = as<DurationExpr>(expr);
    if (e.op == DurationOp::kStep) return static_cast<double>(times_.step_ms) / 1000;
    if (e.op == DurationOp::kRange)
      return static_cast<double>(times_.end_ms - times_.start_ms) / 1000;
    const auto rhs = value(*e.rhs);
    if (!rhs) return rhs;
    if (!e.lhs) return e.op == DurationOp::kSub ? -*rhs : *rhs;
    const auto lhs = value(*e.lhs);
    if (!lhs) return lhs;
    switch (e.op) {
      case DurationOp::kAdd: return *lhs + *rhs;
      case DurationOp::kSub: return *lhs - *rhs;
      case DurationOp::kMul: return *lhs * *rhs;
      case DurationOp::kDiv:
        if (*rhs == 0) return fault(e.position, "division by zero");
        return *lhs / *rhs;
      case DurationOp::kMod:
        if (*rhs == 0) return fault(e.position, "modulo by zero");
        return std::fmod(*lhs, *rhs);
      case DurationOp::kPow: return std::pow(*lhs, *rhs);
      case DurationOp::kMinOf: return std::fmin(*lhs, *rhs);
      case DurationOp::kMaxOf: return std::fmax(*lhs, *rhs);
      case DurationOp::kStep:
      case DurationOp::kRange: break;
    }
    return 0.0;
  }

  const QueryTimes& times_;
};

}  // namespace

namespace {

// Below these the whole histogram is needed, whatever stands further down.
void mark_whole(Expr& expr) {
  if (expr.kind == ExprKind::kVectorSelector) as<VectorSelector>(expr).histogram_stats = false;
  for (Expr* child : children_of(expr)) mark_whole(*child);
}

// Below histogram_count(), _sum() and _avg() only those are needed.
void mark_histogram_use(Expr& expr, bool stats) {
  if (expr.kind == ExprKind::kVectorSelector) as<VectorSelector>(expr).histogram_stats = stats;
  bool below = stats;
  bool whole = expr.kind == ExprKind::kSubquery;
  if (expr.kind == ExprKind::kBinary) {
    const BinaryOp op = as<BinaryExpr>(expr).op;
    whole = op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower;
  } else if (expr.kind == ExprKind::kCall) {
    switch (as<Call>(expr).function->id) {
      case FunctionId::kHistogramCount:
      case FunctionId::kHistogramSum:
      case FunctionId::kHistogramAvg: below = true; break;
      case FunctionId::kHistogramQuantile:
      case FunctionId::kHistogramQuantiles:
      case FunctionId::kHistogramFraction: whole = true; break;
      default: break;
    }
  }
  for (Expr* child : children_of(expr)) {
    if (whole)
      mark_whole(*child);
    else
      mark_histogram_use(*child, below);
  }
}

}  // namespace

Status resolve_times(Expr& expr, const QueryTimes& times) {
  mark_histogram_use(expr, false);
  return Resolver(times).visit(expr);
}

}  // namespace sightline::promql
