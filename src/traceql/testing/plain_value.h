#pragma once
// A value of the reference evaluator, with the arithmetic and comparisons the language's rules give it: one value
// at a time, nothing shared with traceql/evaluation/value.h.
//   Threads  none.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/span_batch.h"
#include "traceql/syntax/ast.h"

namespace sightline::traceql::testing {

// A value with its type written beside it. Numbers keep both forms.
struct Plain {
  Type type = Type::kNil;
  int64_t whole = 0;
  double real = 0;
  std::string text;
  std::vector<Plain> elements;  // of an array
  bool is_array = false;

  bool is_number() const {
    return !is_array && (type == Type::kInt || type == Type::kFloat || type == Type::kDuration);
  }
  double as_real() const { return type == Type::kFloat ? real : static_cast<double>(whole); }
  bool is_true() const { return type == Type::kBool && whole != 0; }
};

inline Plain whole(Type type, int64_t n) { return {.type = type, .whole = n}; }
inline Plain real(double r) { return {.type = Type::kFloat, .real = r}; }
inline Plain text(std::string_view t) { return {.type = Type::kString, .text = std::string(t)}; }

Plain plain_of(const model::ValueView& v);
std::string shown(const Plain& p);
bool compare_plain(FieldOp op, const Plain& a, const Plain& b);
// Small numbers only: tests do not overflow.
Plain calculate(FieldOp op, const Plain& a, const Plain& b);

}  // namespace sightline::traceql::testing
