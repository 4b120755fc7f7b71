#include "traceql/evaluation/pushdown.h"

#include <re2/re2.h>

#include "traceql/evaluation/spanset_evaluator.h"
#include "traceql/syntax/regex_literal.h"

namespace sightline::traceql {
namespace {

using tracestore::Condition;
using tracestore::ConditionOp;

struct Conditions {
  std::vector<Condition> list;  // empty: nothing is known
  bool all = true;
};

std::optional<ConditionOp> condition_op(FieldOp op, bool mirrored) {
  switch (op) {
    case FieldOp::kEqual: return ConditionOp::kEqual;
    case FieldOp::kLess: return mirrored ? ConditionOp::kGreater : ConditionOp::kLess;
    case FieldOp::kLessEqual:
      return mirrored ? ConditionOp::kGreaterEqual : ConditionOp::kLessEqual;
    case FieldOp::kGreater: return mirrored ? ConditionOp::kLess : ConditionOp::kGreater;
    case FieldOp::kGreaterEqual:
      return mirrored ? ConditionOp::kLessEqual : ConditionOp::kGreaterEqual;
    case FieldOp::kRegex: return ConditionOp::kRegex;
    default: return std::nullopt;
  }
}

tracestore::Intrinsic store_intrinsic(const Attribute& attribute) {
  if (attribute.is_service_name()) return tracestore::Intrinsic::kServiceName;
  switch (attribute.intrinsic) {
    case Intrinsic::kName: return tracestore::Intrinsic::kName;
    case Intrinsic::kStatus: return tracestore::Intrinsic::kStatus;
    case Intrinsic::kKind: return tracestore::Intrinsic::kKind;
    case Intrinsic::kDuration: return tracestore::Intrinsic::kDuration;
    case Intrinsic::kStatusMessage: return tracestore::Intrinsic::kStatusMessage;
    default: return tracestore::Intrinsic::kNone;
  }
}

// False when the store has no word for the attribute.
bool name_attribute(const Attribute& attribute, Condition& condition) {
  condition.intrinsic = store_intrinsic(attribute);
  if (condition.intrinsic != tracestore::Intrinsic::kNone) return true;
  if (attribute.intrinsic != Intrinsic::kNone || attribute.of_parent) return false;
  condition.key = attribute.name;
  switch (attribute.scope) {
    case Scope::kNone: return true;
    case Scope::kSpan: condition.scope = tracestore::AttributeScope::kSpan; return true;
    case Scope::kResource: condition.scope = tracestore::AttributeScope::kResource; return true;
    case Scope::kEvent: condition.scope = tracestore::AttributeScope::kEvent; return true;
    case Scope::kLink: condition.scope = tracestore::AttributeScope::kLink; return true;
    case Scope::kInstrumentation: condition.scope = tracestore::AttributeScope::kScope; return true;
  }
  return false;
}

bool set_value(const Literal& literal, Condition& condition) {
  condition.number = literal.integer;
  condition.real =
      literal.type == Type::kFloat ? literal.real : static_cast<double>(literal.integer);
  condition.text = literal.text;
  switch (literal.type) {
    case Type::kString: condition.kind = model::ValueKind::kString; return true;
    case Type::kBool: condition.kind = model::ValueKind::kBool; return true;
    case Type::kInt:
    case Type::kStatus:
    case Type::kKind: condition.kind = model::ValueKind::kInt; return true;
    case Type::kDuration:
      condition.kind = model::ValueKind::kInt;
      return condition.intrinsic == tracestore::Intrinsic::kDuration;
    case Type::kFloat:
      condition.kind = model::ValueKind::kDouble;
      return condition.intrinsic == tracestore::Intrinsic::kNone;
    default: return false;
  }
}

// Texts that are never nil are empty where a span has none, and the store knows no value there: a condition
// that empty text meets says nothing.
bool empty_text_meets(const Condition& condition) {
  if (condition.kind != model::ValueKind::kString ||
      condition.intrinsic == tracestore::Intrinsic::kNone)
    return false;
  switch (condition.op) {
    case ConditionOp::kEqual: return condition.text.empty();
    case ConditionOp::kLess: return !condition.text.empty();
    case ConditionOp::kGreater: return false;
    case ConditionOp::kGreaterEqual: return condition.text.empty();
    case ConditionOp::kRegex: return !condition.matches || condition.matches("");
    default: return true;
  }
}

std::function<bool(std::string_view)> matcher_of(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(int64_t{8} << 20);
  auto regex = std::make_shared<const re2::RE2>(pattern, options);
  return [regex = std::move(regex)](std::string_view text) {
    return re2::RE2::FullMatch({text.data(), text.size()}, *regex);
  };
}

// A comparison is only true where its attribute is there, whatever the operator.
bool presence(const Field& attribute, Condition& condition) {
  if (!name_attribute(attribute.attribute, condition) ||
      condition.intrinsic != tracestore::Intrinsic::kNone)
    return false;
  condition.op = ConditionOp::kExists;
  return true;
}

Conditions of_comparison(const Field& field) {
  const bool mirrored = field.left->kind == Field::Kind::kLiteral;
  const Field& attribute = mirrored ? *field.right : *field.left;
  const Field& literal = mirrored ? *field.left : *field.right;
  if (attribute.kind != Field::Kind::kAttribute || literal.kind != Field::Kind::kLiteral) return {};
  if (literal.literal.type == Type::kNil && field.op == FieldOp::kEqual) return {};
  Condition condition;
  const auto op = condition_op(field.op, mirrored);
  if (op && name_attribute(attribute.attribute, condition) &&
      set_value(literal.literal, condition)) {
    condition.op = *op;
    if (*op == ConditionOp::kRegex) {
      condition.matches = matcher_of(literal.literal.text);
      condition.literal = required_literal(literal.literal.text);
    }
    if (empty_text_meets(condition)) return {};
    return {.list = {std::move(condition)}};
  }
  condition = {};
  if (!presence(attribute, condition)) return {};
  return {.list = {std::move(condition)}};
}

Conditions both(Conditions left, Conditions right) {
  if (left.list.empty() || (!left.all && !right.list.empty())) std::swap(left, right);
  if (right.list.empty() || !left.all || !right.all) return left;  // any one side is a true hint
  left.list.insert(left.list.end(), right.list.begin(), right.list.end());
  return left;
}

Conditions either(Conditions left, Conditions right) {
  const auto one_of = [](const Conditions& c) {
    return !c.list.empty() && (!c.all || c.list.size() == 1);
  };
  // Of several that must all hold, the first alone must, too.
  for (Conditions* side : {&left, &right})
    if (side->all && side->list.size() > 1) side->list.resize(1);
  if (!one_of(left) || !one_of(right)) return {};
  left.list.insert(left.list.end(), right.list.begin(), right.list.end());
  left.all = false;
  return left;
}

Conditions of_field(const Field& field) {
  if (field.kind == Field::Kind::kAttribute) {
    Condition condition;
    if (presence(field, condition)) return {.list = {std::move(condition)}};
    return {};
  }
  if (field.kind != Field::Kind::kBinary) return {};
  if (field.op == FieldOp::kAnd) return both(of_field(*field.left), of_field(*field.right));
  if (field.op == FieldOp::kOr) return either(of_field(*field.left), of_field(*field.right));
  return is_comparison(field.op) ? of_comparison(field) : Conditions{};
}

Conditions of_spanset(const Spanset& spanset) {
  switch (spanset.kind) {
    case Spanset::Kind::kFilter: return spanset.filter ? of_field(*spanset.filter) : Conditions{};
    case Spanset::Kind::kPipeline:
      return spanset.pipeline->stages[0].kind == Stage::Kind::kSpanset
                 ? of_spanset(*spanset.pipeline->stages[0].spanset)
                 : Conditions{};
    case Spanset::Kind::kOperation: break;
  }
  if (spanset.op == SpansetOp::kOr)
    return either(of_spanset(*spanset.left), of_spanset(*spanset.right));
  // Every other form needs a span of the right side, though on another row than the left side's.
  auto right = of_spanset(*spanset.right);
  if (!right.list.empty() || spanset.form == SpansetForm::kNegated) return right;
  return of_spanset(*spanset.left);
}

}  // namespace

void push_down(const Pipeline& pipeline, tracestore::ScanRequest& request) {
  request.rows_min = static_cast<uint64_t>(least_count(pipeline));
  if (pipeline.stages.empty() || pipeline.stages[0].kind != Stage::Kind::kSpanset) return;
  auto conditions = of_spanset(*pipeline.stages[0].spanset);
  request.conditions = std::move(conditions.list);
  request.all_conditions = conditions.all;
}

}  // namespace sightline::traceql
