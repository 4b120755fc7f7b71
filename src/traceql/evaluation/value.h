#pragma once
// A value at evaluation: of an attribute on one span, or computed from some.
//   Nil        an attribute that is not there; every comparison with it is false.
//   Arrays     = and =~ hold if any element does, != and !~ if none equals; `text` is the encoded ArrayValue.
//   Ownership  `text` points into the row group or the query.
#include <cstdint>
#include <string>
#include <string_view>

#include "model/span_batch.h"
#include "traceql/syntax/ast.h"

namespace re2 {
class RE2;
}

namespace sightline::traceql {

struct Value {
  Type type = Type::kNil;
  bool is_array = false;  // `type` is kDynamic then
  int64_t integer = 0;    // kInt, kBool, kDuration, kStatus, kKind
  double real = 0;        // kFloat
  std::string_view text;

  static Value of(Type type, int64_t integer) { return {.type = type, .integer = integer}; }
  static Value of_float(double real) { return {.type = Type::kFloat, .real = real}; }
  static Value of_text(std::string_view text) { return {.type = Type::kString, .text = text}; }
  static Value of_literal(const Literal& literal) {
    return {.type = literal.type,
            .integer = literal.integer,
            .real = literal.real,
            .text = literal.text};
  }
  // Bytes and maps become an empty array: there, but equal to nothing.
  static Value of_attribute(const model::ValueView& view);

  bool is_nil() const { return type == Type::kNil; }
  bool is_true() const { return type == Type::kBool && integer != 0; }
  double number() const { return type == Type::kFloat ? real : static_cast<double>(integer); }
};

// Comparison of two values; `regex` for =~ and !~.
bool compare(FieldOp op, const Value& left, const Value& right, const re2::RE2* regex = nullptr);
// Nil where it cannot be computed: other types, division of integers by zero, overflow of minInt / -1.
Value arithmetic(FieldOp op, const Value& left, const Value& right);

// A value that owns its text, as results carry it.
struct OwnedValue {
  Type type = Type::kNil;
  bool is_array = false;
  int64_t integer = 0;
  double real = 0;
  std::string text;  // strings; an array's encoded ArrayValue
  static OwnedValue of(const Value& value);
  Value view() const { return {type, is_array, integer, real, text}; }
  friend bool operator==(const OwnedValue&, const OwnedValue&) = default;
};
// As a person reads it: "x", 5, 0.5, true, 100ms, error, server, nil.
std::string display_text(const Value& value);

}  // namespace sightline::traceql
