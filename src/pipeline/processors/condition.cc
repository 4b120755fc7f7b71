#include "pipeline/processors/condition.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/log.h"
#include "base/number_text.h"
#include "base/text_codec.h"
#include "model/value_text.h"

namespace sightline::pipeline {
namespace {

using config::OttlContext;
using config::OttlField;
using config::OttlNode;
using Kind = OttlNode::Kind;
using model::ValueKind;
using model::ValueView;
using Patterns = std::unordered_map<const OttlNode*, std::unique_ptr<re2::RE2>>;

// A value while a condition is evaluated. Maps stay where they are in the batch.
struct Value {
  enum class Type { kNil, kBool, kInt, kDouble, kString, kBytes, kList, kMap };
  Type type = Type::kNil;
  bool bool_value = false;
  int64_t int_value = 0;
  double double_value = 0;
  std::string text;          // kString, kBytes; kMap: its text, for comparing
  std::vector<Value> items;  // kList
  size_t size = 0;           // kMap

  static Value of(bool v) { return {.type = Type::kBool, .bool_value = v}; }
  static Value of(int64_t v) { return {.type = Type::kInt, .int_value = v}; }
  static Value of(double v) { return {.type = Type::kDouble, .double_value = v}; }
  static Value of(std::string v) { return {.type = Type::kString, .text = std::move(v)}; }
  static Value of_bytes(std::string v) { return {.type = Type::kBytes, .text = std::move(v)}; }
  bool is_number() const { return type == Type::kInt || type == Type::kDouble; }
  double number() const {
    return type == Type::kInt ? static_cast<double>(int_value) : double_value;
  }
};
using Type = Value::Type;

template <size_t kSize>
std::string bytes_of(const std::array<uint8_t, kSize>& id) {
  return std::string(reinterpret_cast<const char*>(id.data()), kSize);
}

Value value_of(const ValueView& view) {
  switch (view.kind) {
    case ValueKind::kEmpty: return {};
    case ValueKind::kString: return Value::of(std::string(view.bytes));
    case ValueKind::kBool: return Value::of(view.int_value != 0);
    case ValueKind::kInt: return Value::of(view.int_value);
    case ValueKind::kDouble: return Value::of(view.double_value);
    case ValueKind::kBytes: return Value::of_bytes(std::string(view.bytes));
    case ValueKind::kArray: return {.type = Type::kList, .text = model::value_text(view)};
    case ValueKind::kKvlist: return {.type = Type::kMap, .text = model::value_text(view)};
  }
  return {};
}

std::string_view kind_word(model::SpanKind kind) {
  static constexpr std::string_view kWords[] = {"Unspecified", "Internal", "Server",
                                                "Client",      "Producer", "Consumer"};
  return kWords[static_cast<size_t>(kind)];
}

std::string text_of(const Value& value) {
  switch (value.type) {
    case Type::kNil: return {};
    case Type::kBool: return value.bool_value ? "true" : "false";
    case Type::kInt: return std::to_string(value.int_value);
    case Type::kDouble: return format_float_plain(value.double_value);
    case Type::kBytes: return hex_encode(value.text);
    default: return value.text;
  }
}

template <typename T>
bool ordered(Kind op, const T& a, const T& b) {
  switch (op) {
    case Kind::kEqual: return a == b;
    case Kind::kNotEqual: return a != b;
    case Kind::kLess: return a < b;
    case Kind::kLessEqual: return a <= b;
    case Kind::kGreater: return a > b;
    default: return a >= b;
  }
}

bool compare(Kind op, const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.type == Type::kInt && b.type == Type::kInt) return ordered(op, a.int_value, b.int_value);
    return ordered(op, a.number(), b.number());
  }
  if (a.type != b.type) return op == Kind::kNotEqual;
  switch (a.type) {
    case Type::kNil: return op == Kind::kEqual;
    case Type::kBool: return ordered(op, a.bool_value, b.bool_value);
    case Type::kString:
    case Type::kBytes: return ordered(op, a.text, b.text);
    default:
      return op == Kind::kEqual ? a.text == b.text : op == Kind::kNotEqual && a.text != b.text;
  }
}

bool asks_for_points_itself(const OttlNode& node) {
  return node.kind == Kind::kCall && node.text.ends_with("OnDatapoint");
}
bool asks_for_points_within(const OttlNode& node) {
  return asks_for_points_itself(node) || std::ranges::any_of(node.children, asks_for_points_within);
}

class Evaluation {
 public:
  Evaluation(const ConditionSubject& subject, const Patterns& patterns)
      : subject_(subject), patterns_(patterns) {}

  Result<bool> truth(const OttlNode& node) const;

 private:
  Result<Value> value(const OttlNode& node) const;
  Result<Value> arithmetic(const OttlNode& node) const;
  Result<Value> call(const OttlNode& node) const;
  Result<Value> text_call(const OttlNode& node, std::vector<Value>& arguments) const;
  Result<Value> number_call(const OttlNode& node, const Value& argument) const;
  Value field(const OttlNode& node) const;
  Value span_field(const OttlNode& node) const;
  Value metric_field(const OttlNode& node) const;
  Value point_field(const OttlNode& node) const;
  Result<Value> point_call(const OttlNode& node, const std::vector<Value>& arguments) const;
  Value attribute(model::Run run, const OttlNode& node) const {
    return attribute(subject_.batch->of(run), node);
  }
  static Value attribute(std::span<const model::AttributeView> attributes, const OttlNode& node);

  const ConditionSubject& subject_;
  const Patterns& patterns_;
};

Result<bool> Evaluation::truth(const OttlNode& node) const {
  switch (node.kind) {
    case Kind::kOr:
    case Kind::kAnd: {
      const auto left = truth(node.children[0]);
      if (!left || *left == (node.kind == Kind::kOr)) return left;
      return truth(node.children[1]);
    }
    case Kind::kNot: {
      const auto inner = truth(node.children[0]);
      if (!inner) return inner;
      return !*inner;
    }
    case Kind::kEqual:
    case Kind::kNotEqual:
    case Kind::kLess:
    case Kind::kLessEqual:
    case Kind::kGreater:
    case Kind::kGreaterEqual: {
      const auto left = value(node.children[0]);
      if (!left) return std::unexpected(left.error());
      const auto right = value(node.children[1]);
      if (!right) return std::unexpected(right.error());
      return compare(node.kind, *left, *right);
    }
    default: break;
  }
  const auto found = value(node);
  if (!found) return std::unexpected(found.error());
  if (found->type == Type::kBool) return found->bool_value;
  return fail(Errc::kInvalidArgument, "a condition must be true or false, got \"", text_of(*found),
              "\"");
}

Result<Value> Evaluation::value(const OttlNode& node) const {
  switch (node.kind) {
    case Kind::kNil: return Value{};
    case Kind::kBool: return Value::of(node.bool_value);
    case Kind::kInt: return Value::of(node.int_value);
    case Kind::kDouble: return Value::of(node.double_value);
    case Kind::kString: return Value::of(node.text);
    case Kind::kBytes: return Value::of_bytes(node.text);
    case Kind::kField: return field(node);
    case Kind::kCall: return call(node);
    case Kind::kAdd:
    case Kind::kSubtract:
    case Kind::kMultiply:
    case Kind::kDivide: return arithmetic(node);
    case Kind::kList: {
      Value list{.type = Type::kList};
      for (const OttlNode& child : node.children) {
        auto item = value(child);
        if (!item) return item;
        list.text += (list.text.empty() ? "[" : ",") + text_of(*item);
        list.items.push_back(std::move(*item));
      }
      list.text += list.text.empty() ? "[]" : "]";
      return list;
    }
    default: break;
  }
  const auto inner = truth(node);
  if (!inner) return std::unexpected(inner.error());
  return Value::of(*inner);
}

Result<Value> Evaluation::arithmetic(const OttlNode& node) const {
  const auto a = value(node.children[0]);
  if (!a) return a;
  const auto b = value(node.children[1]);
  if (!b) return b;
  if (!a->is_number() || !b->is_number())
    return fail(Errc::kInvalidArgument, "can calculate with numbers only");
  const bool whole = a->type == Type::kInt && b->type == Type::kInt;
  const auto x = static_cast<uint64_t>(a->int_value),
             y = static_cast<uint64_t>(b->int_value);  // wraps as Go does
  switch (node.kind) {
    case Kind::kAdd:
      return whole ? Value::of(static_cast<int64_t>(x + y)) : Value::of(a->number() + b->number());
    case Kind::kSubtract:
      return whole ? Value::of(static_cast<int64_t>(x - y)) : Value::of(a->number() - b->number());
    case Kind::kMultiply:
      return whole ? Value::of(static_cast<int64_t>(x * y)) : Value::of(a->number() * b->number());
    default: break;
  }
  if (b->number() == 0) return fail(Errc::kInvalidArgument, "attempt to divide by 0");
  if (!whole) return Value::of(a->number() / b->number());
  if (b->int_value == -1) return Value::of(static_cast<int64_t>(0 - x));
  return Value::of(a->int_value / b->int_value);
}

Value Evaluation::attribute(std::span<const model::AttributeView> attributes,
                            const OttlNode& node) {
  if (node.keys.empty()) {
    Value map{.type = Type::kMap, .size = attributes.size()};
    for (const model::AttributeView& each : attributes)
      map.text.append(each.key).append("=").append(model::value_text(each.value)).append(";");
    return map;
  }
  const auto found = std::ranges::find(attributes, node.keys[0], &model::AttributeView::key);
  if (found == attributes.end() || node.keys.size() > 1) return {};
  return value_of(found->value);
}

template <typename T>
Value list_of(const std::vector<T>& numbers) {
  Value list{.type = Type::kList, .text = "["};
  for (const T number : numbers) {
    if constexpr (std::is_integral_v<T>)
      list.items.push_back(Value::of(static_cast<int64_t>(number)));
    else
      list.items.push_back(Value::of(number));
    list.text += (list.items.size() > 1 ? "," : "") + text_of(list.items.back());
  }
  list.text += "]";
  return list;
}

Value Evaluation::metric_field(const OttlNode& node) const {
  const ConditionSubject& s = subject_;
  const auto text = [](std::string_view value) { return Value::of(std::string(value)); };
  switch (node.field) {
    case OttlField::kResourceAttributes: return attribute(s.metric_resource->attributes, node);
    case OttlField::kResourceDropped:
      return Value::of(static_cast<int64_t>(s.metric_resource->dropped_attributes));
    case OttlField::kResourceSchemaUrl: return text(s.metric_resource->schema_url);
    default: break;
  }
  if (s.metric_scope == nullptr) return {};
  switch (node.field) {
    case OttlField::kScopeName: return text(s.metric_scope->name);
    case OttlField::kScopeVersion: return text(s.metric_scope->version);
    case OttlField::kScopeAttributes: return attribute(s.metric_scope->attributes, node);
    case OttlField::kScopeSchemaUrl: return text(s.metric_scope->schema_url);
    default: break;
  }
  if (s.metric == nullptr) return {};
  const model::MetricView& metric = *s.metric;
  switch (node.field) {
    case OttlField::kMetricName: return text(metric.name);
    case OttlField::kMetricDescription: return text(metric.description);
    case OttlField::kMetricUnit: return text(metric.unit);
    case OttlField::kMetricMetadata: return attribute(metric.metadata, node);
    case OttlField::kMetricType: return Value::of(static_cast<int64_t>(metric.kind) + 1);
    case OttlField::kMetricTemporality:
      if (metric.kind == model::MetricKind::kGauge || metric.kind == model::MetricKind::kSummary)
        return {};
      return Value::of(static_cast<int64_t>(metric.temporality));
    case OttlField::kMetricIsMonotonic:
      return metric.kind == model::MetricKind::kSum ? Value::of(metric.is_monotonic) : Value{};
    default: return s.point == nullptr ? Value{} : point_field(node);
  }
}

// What a point of the metric's kind has not is nil.
Value Evaluation::point_field(const OttlNode& node) const {
  const model::DataPoint& point = *subject_.point;
  const model::MetricKind kind = subject_.metric->kind;
  const bool is_number = kind == model::MetricKind::kGauge || kind == model::MetricKind::kSum;
  const bool is_exponential = kind == model::MetricKind::kExponentialHistogram;
  const auto whole = [](bool has, uint64_t value) {
    return has ? Value::of(static_cast<int64_t>(value)) : Value{};
  };
  switch (node.field) {
    case OttlField::kPointStartNs: return whole(true, point.start_ns);
    case OttlField::kPointTimeNs: return whole(true, point.time_ns);
    case OttlField::kPointFlags: return whole(true, point.flags);
    case OttlField::kPointDouble:
      return is_number ? Value::of(point.is_int ? 0.0 : point.value) : Value{};
    case OttlField::kPointInt:
      return is_number ? Value::of(point.is_int ? point.int_value : int64_t{0}) : Value{};
    case OttlField::kPointCount: return whole(!is_number, point.count);
    case OttlField::kPointSum: return is_number ? Value{} : Value::of(point.sum);
    case OttlField::kPointScale:
      return is_exponential ? Value::of(static_cast<int64_t>(point.scale)) : Value{};
    case OttlField::kPointZeroCount: return whole(is_exponential, point.zero_count);
    case OttlField::kPointBucketCounts:
      return kind == model::MetricKind::kHistogram ? list_of(point.bucket_counts) : Value{};
    case OttlField::kPointBounds:
      return kind == model::MetricKind::kHistogram ? list_of(point.bounds) : Value{};
    default: return attribute(point.attributes, node);
  }
}

// HasAttrKeyOnDatapoint(key), HasAttrOnDatapoint(key, text).
Result<Value> Evaluation::point_call(const OttlNode& node,
                                     const std::vector<Value>& arguments) const {
  for (const Value& argument : arguments)
    if (argument.type != Type::kString)
      return fail(Errc::kInvalidArgument, node.text, " takes strings, got \"", text_of(argument),
                  "\"");
  for (const model::DataPoint& point : *subject_.points)
    for (const model::AttributeView& a : point.attributes)
      if (a.key == arguments[0].text &&
          (arguments.size() == 1 ||
           (a.value.kind == ValueKind::kString && a.value.bytes == arguments[1].text)))
        return Value::of(true);
  return Value::of(false);
}

Value Evaluation::span_field(const OttlNode& node) const {
  const model::SpanView& span = *subject_.span;
  switch (node.field) {
    case OttlField::kTraceId: return Value::of_bytes(bytes_of(span.trace_id.bytes));
    case OttlField::kTraceIdText: return Value::of(to_hex(span.trace_id));
    case OttlField::kSpanId: return Value::of_bytes(bytes_of(span.span_id.bytes));
    case OttlField::kSpanIdText: return Value::of(to_hex(span.span_id));
    case OttlField::kParentSpanId: return Value::of_bytes(bytes_of(span.parent_span_id.bytes));
    case OttlField::kParentSpanIdText:
      return Value::of(span.parent_span_id.is_valid() ? to_hex(span.parent_span_id)
                                                      : std::string());
    case OttlField::kTraceState: return Value::of(std::string(span.trace_state));
    case OttlField::kName: return Value::of(std::string(span.name));
    case OttlField::kKind: return Value::of(static_cast<int64_t>(span.kind));
    case OttlField::kKindText: return Value::of(std::string(kind_word(span.kind)));
    case OttlField::kDeprecatedKind:
      return Value::of(std::string(model::span_kind_name(span.kind)));
    case OttlField::kStartNs: return Value::of(static_cast<int64_t>(span.start.value));
    case OttlField::kEndNs: return Value::of(static_cast<int64_t>(span.end.value));
    case OttlField::kDroppedAttributes:
      return Value::of(static_cast<int64_t>(span.dropped_attributes));
    case OttlField::kDroppedEvents: return Value::of(static_cast<int64_t>(span.dropped_events));
    case OttlField::kDroppedLinks: return Value::of(static_cast<int64_t>(span.dropped_links));
    case OttlField::kStatusCode: return Value::of(static_cast<int64_t>(span.status));
    case OttlField::kStatusMessage: return Value::of(std::string(span.status_message));
    case OttlField::kFlags: return Value::of(static_cast<int64_t>(span.flags));
    default: return attribute(span.attributes, node);
  }
}

Value Evaluation::field(const OttlNode& node) const {
  const ConditionSubject& s = subject_;
  if (s.metric_resource != nullptr) return metric_field(node);
  switch (node.field) {
    case OttlField::kResourceAttributes: return attribute(s.resource->attributes, node);
    case OttlField::kResourceDropped:
      return Value::of(static_cast<int64_t>(s.resource->dropped_attributes));
    case OttlField::kResourceSchemaUrl: return Value::of(std::string(s.resource->schema_url));
    default: break;
  }
  if (s.scope == nullptr) return {};
  switch (node.field) {
    case OttlField::kScopeName: return Value::of(std::string(s.scope->name));
    case OttlField::kScopeVersion: return Value::of(std::string(s.scope->version));
    case OttlField::kScopeAttributes: return attribute(s.scope->attributes, node);
    case OttlField::kScopeSchemaUrl: return Value::of(std::string(s.scope->schema_url));
    default: break;
  }
  if (node.field >= OttlField::kEventName) {
    if (s.event == nullptr) return {};
    switch (node.field) {
      case OttlField::kEventName: return Value::of(std::string(s.event->name));
      case OttlField::kEventTimeNs: return Value::of(static_cast<int64_t>(s.event->time.value));
      case OttlField::kEventDropped:
        return Value::of(static_cast<int64_t>(s.event->dropped_attributes));
      default: return attribute(s.event->attributes, node);
    }
  }
  return s.span == nullptr ? Value{} : span_field(node);
}

Result<Value> Evaluation::number_call(const OttlNode& node, const Value& argument) const {
  const bool to_int = node.text == "Int";
  switch (argument.type) {
    case Type::kInt: return to_int ? argument : Value::of(static_cast<double>(argument.int_value));
    case Type::kDouble:
      return to_int ? Value::of(model::whole_of(argument.double_value)) : argument;
    case Type::kBool:
      return to_int ? Value::of(static_cast<int64_t>(argument.bool_value))
                    : Value::of(argument.bool_value ? 1.0 : 0.0);
    case Type::kString: {
      if (to_int) {
        const auto parsed = parse_int(argument.text);
        return parsed ? Value::of(*parsed) : Value{};
      }
      const auto parsed = parse_float(argument.text);
      return parsed ? Value::of(*parsed) : Value{};
    }
    default: return Value{};
  }
}

Result<Value> Evaluation::text_call(const OttlNode& node, std::vector<Value>& a) const {
  if (node.text == "Concat") {
    std::string joined;
    for (size_t i = 0; i < a[0].items.size(); ++i)
      joined += (i > 0 ? a[1].text : std::string()) + text_of(a[0].items[i]);
    return Value::of(std::move(joined));
  }
  if (node.text == "ContainsValue")
    return Value::of(std::any_of(a[0].items.begin(), a[0].items.end(), [&](const Value& item) {
      return compare(Kind::kEqual, item, a[1]);
    }));
  if (a[0].type != Type::kString)
    return fail(Errc::kInvalidArgument, node.text, " takes a string, got \"", text_of(a[0]), "\"");
  std::string text = std::move(a[0].text);
  if (node.text == "HasPrefix") return Value::of(text.starts_with(a[1].text));
  if (node.text == "HasSuffix") return Value::of(text.ends_with(a[1].text));
  if (node.text == "ToLowerCase")
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::tolower(c); });
  if (node.text == "ToUpperCase")
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::toupper(c); });
  if (node.text == "Trim") {
    while (text.ends_with(' ')) text.pop_back();
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  }
  if (node.text == "Substring") {
    const int64_t start = a[1].int_value, length = a[2].int_value;
    if (start < 0 || length <= 0 || start > static_cast<int64_t>(text.size()) ||
        length > static_cast<int64_t>(text.size()) - start)
      return fail(Errc::kInvalidArgument, "Substring: ", start, ", ", length,
                  " lies outside of the string");
    text = text.substr(static_cast<size_t>(start), static_cast<size_t>(length));
  }
  return Value::of(std::move(text));
}

Result<Value> Evaluation::call(const OttlNode& node) const {
  if (node.text == "IsRootSpan")
    return Value::of(subject_.span != nullptr && !subject_.span->parent_span_id.is_valid());
  std::vector<Value> arguments;
  for (const OttlNode& child : node.children) {
    auto argument = value(child);
    if (!argument) return argument;
    arguments.push_back(std::move(*argument));
  }
  if (asks_for_points_itself(node)) return point_call(node, arguments);
  const Value& first = arguments[0];
  const std::string& name = node.text;
  if (name == "IsMatch") {
    if (first.type == Type::kNil) return Value::of(false);
    return Value::of(RE2::PartialMatch(text_of(first), *patterns_.at(&node)));
  }
  if (name == "IsString") return Value::of(first.type == Type::kString);
  if (name == "IsInt") return Value::of(first.type == Type::kInt);
  if (name == "IsDouble") return Value::of(first.type == Type::kDouble);
  if (name == "IsBool") return Value::of(first.type == Type::kBool);
  if (name == "IsMap") return Value::of(first.type == Type::kMap);
  if (name == "IsList") return Value::of(first.type == Type::kList);
  if (name == "TraceID" || name == "SpanID") return Value::of_bytes(first.text);
  if (name == "String") return first.type == Type::kNil ? Value{} : Value::of(text_of(first));
  if (name == "Int" || name == "Double") return number_call(node, first);
  if (name == "Len") {
    if (first.type == Type::kString || first.type == Type::kBytes)
      return Value::of(static_cast<int64_t>(first.text.size()));
    if (first.type == Type::kMap) return Value::of(static_cast<int64_t>(first.size));
    if (first.type == Type::kList) return Value::of(static_cast<int64_t>(first.items.size()));
    return fail(Errc::kInvalidArgument, "Len takes a string, a list or a map");
  }
  return text_call(node, arguments);
}

void compile(const OttlNode& node, Patterns& patterns) {
  if (node.kind == Kind::kCall && node.text == "IsMatch")
    patterns.emplace(&node, std::make_unique<RE2>(node.children[1].text, RE2::Quiet));
  for (const OttlNode& child : node.children) compile(child, patterns);
}

}  // namespace

Condition::Condition(config::OttlCondition condition)
    : condition_(std::make_unique<const config::OttlCondition>(std::move(condition))) {
  compile(condition_->root, patterns_);
}
Condition::~Condition() = default;
Condition::Condition(Condition&&) noexcept = default;

bool Condition::asks_for_points() const { return asks_for_points_within(condition_->root); }

Result<bool> Condition::matches(const ConditionSubject& subject) const {
  return Evaluation(subject, patterns_).truth(condition_->root);
}

Conditions::Conditions(const std::vector<config::OttlCondition>& conditions,
                       config::OttlErrorMode mode)
    : mode_(mode) {
  for (const config::OttlCondition& condition : conditions) conditions_.emplace_back(condition);
}

bool Conditions::has(OttlContext context) const {
  return std::any_of(conditions_.begin(), conditions_.end(),
                     [&](const Condition& c) { return c.context() == context; });
}

bool Conditions::asks_for_points() const {
  return std::ranges::any_of(conditions_, &Condition::asks_for_points);
}

Result<bool> Conditions::any(OttlContext context, const ConditionSubject& subject) const {
  for (const Condition& condition : conditions_) {
    if (condition.context() != context) continue;
    auto matched = condition.matches(subject);
    if (matched && *matched) return true;
    if (matched) continue;
    if (mode_ == config::OttlErrorMode::kPropagate)
      return in_context(condition.text(), std::move(matched).error());
    if (mode_ == config::OttlErrorMode::kIgnore)
      SL_LOG_DEBUG("condition {}: {}", condition.text(), matched.error().message);
  }
  return false;
}

}  // namespace sightline::pipeline
