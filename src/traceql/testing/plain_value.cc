#include "traceql/testing/plain_value.h"

#include <re2/re2.h>

#include <bit>
#include <cmath>

#include "base/protobuf_reader.h"

namespace sightline::traceql::testing {
namespace {

Plain element_of(std::string_view any) {
  Plain p;
  for (ProtobufReader r(any); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): p = text(r.bytes()); break;
      case protobuf_varint(2): p = whole(Type::kBool, r.varint() != 0); break;
      case protobuf_varint(3): p = whole(Type::kInt, static_cast<int64_t>(r.varint())); break;
      case protobuf_fixed64(4): p = real(std::bit_cast<double>(r.fixed64())); break;
      default: r.skip();
    }
  }
  return p;
}

template <typename T>
bool holds(FieldOp op, const T& a, const T& b) {
  if (op == FieldOp::kEqual) return a == b;
  if (op == FieldOp::kNotEqual) return a != b;
  if (op == FieldOp::kLess) return a < b;
  if (op == FieldOp::kLessEqual) return a <= b;
  if (op == FieldOp::kGreater) return a > b;
  return op == FieldOp::kGreaterEqual && a >= b;
}

// = and =~: any element; != and !~: no element.
bool compare_arrays(FieldOp op, const Plain& a, const Plain& b) {
  const FieldOp positive = op == FieldOp::kNotEqual   ? FieldOp::kEqual
                           : op == FieldOp::kNotRegex ? FieldOp::kRegex
                                                      : op;
  bool any = false;
  for (const Plain& e : (a.is_array ? a : b).elements)
    any = any || (a.is_array ? compare_plain(positive, e, b) : compare_plain(positive, a, e));
  return positive == op ? any : !any;
}

}  // namespace

Plain plain_of(const model::ValueView& v) {
  switch (v.kind) {
    case model::ValueKind::kEmpty: return {};
    case model::ValueKind::kString: return text(v.bytes);
    case model::ValueKind::kBool: return whole(Type::kBool, v.int_value);
    case model::ValueKind::kInt: return whole(Type::kInt, v.int_value);
    case model::ValueKind::kDouble: return real(v.double_value);
    default: break;
  }
  Plain array{.type = Type::kDynamic, .is_array = true};
  if (v.kind == model::ValueKind::kArray)
    for (ProtobufReader r(v.bytes); r.next();) {
      if (r.tag() == protobuf_bytes(1))
        array.elements.push_back(element_of(r.bytes()));
      else
        r.skip();
    }
  return array;
}

std::string shown(const Plain& p) {
  if (p.is_array) {
    std::string out = "[";
    for (const Plain& e : p.elements) out.append(out.size() > 1 ? ", " : "").append(shown(e));
    return out + "]";
  }
  if (p.type == Type::kString) return p.text;
  return to_string(Literal{.type = p.type, .integer = p.whole, .real = p.real});
}

bool compare_plain(FieldOp op, const Plain& a, const Plain& b) {
  if (a.type == Type::kNil || b.type == Type::kNil) return false;
  if (a.is_array || b.is_array) return compare_arrays(op, a, b);
  if (op == FieldOp::kRegex || op == FieldOp::kNotRegex) {
    if (a.type != Type::kString || b.type != Type::kString) return false;
    return re2::RE2::FullMatch(a.text, re2::RE2(b.text)) == (op == FieldOp::kRegex);
  }
  if (a.is_number() && b.is_number()) {
    if (a.type == Type::kFloat || b.type == Type::kFloat)
      return holds(op, a.as_real(), b.as_real());
    return holds(op, a.whole, b.whole);
  }
  if (a.type != b.type) return false;
  if (a.type == Type::kString) return holds(op, a.text, b.text);
  return (op == FieldOp::kEqual || op == FieldOp::kNotEqual) && holds(op, a.whole, b.whole);
}

Plain calculate(FieldOp op, const Plain& a, const Plain& b) {
  if (!a.is_number() || !b.is_number()) return {};
  const bool durations = a.type == Type::kDuration && b.type == Type::kDuration;
  const bool duration = a.type == Type::kDuration || b.type == Type::kDuration;
  const bool floating =
      a.type == Type::kFloat || b.type == Type::kFloat || (durations && op == FieldOp::kDivide);
  const double x = a.as_real(), y = b.as_real();
  if (op == FieldOp::kPower) {
    const double result = std::pow(x, y);
    return a.type == Type::kFloat || b.type == Type::kFloat || b.whole < 0 ||
                   std::abs(result) > 9e15
               ? real(result)
               : whole(Type::kInt, std::llround(result));
  }
  if (floating) {
    const double result = op == FieldOp::kAdd        ? x + y
                          : op == FieldOp::kSubtract ? x - y
                          : op == FieldOp::kMultiply ? x * y
                          : op == FieldOp::kDivide   ? x / y
                                                     : std::fmod(x, y);
    return duration && !durations && std::abs(result) < 9.2e18
               ? whole(Type::kDuration, static_cast<int64_t>(result))
               : real(result);
  }
  if ((op == FieldOp::kDivide || op == FieldOp::kModulo) && b.whole == 0) return {};
  const int64_t i = a.whole, j = b.whole;
  const int64_t result = op == FieldOp::kAdd        ? i + j
                         : op == FieldOp::kSubtract ? i - j
                         : op == FieldOp::kMultiply ? i * j
                         : op == FieldOp::kDivide   ? i / j
                                                    : i % j;
  return whole(duration ? Type::kDuration : Type::kInt, result);
}

}  // namespace sightline::traceql::testing
