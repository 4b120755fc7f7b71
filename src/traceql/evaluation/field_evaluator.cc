#include "traceql/evaluation/field_evaluator.h"

#include <re2/re2.h>

#include <cstring>

#include "base/text_search.h"
#include "traceql/syntax/regex_literal.h"

namespace sightline::traceql {
namespace {

void and_into(RowMask& left, const RowMask& right) {
  for (size_t i = 0; i < left.size(); ++i) left[i] &= right[i];
}
void or_into(RowMask& left, const RowMask& right) {
  for (size_t i = 0; i < left.size(); ++i) left[i] |= right[i];
}
bool none(const RowMask& mask) {
  return mask.empty() || std::memchr(mask.data(), 1, mask.size()) == nullptr;
}

// The events or links an expression speaks of; rows when of neither.
Domain domain_of(const Field& field) {
  Domain domain = Domain::kRows;
  for_each_attribute(field, [&](const Attribute& a) {
    if (domain == Domain::kRows) domain = RowColumns::domain_of(a);
  });
  return domain;
}

bool is_nil_literal(const Field& field) {
  return field.kind == Field::Kind::kLiteral && field.literal.type == Type::kNil;
}

// Whether the expression can be decided event by event: comparisons, && and || only.
bool is_positive(const Field& field) {
  if (field.kind != Field::Kind::kBinary) return false;
  if (is_comparison(field.op)) return !is_nil_literal(*field.left) && !is_nil_literal(*field.right);
  return (field.op == FieldOp::kAnd || field.op == FieldOp::kOr) && is_positive(*field.left) &&
         is_positive(*field.right);
}

void flatten_and(const Field& field, std::vector<const Field*>& out) {
  if (field.kind == Field::Kind::kBinary && field.op == FieldOp::kAnd) {
    flatten_and(*field.left, out);
    flatten_and(*field.right, out);
    return;
  }
  out.push_back(&field);
}

FieldOp mirrored(FieldOp op) {
  switch (op) {
    case FieldOp::kLess: return FieldOp::kGreater;
    case FieldOp::kLessEqual: return FieldOp::kGreaterEqual;
    case FieldOp::kGreater: return FieldOp::kLess;
    case FieldOp::kGreaterEqual: return FieldOp::kLessEqual;
    default: return op;
  }
}

template <typename Holds>
RowMask integers_mask(const std::vector<int64_t>& values, Holds holds) {
  RowMask mask(values.size());
  for (size_t i = 0; i < values.size(); ++i) mask[i] = holds(values[i]) ? 1 : 0;
  return mask;
}

RowMask compare_integers(FieldOp op, const std::vector<int64_t>& values, int64_t bound) {
  switch (op) {
    case FieldOp::kEqual: return integers_mask(values, [=](int64_t v) { return v == bound; });
    case FieldOp::kNotEqual: return integers_mask(values, [=](int64_t v) { return v != bound; });
    case FieldOp::kLess: return integers_mask(values, [=](int64_t v) { return v < bound; });
    case FieldOp::kLessEqual: return integers_mask(values, [=](int64_t v) { return v <= bound; });
    case FieldOp::kGreater: return integers_mask(values, [=](int64_t v) { return v > bound; });
    default: return integers_mask(values, [=](int64_t v) { return v >= bound; });
  }
}

// A text without what every match holds.
bool surely_lacks(const Value& value, const std::string& literal) {
  if (literal.empty() || value.type != Type::kString || value.is_array) return false;
  return !holds_text(value.text, literal);
}

}  // namespace

RegexCache::RegexCache() = default;
RegexCache::~RegexCache() = default;

const re2::RE2& RegexCache::get(const Field& comparison) {
  const std::lock_guard lock(mutex_);
  auto& regex = compiled_[&comparison];
  if (!regex) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(int64_t{8} << 20);
    regex = std::make_unique<re2::RE2>(comparison.right->literal.text, options);
  }
  return *regex;
}

RowMask FieldEvaluator::mask(const Field& field, Domain domain) {
  const size_t size = columns_.size(domain);
  if (field.kind == Field::Kind::kBinary) {
    if (field.op == FieldOp::kAnd) return conjunction(field, domain);
    if (field.op == FieldOp::kOr) {
      RowMask left = mask(*field.left, domain);
      or_into(left, mask(*field.right, domain));
      return left;
    }
    if (is_comparison(field.op)) return comparison(field, domain);
  }
  const Column column = values(field, domain);
  if (column.is_constant()) return RowMask(size, column.at(0).is_true() ? 1 : 0);
  RowMask result(size);
  for (size_t i = 0; i < size; ++i) result[i] = column.at(i).is_true() ? 1 : 0;
  return result;
}

RowMask FieldEvaluator::conjunction(const Field& field, Domain domain) {
  std::vector<const Field*> operands;
  flatten_and(field, operands);
  RowMask result(columns_.size(domain), 1);
  if (domain == Domain::kRows) {
    for (const Domain nested : {Domain::kEvents, Domain::kLinks}) {
      const auto together = [&](const Field* f) {
        return domain_of(*f) == nested && is_positive(*f);
      };
      if (std::ranges::count_if(operands, together) < 2) continue;
      RowMask entries(columns_.size(nested), 1);
      for (const Field* operand : operands)
        if (together(operand)) and_into(entries, mask(*operand, nested));
      and_into(result, any_entry(entries, nested));
      std::erase_if(operands, together);
    }
  }
  for (const Field* operand : operands) {
    if (none(result)) break;
    and_into(result, mask(*operand, domain));
  }
  return result;
}

RowMask FieldEvaluator::any_entry(const RowMask& entries, Domain domain) {
  const auto offsets = columns_.offsets(domain);
  RowMask rows(columns_.size(Domain::kRows), 0);
  for (size_t row = 0; row < rows.size(); ++row)
    for (uint32_t i = offsets[row]; i < offsets[row + 1]; ++i) rows[row] |= entries[i];
  return rows;
}

RowMask FieldEvaluator::comparison(const Field& field, Domain domain) {
  if (is_nil_literal(*field.left) || is_nil_literal(*field.right))
    return nil_comparison(field, domain);
  const Domain own = domain == Domain::kRows ? domain_of(field) : domain;
  RowMask result = compare_columns(field, values(*field.left, own), values(*field.right, own),
                                   columns_.size(own));
  return own == domain ? result : any_entry(result, own);
}

// = nil: not there; of events and links, in none of them.
RowMask FieldEvaluator::nil_comparison(const Field& field, Domain domain) {
  const size_t size = columns_.size(domain);
  if (is_nil_literal(*field.left) && is_nil_literal(*field.right)) return RowMask(size, 0);
  const Column column = values(is_nil_literal(*field.left) ? *field.right : *field.left, domain);
  const bool wants_nil = field.op == FieldOp::kEqual;
  RowMask result(size);
  for (size_t i = 0; i < size; ++i) result[i] = column.at(i).is_nil() == wants_nil ? 1 : 0;
  return result;
}

RowMask FieldEvaluator::compare_columns(const Field& field, const Column& left, const Column& right,
                                        size_t size) {
  const bool is_regex = field.op == FieldOp::kRegex || field.op == FieldOp::kNotRegex;
  const re2::RE2* regex = is_regex ? &regexes_.get(field) : nullptr;
  if (left.is_constant() && right.is_constant())
    return RowMask(size, compare(field.op, left.at(0), right.at(0), regex) ? 1 : 0);
  if (left.is_constant() != right.is_constant()) {
    const Column& column = left.is_constant() ? right : left;
    const Value bound = left.is_constant() ? left.at(0) : right.at(0);
    if (column.is_integers() && is_numeric(bound.type) && bound.type != Type::kFloat)
      return compare_integers(left.is_constant() ? mirrored(field.op) : field.op, column.integers(),
                              bound.integer);
    if (column.is_coded()) {
      std::vector<uint8_t> outcome;
      outcome.reserve(column.dictionary().size());
      const std::string literal =
          is_regex && right.is_constant() ? required_literal(field.right->literal.text) : "";
      for (const Value& value : column.dictionary()) {
        if (surely_lacks(value, literal)) {
          outcome.push_back(field.op == FieldOp::kNotRegex ? 1 : 0);
          continue;
        }
        outcome.push_back((left.is_constant() ? compare(field.op, bound, value, regex)
                                              : compare(field.op, value, bound, regex))
                              ? 1
                              : 0);
      }
      if (none(outcome)) return RowMask(size, 0);
      RowMask result(size);
      const auto codes = column.codes();
      for (size_t i = 0; i < size; ++i) result[i] = outcome[codes[i]];
      return result;
    }
  }
  RowMask result(size);
  for (size_t i = 0; i < size; ++i)
    result[i] = compare(field.op, left.at(i), right.at(i), regex) ? 1 : 0;
  return result;
}

Column FieldEvaluator::values(const Field& field, Domain domain) {
  switch (field.kind) {
    case Field::Kind::kLiteral: return Column::constant(Value::of_literal(field.literal));
    case Field::Kind::kAttribute: return columns_.load(field.attribute, domain);
    case Field::Kind::kUnary: {
      const Column operand = values(*field.left, domain);
      const bool negate = field.op == FieldOp::kNegate;
      const auto apply = [&](const Value& v) {
        if (negate)
          return arithmetic(FieldOp::kSubtract,
                            Value::of(v.type == Type::kDuration ? Type::kDuration : Type::kInt, 0),
                            v);
        return v.type == Type::kBool ? Value::of(Type::kBool, v.integer == 0 ? 1 : 0) : Value{};
      };
      if (operand.is_constant()) return Column::constant(apply(operand.at(0)));
      std::vector<Value> results(columns_.size(domain));
      for (size_t i = 0; i < results.size(); ++i) results[i] = apply(operand.at(i));
      return Column::dense(std::move(results));
    }
    case Field::Kind::kBinary: break;
  }
  if (!is_arithmetic(field.op)) {
    const RowMask truth = mask(field, domain);
    return Column::coded(std::vector<uint32_t>(truth.begin(), truth.end()),
                         {Value::of(Type::kBool, 0), Value::of(Type::kBool, 1)});
  }
  const Column left = values(*field.left, domain);
  const Column right = values(*field.right, domain);
  if (left.is_constant() && right.is_constant())
    return Column::constant(arithmetic(field.op, left.at(0), right.at(0)));
  std::vector<Value> results(columns_.size(domain));
  for (size_t i = 0; i < results.size(); ++i)
    results[i] = arithmetic(field.op, left.at(i), right.at(i));
  return Column::dense(std::move(results));
}

}  // namespace sightline::traceql
