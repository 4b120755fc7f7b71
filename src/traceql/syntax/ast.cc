#include "traceql/syntax/ast.h"

#include <array>
#include <chrono>

#include "base/number_text.h"

namespace sightline::traceql {
namespace {

struct IntrinsicNames {
  Intrinsic intrinsic;
  std::string_view bare;    // empty: none
  std::string_view scoped;  // empty: none
  Type type;
};
constexpr std::array<IntrinsicNames, 21> kIntrinsics = {{
    {Intrinsic::kDuration, "duration", "span:duration", Type::kDuration},
    {Intrinsic::kName, "name", "span:name", Type::kString},
    {Intrinsic::kKind, "kind", "span:kind", Type::kKind},
    {Intrinsic::kStatus, "status", "span:status", Type::kStatus},
    {Intrinsic::kStatusMessage, "statusMessage", "span:statusMessage", Type::kString},
    {Intrinsic::kSpanId, "", "span:id", Type::kString},
    {Intrinsic::kParentId, "", "span:parentID", Type::kString},
    {Intrinsic::kChildCount, "", "span:childCount", Type::kInt},
    {Intrinsic::kTraceDuration, "traceDuration", "trace:duration", Type::kDuration},
    {Intrinsic::kRootName, "rootName", "trace:rootName", Type::kString},
    {Intrinsic::kRootServiceName, "rootServiceName", "trace:rootService", Type::kString},
    {Intrinsic::kTraceId, "", "trace:id", Type::kString},
    {Intrinsic::kEventName, "", "event:name", Type::kString},
    {Intrinsic::kEventTimeSinceStart, "", "event:timeSinceStart", Type::kDuration},
    {Intrinsic::kLinkTraceId, "", "link:traceID", Type::kString},
    {Intrinsic::kLinkSpanId, "", "link:spanID", Type::kString},
    {Intrinsic::kInstrumentationName, "", "instrumentation:name", Type::kString},
    {Intrinsic::kInstrumentationVersion, "", "instrumentation:version", Type::kString},
    {Intrinsic::kNestedSetLeft, "nestedSetLeft", "", Type::kInt},
    {Intrinsic::kNestedSetRight, "nestedSetRight", "", Type::kInt},
    {Intrinsic::kNestedSetParent, "nestedSetParent", "", Type::kInt},
}};

std::string quoted_name(std::string_view name) {
  if (name.find_first_of("{}()=!<>~&|^, \t\r\n\"\\") == std::string_view::npos)
    return std::string(name);
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::string operand_text(const Field& field) {
  return field.kind == Field::Kind::kBinary ? "(" + to_string(field) + ")" : to_string(field);
}

}  // namespace

Intrinsic intrinsic_named(std::string_view text) {
  for (const IntrinsicNames& names : kIntrinsics)
    if (text == names.bare || text == names.scoped)
      return text.empty() ? Intrinsic::kNone : names.intrinsic;
  return Intrinsic::kNone;
}

Type type_of(Intrinsic intrinsic) {
  for (const IntrinsicNames& names : kIntrinsics)
    if (names.intrinsic == intrinsic) return names.type;
  return Type::kDynamic;
}

bool Attribute::is_nested() const {
  if (intrinsic == Intrinsic::kNone) return scope == Scope::kEvent || scope == Scope::kLink;
  return intrinsic >= Intrinsic::kEventName && intrinsic <= Intrinsic::kLinkSpanId;
}

bool Attribute::is_service_name() const {
  return scope == Scope::kResource && name == "service.name" && !of_parent;
}

std::string to_string(const Attribute& attribute) {
  if (attribute.intrinsic != Intrinsic::kNone)
    for (const IntrinsicNames& names : kIntrinsics)
      if (names.intrinsic == attribute.intrinsic)
        return std::string(names.bare.empty() ? names.scoped : names.bare);
  static constexpr std::array<std::string_view, 6> kPrefixes = {
      ".", "span.", "resource.", "event.", "link.", "instrumentation."};
  std::string out = attribute.of_parent ? "parent" : "";
  if (attribute.of_parent && attribute.scope != Scope::kNone) out += ".";
  return out.append(kPrefixes[static_cast<size_t>(attribute.scope)])
      .append(quoted_name(attribute.name));
}

std::string_view to_string(FieldOp op) {
  static constexpr std::array<std::string_view, 18> kTexts = {
      "&&", "||", "=", "!=", "<", "<=", ">", ">=", "=~",
      "!~", "+",  "-", "*",  "/", "%",  "^", "!",  "-"};
  return kTexts[static_cast<size_t>(op)];
}

std::string to_string(const Literal& literal) {
  static constexpr std::array<std::string_view, 3> kStatuses = {"unset", "ok", "error"};
  static constexpr std::array<std::string_view, 6> kKinds = {"unspecified", "internal", "server",
                                                             "client",      "producer", "consumer"};
  switch (literal.type) {
    case Type::kNil:
    case Type::kDynamic: return "nil";
    case Type::kString: return "`" + literal.text + "`";
    case Type::kInt: return std::to_string(literal.integer);
    case Type::kFloat: return format_float_plain(literal.real);
    case Type::kBool: return literal.integer != 0 ? "true" : "false";
    case Type::kDuration: return format_go_duration(std::chrono::nanoseconds(literal.integer));
    case Type::kStatus: return std::string(kStatuses[static_cast<size_t>(literal.integer)]);
    case Type::kKind: return std::string(kKinds[static_cast<size_t>(literal.integer)]);
  }
  return {};
}

std::string to_string(const Field& field) {
  switch (field.kind) {
    case Field::Kind::kLiteral: return to_string(field.literal);
    case Field::Kind::kAttribute: return to_string(field.attribute);
    case Field::Kind::kUnary: return std::string(to_string(field.op)) + operand_text(*field.left);
    case Field::Kind::kBinary:
      return operand_text(*field.left)
          .append(" ")
          .append(to_string(field.op))
          .append(" ")
          .append(operand_text(*field.right));
  }
  return {};
}

Type type_of(const Field& field) {
  switch (field.kind) {
    case Field::Kind::kLiteral: return field.literal.type;
    case Field::Kind::kAttribute: return type_of(field.attribute.intrinsic);
    case Field::Kind::kUnary: return field.op == FieldOp::kNot ? Type::kBool : type_of(*field.left);
    case Field::Kind::kBinary: break;
  }
  if (!is_arithmetic(field.op)) return Type::kBool;
  const Type left = type_of(*field.left);
  const Type right = type_of(*field.right);
  if (left == Type::kDynamic || right == Type::kDynamic) return Type::kFloat;  // some number
  if (left == Type::kDuration || right == Type::kDuration)
    return left == right && field.op == FieldOp::kDivide ? Type::kFloat : Type::kDuration;
  return left == Type::kFloat || right == Type::kFloat ? Type::kFloat : Type::kInt;
}

std::string to_string(const Scalar& scalar) {
  if (scalar.literal) return to_string(*scalar.literal);
  static constexpr std::array<std::string_view, 5> kNames = {"count", "min", "max", "avg", "sum"};
  return std::string(kNames[static_cast<size_t>(scalar.aggregate)]) + "(" +
         (scalar.field ? to_string(*scalar.field) : "") + ")";
}

std::string_view to_string(MetricsFunction function) {
  static constexpr std::array<std::string_view, 9> kNames = {
      "rate",          "count_over_time", "min_over_time",      "max_over_time",
      "avg_over_time", "sum_over_time",   "quantile_over_time", "histogram_over_time",
      "compare"};
  return kNames[static_cast<size_t>(function)];
}

const Literal* Query::hint(std::string_view name) const {
  for (const Hint& h : hints)
    if (h.name == name) return &h.value;
  return nullptr;
}

}  // namespace sightline::traceql
