#include "traceql/evaluation/value.h"

#include <re2/re2.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/protobuf_reader.h"

namespace sightline::traceql {
namespace {

template <typename T>
bool ordered(FieldOp op, const T& a, const T& b) {
  switch (op) {
    case FieldOp::kEqual: return a == b;
    case FieldOp::kNotEqual: return a != b;
    case FieldOp::kLess: return a < b;
    case FieldOp::kLessEqual: return a <= b;
    case FieldOp::kGreater: return a > b;
    case FieldOp::kGreaterEqual: return a >= b;
    default: return false;
  }
}

bool matches(std::string_view text, const re2::RE2& regex) {
  return re2::RE2::FullMatch({text.data(), text.size()}, regex);
}

bool compare_scalars(FieldOp op, const Value& a, const Value& b, const re2::RE2* regex) {
  if (a.is_nil() || b.is_nil()) return false;
  if (op == FieldOp::kRegex || op == FieldOp::kNotRegex) {
    if (a.type != Type::kString || regex == nullptr) return false;
    return matches(a.text, *regex) == (op == FieldOp::kRegex);
  }
  if (is_numeric(a.type) && is_numeric(b.type)) {
    if (a.type != Type::kFloat && b.type != Type::kFloat) return ordered(op, a.integer, b.integer);
    return ordered(op, a.number(), b.number());
  }
  if (a.type != b.type) return false;
  if (a.type == Type::kString) return ordered(op, a.text, b.text);
  if (op != FieldOp::kEqual && op != FieldOp::kNotEqual) return false;
  return ordered(op, a.integer, b.integer);
}

// One AnyValue message.
Value any_value(std::string_view bytes) {
  Value value;
  for (ProtobufReader r(bytes); r.next();) {
    switch (r.tag()) {
      case protobuf_bytes(1): value = Value::of_text(r.bytes()); break;
      case protobuf_varint(2): value = Value::of(Type::kBool, r.varint() != 0); break;
      case protobuf_varint(3):
        value = Value::of(Type::kInt, static_cast<int64_t>(r.varint()));
        break;
      case protobuf_fixed64(4): value = Value::of_float(std::bit_cast<double>(r.fixed64())); break;
      default: r.skip();
    }
  }
  return value;
}

// Whether any element of `array` stands in `op` to the other side.
bool any_element(FieldOp op, const Value& array, const Value& other, const re2::RE2* regex,
                 bool array_is_left) {
  for (ProtobufReader r(array.text); r.next();) {
    if (r.tag() != protobuf_bytes(1)) {
      r.skip();
      continue;
    }
    const Value element = any_value(r.bytes());
    if (array_is_left ? compare(op, element, other, regex) : compare(op, other, element, regex))
      return true;
  }
  return false;
}

Value power(const Value& a, const Value& b) {
  if (a.type == Type::kFloat || b.type == Type::kFloat || b.integer < 0)
    return Value::of_float(std::pow(a.number(), b.number()));
  int64_t result = 1;
  int64_t base = a.integer;
  for (uint64_t exponent = static_cast<uint64_t>(b.integer); exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result))
      return Value::of_float(std::pow(a.number(), b.number()));
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base))
      return Value::of_float(std::pow(a.number(), b.number()));
  }
  return Value::of(Type::kInt, result);
}

Value float_arithmetic(FieldOp op, double a, double b) {
  switch (op) {
    case FieldOp::kAdd: return Value::of_float(a + b);
    case FieldOp::kSubtract: return Value::of_float(a - b);
    case FieldOp::kMultiply: return Value::of_float(a * b);
    case FieldOp::kDivide: return Value::of_float(a / b);
    case FieldOp::kModulo: return Value::of_float(std::fmod(a, b));
    default: return {};
  }
}

}  // namespace

Value Value::of_attribute(const model::ValueView& view) {
  switch (view.kind) {
    case model::ValueKind::kEmpty: return {};
    case model::ValueKind::kString: return of_text(view.bytes);
    case model::ValueKind::kBool: return of(Type::kBool, view.int_value);
    case model::ValueKind::kInt: return of(Type::kInt, view.int_value);
    case model::ValueKind::kDouble: return of_float(view.double_value);
    case model::ValueKind::kArray:
      return {.type = Type::kDynamic, .is_array = true, .text = view.bytes};
    case model::ValueKind::kBytes:
    case model::ValueKind::kKvlist: return {.type = Type::kDynamic, .is_array = true};
  }
  return {};
}

bool compare(FieldOp op, const Value& left, const Value& right, const re2::RE2* regex) {
  if (!left.is_array && !right.is_array) return compare_scalars(op, left, right, regex);
  if (left.is_nil() || right.is_nil()) return false;
  const Value& array = left.is_array ? left : right;
  const Value& other = left.is_array ? right : left;
  if (op == FieldOp::kNotEqual)
    return !any_element(FieldOp::kEqual, array, other, regex, left.is_array);
  if (op == FieldOp::kNotRegex)
    return !any_element(FieldOp::kRegex, array, other, regex, left.is_array);
  return any_element(op, array, other, regex, left.is_array);
}

Value arithmetic(FieldOp op, const Value& a, const Value& b) {
  if (!is_numeric(a.type) || !is_numeric(b.type)) return {};
  if (op == FieldOp::kPower) return power(a, b);
  const bool durations = a.type == Type::kDuration && b.type == Type::kDuration;
  if (a.type == Type::kFloat || b.type == Type::kFloat || (durations && op == FieldOp::kDivide)) {
    const Value result = float_arithmetic(op, a.number(), b.number());
    const bool is_duration = !durations && (a.type == Type::kDuration || b.type == Type::kDuration);
    if (!is_duration || !(std::abs(result.real) < 9.2e18)) return result;
    return Value::of(Type::kDuration, static_cast<int64_t>(result.real));
  }
  int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case FieldOp::kAdd: overflow = __builtin_add_overflow(a.integer, b.integer, &result); break;
    case FieldOp::kSubtract:
      overflow = __builtin_sub_overflow(a.integer, b.integer, &result);
      break;
    case FieldOp::kMultiply:
      overflow = __builtin_mul_overflow(a.integer, b.integer, &result);
      break;
    case FieldOp::kDivide:
    case FieldOp::kModulo:
      if (b.integer == 0 || (b.integer == -1 && a.integer == std::numeric_limits<int64_t>::min()))
        return {};
      result = op == FieldOp::kDivide ? a.integer / b.integer : a.integer % b.integer;
      break;
    default: return {};
  }
  if (overflow) return float_arithmetic(op, a.number(), b.number());
  return Value::of(
      a.type == Type::kDuration || b.type == Type::kDuration ? Type::kDuration : Type::kInt,
      result);
}

OwnedValue OwnedValue::of(const Value& v) {
  return {v.type, v.is_array, v.integer, v.real, std::string(v.text)};
}

std::string display_text(const Value& value) {
  if (value.is_array) {
    std::string out = "[";
    for (ProtobufReader r(value.text); r.next();) {
      if (r.tag() != protobuf_bytes(1)) {
        r.skip();
        continue;
      }
      if (out.size() > 1) out += ", ";
      out += display_text(any_value(r.bytes()));
    }
    return out + "]";
  }
  if (value.type == Type::kString) return std::string(value.text);
  return to_string(Literal{.type = value.type, .integer = value.integer, .real = value.real});
}

}  // namespace sightline::traceql
