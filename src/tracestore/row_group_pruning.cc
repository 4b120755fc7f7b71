#include "tracestore/row_group_pruning.h"

#include <algorithm>

namespace sightline::tracestore {
namespace {

using model::ValueKind;
using model::ValueView;

template <typename T>
bool compares(const T& value, ConditionOp op, const T& wanted) {
  switch (op) {
    case ConditionOp::kEqual: return value == wanted;
    case ConditionOp::kLess: return value < wanted;
    case ConditionOp::kLessEqual: return value <= wanted;
    case ConditionOp::kGreater: return value > wanted;
    case ConditionOp::kGreaterEqual: return value >= wanted;
    default: return true;
  }
}

bool is_number(ValueKind kind) { return kind == ValueKind::kInt || kind == ValueKind::kDouble; }

// A regex nobody can ask about says as much as that the attribute is there.
bool asks_presence(const Condition& condition) {
  return condition.op == ConditionOp::kExists ||
         (condition.op == ConditionOp::kRegex && !condition.matches);
}

bool value_may_match(const ValueView& value, const Condition& condition) {
  if (condition.op == ConditionOp::kRegex && condition.matches)
    return value.kind == ValueKind::kArray ||
           (value.kind == ValueKind::kString && condition.matches(value.bytes));
  if (condition.op == ConditionOp::kRegex || condition.op == ConditionOp::kExists) return true;
  if (condition.kind == ValueKind::kString)
    return value.kind == ValueKind::kArray ||
           (value.kind == ValueKind::kString &&
            compares<std::string_view>(value.bytes, condition.op, condition.text));
  if (condition.kind == ValueKind::kBool)
    return value.kind == ValueKind::kArray ||
           (value.kind == ValueKind::kBool &&
            compares(value.int_value, condition.op, condition.number));
  if (is_number(condition.kind)) {
    if (value.kind == ValueKind::kArray) return true;  // its elements are not looked at here
    if (!is_number(value.kind)) return false;
    if (value.kind == ValueKind::kInt && condition.kind == ValueKind::kInt)
      return compares(value.int_value, condition.op, condition.number);
    const double real = value.kind == ValueKind::kDouble ? value.double_value
                                                         : static_cast<double>(value.int_value);
    const double wanted = condition.kind == ValueKind::kDouble
                              ? condition.real
                              : static_cast<double>(condition.number);
    return compares(real, condition.op, wanted);
  }
  return true;
}

// A row may lack the attribute and still be unequal to something: no ground to pass the group by.
bool says_nothing(const Condition& condition) { return condition.op == ConditionOp::kNotEqual; }

bool bit_may_match(uint32_t bits, const Condition& condition) {
  for (int64_t n = 0; n < 32; ++n)
    if ((bits >> n & 1) != 0 && (n == 31 || compares(n, condition.op, condition.number)))
      return true;
  return false;
}

bool zone_may_meet(const RowGroupZone& zone, const Condition& condition) {
  if (says_nothing(condition) || condition.op == ConditionOp::kExists ||
      condition.op == ConditionOp::kRegex)
    return true;
  if (condition.intrinsic == Intrinsic::kKind) return bit_may_match(zone.kinds, condition);
  if (condition.intrinsic == Intrinsic::kStatus) return bit_may_match(zone.statuses, condition);
  if (condition.intrinsic != Intrinsic::kDuration) return true;
  const auto wanted = static_cast<uint64_t>(std::max<int64_t>(condition.number, 0));
  switch (condition.op) {
    case ConditionOp::kEqual: return zone.min_duration <= wanted && wanted <= zone.max_duration;
    case ConditionOp::kLess: return zone.min_duration < wanted;
    case ConditionOp::kLessEqual: return zone.min_duration <= wanted;
    case ConditionOp::kGreater: return zone.max_duration > wanted || condition.number < 0;
    default: return zone.max_duration >= wanted;
  }
}

bool any_may_match(const std::vector<ValueView>& values, const Condition& condition) {
  return std::any_of(values.begin(), values.end(),
                     [&](const ValueView& v) { return value_may_match(v, condition); });
}

Result<bool> attribute_may_meet(RowGroupDecoder& decoder, AttributeOwner owner,
                                const Condition& condition) {
  const auto present = decoder.has_key(owner, condition.key);
  if (!present || !*present || asks_presence(condition)) return present;
  const auto dictionary = decoder.attribute_dictionary(owner, condition.key);
  if (!dictionary) return std::unexpected(dictionary.error());
  return !*dictionary || any_may_match((*dictionary)->values, condition);
}

Result<bool> table_may_meet(RowGroupDecoder& decoder, AttributeScope scope, std::string_view key,
                            const Condition& condition) {
  const auto tables = decoder.tables();
  if (!tables) return std::unexpected(tables.error());
  const auto meets = [&](model::Run run) {
    const ValueView* value = (*tables)->batch.find(run, key);
    return value != nullptr && value_may_match(*value, condition);
  };
  if (scope == AttributeScope::kScope)
    return std::any_of((*tables)->batch.scopes.begin(), (*tables)->batch.scopes.end(),
                       [&](const auto& s) { return meets(s.attributes); });
  return std::any_of((*tables)->batch.resources.begin(), (*tables)->batch.resources.end(),
                     [&](const auto& r) { return meets(r.attributes); });
}

Result<bool> name_may_meet(RowGroupDecoder& decoder, const Condition& condition) {
  const auto tables = decoder.tables();
  if (!tables) return std::unexpected(tables.error());
  return std::any_of((*tables)->names.begin(), (*tables)->names.end(), [&](std::string_view name) {
    return value_may_match(ValueView::of_string(name), condition);
  });
}

Result<bool> message_may_meet(RowGroupDecoder& decoder, const Condition& condition) {
  const auto dictionary = decoder.texts(ChunkType::kStatusMessages);
  if (!dictionary) return std::unexpected(dictionary.error());
  return any_may_match(dictionary->values, condition);
}

Result<bool> may_meet(RowGroupDecoder& decoder, const Condition& condition) {
  if (says_nothing(condition)) return true;
  switch (condition.intrinsic) {
    case Intrinsic::kName: return name_may_meet(decoder, condition);
    case Intrinsic::kStatusMessage: return message_may_meet(decoder, condition);
    case Intrinsic::kServiceName:
      return table_may_meet(decoder, AttributeScope::kResource, "service.name", condition);
    case Intrinsic::kNone: break;
    default: return zone_may_meet(decoder.zone(), condition);
  }
  if (!condition.scope) {
    const auto span = attribute_may_meet(decoder, AttributeOwner::kSpan, condition);
    if (!span || *span) return span;
    return table_may_meet(decoder, AttributeScope::kResource, condition.key, condition);
  }
  switch (*condition.scope) {
    case AttributeScope::kSpan:
      return attribute_may_meet(decoder, AttributeOwner::kSpan, condition);
    case AttributeScope::kEvent:
      return attribute_may_meet(decoder, AttributeOwner::kEvent, condition);
    case AttributeScope::kLink:
      return attribute_may_meet(decoder, AttributeOwner::kLink, condition);
    default: return table_may_meet(decoder, *condition.scope, condition.key, condition);
  }
}

}  // namespace

bool zone_may_match(const RowGroupZone& zone, const ScanRequest& request) {
  if (zone.min_start > request.max || zone.max_end < request.min) return false;
  const auto meets = [&](const Condition& c) { return zone_may_meet(zone, c); };
  if (request.conditions.empty()) return true;
  return request.all_conditions
             ? std::all_of(request.conditions.begin(), request.conditions.end(), meets)
             : std::any_of(request.conditions.begin(), request.conditions.end(), meets);
}

Result<bool> dictionaries_may_match(RowGroupDecoder& decoder, const ScanRequest& request) {
  for (const Condition& condition : request.conditions) {
    const auto meets = may_meet(decoder, condition);
    if (!meets) return meets;
    if (*meets != request.all_conditions)
      return *meets;  // one that fails all, or one that suffices
  }
  return request.conditions.empty() || request.all_conditions;
}

}  // namespace sightline::tracestore
