#include "tracestore/row_group/row_group_pruning.h"

#include <algorithm>

#include "base/text_search.h"
#include "tracestore/row_group/value_filter.h"

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
           (value.kind == ValueKind::kString && holds_text(value.bytes, condition.literal) &&
            condition.matches(value.bytes));
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
  if (condition.op == ConditionOp::kRegex && !condition.literal.empty()) {
    const auto may_hold = decoder.attribute_may_hold(owner, condition.key, condition.literal);
    if (!may_hold || !*may_hold) return may_hold;
  }
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
  const auto tables = decoder.tables();
  if (!tables) return std::unexpected(tables.error());
  if (!decoder.has_chunk(ChunkType::kStatusMessages))
    return value_may_match(ValueView::of_string({}), condition);
  const auto reader = decoder.text_source(ChunkType::kStatusMessages, decoder.class_count());
  if (!reader) return std::unexpected(reader.error());
  if (!(*reader)->has_dictionary()) return true;
  const auto dictionary = (*reader)->dictionary();
  if (!dictionary) return std::unexpected(dictionary.error());
  return any_may_match(*dictionary, condition);
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

namespace {

ColumnScope scope_of(AttributeScope scope) { return static_cast<ColumnScope>(scope); }
static_assert(static_cast<int>(ColumnScope::kLink) == static_cast<int>(AttributeScope::kLink));

// The columns whose values a condition or listing speaks of; none for those that zones tell of.
std::vector<ColumnId> columns_of(Intrinsic intrinsic, const std::optional<AttributeScope>& scope,
                                 std::string_view key) {
  switch (intrinsic) {
    case Intrinsic::kName: return {{ColumnScope::kName, {}}};
    case Intrinsic::kStatusMessage: return {{ColumnScope::kStatusMessage, {}}};
    case Intrinsic::kServiceName: return {{ColumnScope::kResource, "service.name"}};
    case Intrinsic::kNone: break;
    default: return {};
  }
  if (scope) return {{scope_of(*scope), key}};
  return {{ColumnScope::kSpan, key}, {ColumnScope::kResource, key}};
}

// The value an equality asks for; nullopt when filters know nothing of its kind.
std::optional<ValueView> wanted_value(const Condition& condition) {
  if (condition.op != ConditionOp::kEqual) return std::nullopt;
  switch (condition.kind) {
    case ValueKind::kString: return ValueView::of_string(condition.text);
    case ValueKind::kBool: return ValueView::of_bool(condition.number != 0);
    case ValueKind::kInt: return ValueView::of_int(condition.number);
    case ValueKind::kDouble: return ValueView::of_double(condition.real);
    default: return std::nullopt;
  }
}

// Of one column, added to `choice`.
Status choose_by_column(const Block& block, const ColumnId& id, const Condition& condition,
                        RowGroupChoice& choice) {
  const auto index = block.value_index();
  if (!index) return std::unexpected(index.error());
  const auto column = (*index)->find(id);
  if (!column) return std::unexpected(column.error());
  if (!*column) return {};
  if (asks_presence(condition)) {
    choice.may.add_all((*column)->present);
    return {};
  }
  for (const auto& [value, in] : (*column)->values)
    if (value_may_match(value, condition)) choice.may.add_all(in);
  const auto wanted = wanted_value(condition);
  const uint64_t hash = wanted ? value_hash(id, *wanted) : 0;
  const uint64_t array_hash = value_hash(id, {.kind = ValueKind::kArray});
  for (uint32_t i = 0; i < block.zones().size(); ++i) {
    if (!(*column)->present.has(i) || (*column)->listed.has(i)) continue;
    if (wanted) {
      const auto filter = block.filter(i);
      if (!filter) return std::unexpected(filter.error());
      if (!filter_may_hold(filter->bytes, hash) && !filter_may_hold(filter->bytes, array_hash))
        continue;
    } else {
      choice.ask.add(i);
    }
    choice.may.add(i);
  }
  return {};
}

Result<RowGroupChoice> choose_by_condition(const Block& block, const Condition& condition) {
  const size_t count = block.zones().size();
  if (says_nothing(condition)) return RowGroupChoice{RowGroupSet(count, true), RowGroupSet(count)};
  RowGroupChoice choice{RowGroupSet(count), RowGroupSet(count)};
  const auto columns = columns_of(condition.intrinsic, condition.scope, condition.key);
  if (columns.empty())
    for (size_t i = 0; i < count; ++i)
      if (zone_may_meet(block.zones()[i], condition)) choice.may.add(i);
  for (const ColumnId& id : columns)
    if (auto status = choose_by_column(block, id, condition, choice); !status)
      return std::unexpected(std::move(status).error());
  return choice;
}

}  // namespace

bool zone_may_match(const RowGroupZone& zone, const ScanRequest& request) {
  const auto meets = [&](const Condition& condition) {
    return says_nothing(condition) || zone_may_meet(zone, condition);
  };
  if (request.conditions.empty()) return true;
  return request.all_conditions ? std::ranges::all_of(request.conditions, meets)
                                : std::ranges::any_of(request.conditions, meets);
}

Result<RowGroupChoice> choose_row_groups(const Block& block, const ScanRequest& request) {
  const size_t count = block.zones().size();
  RowGroupChoice choice{RowGroupSet(count, request.all_conditions || request.conditions.empty()),
                        RowGroupSet(count)};
  for (const Condition& condition : request.conditions) {
    const auto of_one = choose_by_condition(block, condition);
    if (!of_one) return of_one;
    if (request.all_conditions) {
      choice.may.keep_common(of_one->may);
      choice.ask.add_all(of_one->ask);
    } else {
      choice.may.add_all(of_one->may);
    }
  }
  for (size_t i = 0; i < count; ++i) {
    const RowGroupZone& zone = block.zones()[i];
    if (zone.min_start > request.max || zone.max_end < request.min) choice.may.remove(i);
  }
  choice.ask.keep_common(choice.may);
  return choice;
}

Result<KnownValues> known_values(const Block& block, const ScanRequest& request) {
  const size_t count = block.zones().size();
  KnownValues known{RowGroupSet(count), {}, {}};
  const Listing& listing = *request.listing;
  const bool by_zone =
      listing.intrinsic == Intrinsic::kStatus || listing.intrinsic == Intrinsic::kKind;
  if (listing.intrinsic == Intrinsic::kDuration) return known;
  if (!by_zone) {
    const auto index = block.value_index();
    if (!index) return std::unexpected(index.error());
    for (const ColumnId& id : columns_of(listing.intrinsic, listing.scope, listing.key)) {
      auto column = (*index)->find(id);
      if (!column) return std::unexpected(std::move(column).error());
      if (*column) known.columns.push_back(std::move(**column));
    }
    // Where a span has the key and its resource, too, the span's counts: that takes reading.
    if (known.columns.size() > 1) return KnownValues{RowGroupSet(count), {}, {}};
  }
  uint32_t bits = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const RowGroupZone& zone = block.zones()[i];
    if (zone.min_start < request.min || zone.max_end > request.max || block.has_gone(zone))
      continue;
    const bool listed = by_zone || known.columns.empty() || !known.columns[0].present.has(i) ||
                        known.columns[0].listed.has(i);
    if (!listed) continue;
    known.row_groups.add(i);
    bits |= listing.intrinsic == Intrinsic::kStatus ? zone.statuses : zone.kinds;
  }
  for (int64_t n = 0; by_zone && n < 31; ++n)
    if ((bits >> n & 1) != 0) known.enumeration.push_back(ValueView::of_int(n));
  return known;
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
