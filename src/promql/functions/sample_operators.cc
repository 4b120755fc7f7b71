#include "promql/functions/sample_operators.h"

#include <cmath>

#include "promql/functions/histogram_math.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

OperatorResult misfit(BinaryOp op, const Cell& a, const Cell& b, Annotations& annotations,
                      PositionRange at) {
  const auto kind = [](const Cell& c) {
    return c.kind == CellKind::kHistogram ? "histogram" : "float";
  };
  annotations.info(at, "incompatible sample types encountered for binary operator " +
                           go_quote(binary_op_text(op)) + ": " + kind(a) + " " +
                           std::string(binary_op_text(op)) + " " + kind(b));
  return {Cell::none(), true};
}

OperatorResult merge(BinaryOp op, const Cell& a, const Cell& b, Annotations& annotations,
                     PositionRange at) {
  MergeNotes notes;
  const bool adding = op == BinaryOp::kAdd;
  const std::string what = adding ? "addition" : "subtraction";
  auto sum =
      adding ? add(*a.histogram, *b.histogram, notes) : subtract(*a.histogram, *b.histogram, notes);
  if (!sum) {
    annotations.warn(at, "incompatible bucket layout encountered for binary operator " +
                             std::string(binary_op_text(op)));
    return {Cell::none(), true};
  }
  if (notes.reset_collision)
    annotations.warn(at, "conflicting counter resets during histogram " + what);
  if (notes.bounds_reconciled)
    annotations.info(at, "mismatched custom buckets were reconciled during " + what);
  if (!adding) sum->reset_hint = model::ResetHint::kGauge;
  return {Cell::of(std::move(*sum))};
}

OperatorResult apply_histograms(BinaryOp op, const Cell& a, const Cell& b, Annotations& annotations,
                                PositionRange at) {
  switch (op) {
    case BinaryOp::kAdd:
    case BinaryOp::kSub: return merge(op, a, b, annotations, at);
    case BinaryOp::kEqual: return {same_histogram(*a.histogram, *b.histogram) ? a : Cell::none()};
    case BinaryOp::kNotEqual:
      return {same_histogram(*a.histogram, *b.histogram) ? Cell::none() : a};
    default: return misfit(op, a, b, annotations, at);
  }
}

}  // namespace

double apply_float(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd: return a + b;
    case BinaryOp::kSub: return a - b;
    case BinaryOp::kMul: return a * b;
    case BinaryOp::kDiv: return a / b;
    case BinaryOp::kMod: return std::fmod(a, b);
    case BinaryOp::kPow: return std::pow(a, b);
    case BinaryOp::kAtan2: return std::atan2(a, b);
    case BinaryOp::kEqual: return a == b;
    case BinaryOp::kNotEqual: return a != b;
    case BinaryOp::kLess: return a < b;
    case BinaryOp::kLessEqual: return a <= b;
    case BinaryOp::kGreater: return a > b;
    case BinaryOp::kGreaterEqual: return a >= b;
    default: return std::nan("");
  }
}

OperatorResult apply(BinaryOp op, const Cell& a, const Cell& b, Annotations& annotations,
                     PositionRange at) {
  const bool left = a.kind == CellKind::kHistogram;
  const bool right = b.kind == CellKind::kHistogram;
  if (left && right) return apply_histograms(op, a, b, annotations, at);
  if (!left && !right) {
    if (op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower)
      return misfit(op, a, b, annotations, at);
    if (is_comparison(op)) return {apply_float(op, a.value, b.value) != 0 ? a : Cell::none()};
    return {Cell::of(apply_float(op, a.value, b.value))};
  }
  if (op == BinaryOp::kMul)
    return {Cell::of(left ? multiply(*a.histogram, b.value) : multiply(*b.histogram, a.value))};
  if (left && op == BinaryOp::kDiv) return {Cell::of(divide(*a.histogram, b.value))};
  if (left && (op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower))
    return {Cell::of(trim(*a.histogram, b.value, op == BinaryOp::kTrimUpper))};
  return misfit(op, a, b, annotations, at);
}

}  // namespace sightline::promql
