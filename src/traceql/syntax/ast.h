#pragma once
// A TraceQL query as a tree. Built by parse(), checked by it, then only read.
//   Ownership  values and unique pointers; nothing points into the query text.
//   Units      durations are nanoseconds.
//   Source     TraceQL; spec: grammar, attributes and intrinsics.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightline::traceql {

// Type of a static value or of an expression. kDynamic: an attribute, known only on a span.
enum class Type : uint8_t {
  kNil,
  kString,
  kInt,
  kFloat,
  kBool,
  kDuration,
  kStatus,
  kKind,
  kDynamic
};
inline bool is_numeric(Type t) {
  return t == Type::kInt || t == Type::kFloat || t == Type::kDuration;
}

// A value written in the query. Status and kind hold OTLP's numbers.
struct Literal {
  Type type = Type::kNil;
  std::string text;     // kString
  int64_t integer = 0;  // kInt, kBool, kDuration, kStatus, kKind
  double real = 0;      // kFloat
};

enum class Scope : uint8_t { kNone, kSpan, kResource, kEvent, kLink, kInstrumentation };

enum class Intrinsic : uint8_t {
  kNone,
  kDuration,
  kName,
  kKind,
  kStatus,
  kStatusMessage,
  kSpanId,
  kParentId,
  kChildCount,
  kTraceDuration,
  kRootName,
  kRootServiceName,
  kTraceId,
  kEventName,
  kEventTimeSinceStart,
  kLinkTraceId,
  kLinkSpanId,
  kInstrumentationName,
  kInstrumentationVersion,
  kNestedSetLeft,
  kNestedSetRight,
  kNestedSetParent
};
// Both spellings: "duration" and "span:duration".
Intrinsic intrinsic_named(std::string_view text);
Type type_of(Intrinsic intrinsic);

struct Attribute {
  Scope scope = Scope::kNone;
  Intrinsic intrinsic = Intrinsic::kNone;  // kNone: `name` within `scope`
  std::string name;
  bool of_parent = false;  // parent.x
  friend bool operator==(const Attribute&, const Attribute&) = default;
  bool is_nested() const;        // of events or links: several per span
  bool is_service_name() const;  // resource.service.name, which is never nil
};
// As a label or a select() names it: "span.http.method", ".foo", "name", "trace:id".
std::string to_string(const Attribute& attribute);

enum class FieldOp : uint8_t {
  kAnd,
  kOr,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kRegex,
  kNotRegex,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kPower,
  kNot,
  kNegate
};
inline bool is_comparison(FieldOp op) { return op >= FieldOp::kEqual && op <= FieldOp::kNotRegex; }
inline bool is_arithmetic(FieldOp op) { return op >= FieldOp::kAdd && op <= FieldOp::kPower; }
std::string_view to_string(FieldOp op);

// An expression inside braces: over the attributes of one span.
struct Field;
using FieldPtr = std::unique_ptr<Field>;
struct Field {
  enum class Kind : uint8_t { kLiteral, kAttribute, kUnary, kBinary };
  Kind kind = Kind::kLiteral;
  Literal literal;
  Attribute attribute;
  FieldOp op = FieldOp::kAnd;
  FieldPtr left;  // kUnary: the operand
  FieldPtr right;
  uint32_t depth = 1;  // nodes on the longest way down
};
std::string to_string(const Literal& literal);
std::string to_string(const Field& field);
Type type_of(const Field& field);

enum class SpansetOp : uint8_t { kAnd, kOr, kChild, kDescendant, kParent, kAncestor, kSibling };
enum class SpansetForm : uint8_t { kPlain, kNegated, kUnion };  // > !> &>

struct Pipeline;
struct Spanset;
using SpansetPtr = std::unique_ptr<Spanset>;
struct Spanset {
  enum class Kind : uint8_t { kFilter, kOperation, kPipeline };
  Kind kind = Kind::kFilter;
  FieldPtr filter;                 // kFilter; null: every span
  SpansetOp op = SpansetOp::kAnd;  // kOperation
  SpansetForm form = SpansetForm::kPlain;
  SpansetPtr left;
  SpansetPtr right;
  std::unique_ptr<Pipeline> pipeline;  // kPipeline: a parenthesised one of several stages
  uint32_t depth = 1;
};

enum class AggregateOp : uint8_t { kCount, kMin, kMax, kAvg, kSum };
struct Scalar {
  std::optional<Literal> literal;  // else the aggregate
  AggregateOp aggregate = AggregateOp::kCount;
  FieldPtr field;  // null for count()
};
std::string to_string(const Scalar& scalar);

struct Stage {
  enum class Kind : uint8_t { kSpanset, kScalarFilter, kBy, kCoalesce, kSelect };
  Kind kind = Kind::kSpanset;
  SpansetPtr spanset;  // kSpanset
  Scalar left;         // kScalarFilter
  FieldOp op = FieldOp::kEqual;
  Scalar right;
  FieldPtr by;                    // kBy
  std::vector<Attribute> select;  // kSelect
};
struct Pipeline {
  std::vector<Stage> stages;  // never empty
};

enum class MetricsFunction : uint8_t {
  kRate,
  kCountOverTime,
  kMinOverTime,
  kMaxOverTime,
  kAvgOverTime,
  kSumOverTime,
  kQuantileOverTime,
  kHistogramOverTime,
  kCompare
};
std::string_view to_string(MetricsFunction function);

// What follows a metrics function: topk(n), bottomk(n), > number.
struct SecondStage {
  enum class Kind : uint8_t { kTopK, kBottomK, kFilter };
  Kind kind = Kind::kTopK;
  uint32_t count = 0;
  FieldOp op = FieldOp::kGreater;
  double value = 0;
};

struct Metrics;
using MetricsPtr = std::unique_ptr<Metrics>;
struct Metrics {
  enum class Kind : uint8_t { kFunction, kNumber, kBinary };
  Kind kind = Kind::kFunction;
  Pipeline spans;  // kFunction: the spans it counts
  MetricsFunction function = MetricsFunction::kRate;
  std::optional<Attribute> measured;  // *_over_time
  std::vector<double> quantiles;
  std::vector<Attribute> by;
  SpansetPtr selection;  // compare
  uint32_t top_count = 10;
  uint64_t selection_start_ns = 0;  // compare; 0 and 0: any time
  uint64_t selection_end_ns = 0;
  double number = 0;           // kNumber
  FieldOp op = FieldOp::kAdd;  // kBinary
  MetricsPtr left;
  MetricsPtr right;
  std::vector<SecondStage> second_stages;
  uint32_t depth = 1;
};

struct Hint {
  std::string name;
  Literal value;
};

struct Query {
  Pipeline pipeline;  // of a search; unused when `metrics` is set
  MetricsPtr metrics;
  std::vector<Hint> hints;
  const Literal* hint(std::string_view name) const;
};

// Calls `visit` with every attribute the expression names.
template <typename Visit>
void for_each_attribute(const Field& field, const Visit& visit) {
  if (field.kind == Field::Kind::kAttribute) visit(field.attribute);
  if (field.left) for_each_attribute(*field.left, visit);
  if (field.right) for_each_attribute(*field.right, visit);
}

}  // namespace sightline::traceql
