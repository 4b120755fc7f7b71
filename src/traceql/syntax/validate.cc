#include <re2/re2.h>

#include "traceql/syntax/parser.h"

namespace sightline::traceql {
namespace {

bool types_match(Type a, Type b) {
  return a == b || a == Type::kDynamic || b == Type::kDynamic || (is_numeric(a) && is_numeric(b));
}

bool op_takes(FieldOp op, Type type) {
  if (type == Type::kDynamic) return true;
  switch (op) {
    case FieldOp::kAnd:
    case FieldOp::kOr:
    case FieldOp::kNot: return type == Type::kBool;
    case FieldOp::kEqual:
    case FieldOp::kNotEqual: return true;
    case FieldOp::kLess:
    case FieldOp::kLessEqual:
    case FieldOp::kGreater:
    case FieldOp::kGreaterEqual: return is_numeric(type) || type == Type::kString;
    case FieldOp::kRegex:
    case FieldOp::kNotRegex: return type == Type::kString;
    default: return is_numeric(type);
  }
}

std::unexpected<Error> invalid(std::string_view what, const Field& field) {
  return fail(Errc::kInvalidArgument, what, ": ", to_string(field));
}

class Validator {
 public:
  explicit Validator(const ParseLimits& limits) : limits_(limits) {}

  Status field(const Field& f) const {
    switch (f.kind) {
      case Field::Kind::kLiteral: return {};
      case Field::Kind::kAttribute:
        if (f.attribute.of_parent)
          return fail(Errc::kInvalidArgument, "parent not yet supported: ", to_string(f));
        return {};
      case Field::Kind::kUnary:
        if (auto inner = field(*f.left); !inner) return inner;
        if (!op_takes(f.op, type_of(*f.left)))
          return invalid("illegal operation for the given type", f);
        return {};
      case Field::Kind::kBinary: return binary(f);
    }
    return {};
  }

  Status pipeline(const Pipeline& p) const {
    for (const Stage& s : p.stages)
      if (auto valid = stage(s); !valid) return valid;
    return {};
  }

  Status metrics(const Metrics& m) const {
    for (size_t i = 0; i < m.second_stages.size(); ++i)
      if (m.kind == Metrics::Kind::kFunction && m.function == MetricsFunction::kCompare)
        return fail(Errc::kInvalidArgument, "compare() cannot be followed by another stage");
    if (m.kind == Metrics::Kind::kNumber) return {};
    if (m.kind == Metrics::Kind::kBinary) {
      if (m.left->kind == Metrics::Kind::kNumber && m.right->kind == Metrics::Kind::kNumber)
        return fail(Errc::kInvalidArgument,
                    "metrics arithmetic needs a metrics query on at least one side");
      for (const Metrics* side : {m.left.get(), m.right.get()}) {
        if (side->kind == Metrics::Kind::kFunction && side->function == MetricsFunction::kCompare)
          return fail(Errc::kInvalidArgument, "compare() cannot be used in metrics arithmetic");
        if (auto valid = metrics(*side); !valid) return valid;
      }
      return {};
    }
    return function(m);
  }

 private:
  Status binary(const Field& f) const {
    if (auto left = field(*f.left); !left) return left;
    if (auto right = field(*f.right); !right) return right;
    const Type left = type_of(*f.left);
    const Type right = type_of(*f.right);
    if (left == Type::kNil || right == Type::kNil) return nil_comparison(f);
    if (!types_match(left, right))
      return invalid("binary operations must operate on the same type", f);
    if (!op_takes(f.op, left) || !op_takes(f.op, right))
      return invalid("illegal operation for the given types", f);
    if (f.op == FieldOp::kRegex || f.op == FieldOp::kNotRegex) return regex(f);
    if ((f.op == FieldOp::kDivide || f.op == FieldOp::kModulo) &&
        f.right->kind == Field::Kind::kLiteral && right != Type::kFloat &&
        f.right->literal.integer == 0)
      return invalid("division by zero", f);
    return {};
  }

  Status nil_comparison(const Field& f) const {
    if (f.op != FieldOp::kEqual && f.op != FieldOp::kNotEqual)
      return invalid("illegal operation for the given types", f);
    for (const Field* side : {f.left.get(), f.right.get()}) {
      if (side->kind != Field::Kind::kAttribute || f.op != FieldOp::kEqual)
        continue;  // != nil holds for all of them
      if (side->attribute.intrinsic != Intrinsic::kNone || side->attribute.is_service_name())
        return fail(Errc::kInvalidArgument, to_string(f),
                    " is not valid because intrinsics cannot be nil");
    }
    return {};
  }

  Status regex(const Field& f) const {
    if (f.right->kind != Field::Kind::kLiteral)
      return invalid("regular expression must be a string", f);
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(int64_t{8} << 20);
    const RE2 re(f.right->literal.text, options);
    if (!re.ok())
      return fail(Errc::kInvalidArgument, "invalid regular expression `", f.right->literal.text,
                  "`: ", re.error());
    if (re.ProgramSize() > static_cast<int>(limits_.regex_program_max))
      return fail(Errc::kInvalidArgument, "regular expression is too large: `",
                  f.right->literal.text, "`");
    return {};
  }

  Status spanset(const Spanset& s) const {
    switch (s.kind) {
      case Spanset::Kind::kFilter: {
        if (!s.filter) return {};
        if (auto valid = field(*s.filter); !valid) return valid;
        const Type type = type_of(*s.filter);
        if (type != Type::kBool && type != Type::kDynamic)
          return invalid("span filter field expressions must resolve to a boolean", *s.filter);
        return {};
      }
      case Spanset::Kind::kPipeline: return pipeline(*s.pipeline);
      case Spanset::Kind::kOperation: break;
    }
    if ((s.left->kind == Spanset::Kind::kPipeline) != (s.right->kind == Spanset::Kind::kPipeline))
      return fail(
          Errc::kInvalidArgument,
          "a pipeline in parentheses can only be combined with another pipeline in parentheses");
    if (auto left = spanset(*s.left); !left) return left;
    return spanset(*s.right);
  }

  Status scalar(const Scalar& s) const {
    if (!s.field) return {};
    if (auto valid = field(*s.field); !valid) return valid;
    const Type type = type_of(*s.field);
    if (type != Type::kDynamic && !is_numeric(type))
      return fail(Errc::kInvalidArgument,
                  "aggregate field expressions must resolve to a number type: ", to_string(s));
    if (!names_attribute(*s.field))
      return fail(Errc::kInvalidArgument,
                  "aggregate field expressions must reference the span: ", to_string(s));
    return {};
  }

  static bool names_attribute(const Field& f) {
    bool found = false;
    for_each_attribute(f, [&](const Attribute&) { found = true; });
    return found;
  }

  static Type type_of_scalar(const Scalar& s) {
    if (s.literal) return s.literal->type;
    return s.field ? type_of(*s.field) : Type::kInt;
  }

  Status stage(const Stage& s) const {
    switch (s.kind) {
      case Stage::Kind::kSpanset: return spanset(*s.spanset);
      case Stage::Kind::kScalarFilter: {
        if (s.left.literal && s.right.literal)
          return fail(Errc::kInvalidArgument,
                      "scalar filter must contain an aggregate: ", to_string(s.left), " ",
                      to_string(s.op), " ", to_string(s.right));
        if (auto left = scalar(s.left); !left) return left;
        if (auto right = scalar(s.right); !right) return right;
        if (!types_match(type_of_scalar(s.left), type_of_scalar(s.right)))
          return fail(Errc::kInvalidArgument,
                      "binary operations must operate on the same type: ", to_string(s.left), " ",
                      to_string(s.op), " ", to_string(s.right));
        return {};
      }
      case Stage::Kind::kBy:
        if (auto valid = field(*s.by); !valid) return valid;
        if (!names_attribute(*s.by))
          return invalid("grouping field expressions must reference the span", *s.by);
        return {};
      case Stage::Kind::kCoalesce: return {};
      case Stage::Kind::kSelect: return attributes(s.select);
    }
    return {};
  }

  static Status attributes(const std::vector<Attribute>& list) {
    for (const Attribute& a : list)
      if (a.of_parent)
        return fail(Errc::kInvalidArgument, "parent not yet supported: ", to_string(a));
    return {};
  }

  Status function(const Metrics& m) const {
    if (auto valid = pipeline(m.spans); !valid) return valid;
    if (m.measured) {
      const Type type = type_of(m.measured->intrinsic);
      if (type != Type::kDynamic && !is_numeric(type))
        return fail(Errc::kInvalidArgument, to_string(m.function),
                    "() needs a numeric attribute: ", to_string(*m.measured));
      if (auto valid = attributes({*m.measured}); !valid) return valid;
    }
    for (const double q : m.quantiles)
      if (!(q >= 0 && q <= 1))
        return fail(Errc::kInvalidArgument, "quantile must be between 0 and 1: ", q);
    if (m.selection)
      if (auto valid = spanset(*m.selection); !valid) return valid;
    const bool internal_label = m.function == MetricsFunction::kQuantileOverTime ||
                                m.function == MetricsFunction::kHistogramOverTime;
    if (m.by.size() + (internal_label ? 1 : 0) > limits_.group_by_max)
      return fail(Errc::kInvalidArgument, "metrics by() takes at most ",
                  limits_.group_by_max - (internal_label ? 1 : 0), " attributes here");
    return attributes(m.by);
  }

  const ParseLimits& limits_;
};

}  // namespace

Status validate(const Query& query, const ParseLimits& limits) {
  const Validator validator(limits);
  if (query.metrics) return validator.metrics(*query.metrics);
  return validator.pipeline(query.pipeline);
}

}  // namespace sightline::traceql
