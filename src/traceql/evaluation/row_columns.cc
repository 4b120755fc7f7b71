#include "traceql/evaluation/row_columns.h"

namespace sightline::traceql {
namespace {

using tracestore::AttributeScope;
using tracestore::kNoRow;

std::vector<Value> values_of(std::span<const model::ValueView> dictionary) {
  std::vector<Value> values;
  values.reserve(dictionary.size());
  for (const auto& view : dictionary) values.push_back(Value::of_attribute(view));
  return values;
}

Column column_of(const tracestore::DictionaryColumn& column) {
  return Column::coded(column.codes, values_of(column.dictionary));
}

// Intrinsic strings are never nil: not there is empty.
Column text_column(const tracestore::DictionaryColumn& column) {
  auto values = values_of(column.dictionary);
  for (Value& value : values)
    if (value.is_nil()) value = Value::of_text("");
  return Column::coded(column.codes, std::move(values));
}

template <typename Small>
Column enumeration(Type type, std::span<const Small> numbers, int64_t count) {
  std::vector<Value> dictionary;
  for (int64_t i = 0; i < count; ++i) dictionary.push_back(Value::of(type, i));
  std::vector<uint32_t> codes(numbers.begin(), numbers.end());
  for (uint32_t& code : codes) code = code < count ? code : 0;
  return Column::coded(std::move(codes), std::move(dictionary));
}

Column integers_of(Type type, std::span<const uint32_t> numbers) {
  return Column::integers(type, std::vector<int64_t>(numbers.begin(), numbers.end()));
}

AttributeScope store_scope(Scope scope) {
  switch (scope) {
    case Scope::kResource: return AttributeScope::kResource;
    case Scope::kInstrumentation: return AttributeScope::kScope;
    case Scope::kEvent: return AttributeScope::kEvent;
    case Scope::kLink: return AttributeScope::kLink;
    default: return AttributeScope::kSpan;
  }
}

}  // namespace

size_t RowColumns::size(Domain domain) {
  return domain == Domain::kRows ? group_.row_count() : offsets(domain).back();
}

std::span<const uint32_t> RowColumns::offsets(Domain domain) {
  return domain == Domain::kEvents ? group_.event_name().offsets : group_.link_span_id().offsets;
}

Domain RowColumns::domain_of(const Attribute& a) {
  if (!a.is_nested()) return Domain::kRows;
  if (a.intrinsic == Intrinsic::kNone)
    return a.scope == Scope::kEvent ? Domain::kEvents : Domain::kLinks;
  return a.intrinsic == Intrinsic::kEventName || a.intrinsic == Intrinsic::kEventTimeSinceStart
             ? Domain::kEvents
             : Domain::kLinks;
}

const std::vector<uint32_t>& RowColumns::trace_of_row() {
  if (trace_of_row_.empty() && group_.row_count() > 0) {
    trace_of_row_.resize(group_.row_count());
    const auto traces = group_.traces();
    for (uint32_t t = 0; t < traces.size(); ++t)
      std::fill_n(trace_of_row_.begin() + traces[t].begin, traces[t].count, t);
  }
  return trace_of_row_;
}

const std::vector<uint8_t>& RowColumns::connected() {
  if (!connected_.empty() || group_.row_count() == 0) return connected_;
  const auto parents = group_.parent_row();
  const auto parent_ids = group_.parent_span_id();
  constexpr uint8_t kUnknown = 2;
  connected_.assign(group_.row_count(), kUnknown);
  std::vector<uint32_t> way;
  for (uint32_t row = 0; row < connected_.size(); ++row) {
    way.clear();
    uint32_t at = row;
    while (connected_[at] == kUnknown && parents[at] != kNoRow) {
      way.push_back(at);
      at = parents[at];
    }
    if (connected_[at] == kUnknown) connected_[at] = parent_ids[at].is_valid() ? 0 : 1;
    for (const uint32_t below : way) connected_[below] = connected_[at];
  }
  return connected_;
}

Column RowColumns::load(const Attribute& attribute, Domain domain) {
  const Domain own = domain_of(attribute);
  if (own == Domain::kRows)
    return domain == Domain::kRows ? load_rows(attribute) : spread(load_rows(attribute), domain);
  if (domain == Domain::kRows) return first_of_each_row(attribute);
  return own == domain ? load_nested(attribute) : spread(first_of_each_row(attribute), domain);
}

Column RowColumns::load_rows(const Attribute& attribute) {
  if (attribute.intrinsic != Intrinsic::kNone) return load_intrinsic(attribute.intrinsic);
  if (attribute.is_service_name()) return text_column(group_.service_name());
  if (attribute.scope == Scope::kNone) return unscoped(attribute.name);
  return column_of(group_.attribute(store_scope(attribute.scope), attribute.name));
}

// The span's value, else its resource's.
Column RowColumns::unscoped(std::string_view key) {
  const auto span = group_.attribute(AttributeScope::kSpan, key);
  const auto resource = group_.attribute(AttributeScope::kResource, key);
  if (resource.dictionary.size() <= 1) return column_of(span);
  if (span.dictionary.size() <= 1) return column_of(resource);
  auto values = values_of(span.dictionary);
  const auto offset = static_cast<uint32_t>(values.size());
  const auto more = values_of(resource.dictionary);
  values.insert(values.end(), more.begin(), more.end());
  std::vector<uint32_t> codes(span.codes.begin(), span.codes.end());
  for (size_t row = 0; row < codes.size(); ++row)
    if (values[codes[row]].is_nil()) codes[row] = offset + resource.codes[row];
  return Column::coded(std::move(codes), std::move(values));
}

Column RowColumns::load_intrinsic(Intrinsic intrinsic) {
  switch (intrinsic) {
    case Intrinsic::kDuration: {
      const auto ns = group_.duration_ns();
      return Column::integers(Type::kDuration, std::vector<int64_t>(ns.begin(), ns.end()));
    }
    case Intrinsic::kName: return text_column(group_.name());
    case Intrinsic::kKind: return enumeration(Type::kKind, group_.kind(), 6);
    case Intrinsic::kStatus: return enumeration(Type::kStatus, group_.status(), 3);
    case Intrinsic::kStatusMessage: return text_column(group_.status_message());
    case Intrinsic::kInstrumentationName: return text_column(group_.scope_name());
    case Intrinsic::kInstrumentationVersion: return text_column(group_.scope_version());
    case Intrinsic::kNestedSetLeft: return integers_of(Type::kInt, group_.nested_left());
    case Intrinsic::kNestedSetRight: return integers_of(Type::kInt, group_.nested_right());
    case Intrinsic::kNestedSetParent: return load_nested_set_parent();
    case Intrinsic::kSpanId:
    case Intrinsic::kParentId: {
      std::vector<Value> values;
      for (const SpanId& id :
           intrinsic == Intrinsic::kSpanId ? group_.span_id() : group_.parent_span_id())
        values.push_back(
            Value::of_text(id.is_valid() ? texts_.emplace_back(to_hex(id)) : std::string_view()));
      return Column::dense(std::move(values));
    }
    case Intrinsic::kChildCount: {
      std::vector<int64_t> counts(group_.row_count(), 0);
      for (const uint32_t parent : group_.parent_row())
        if (parent != kNoRow) ++counts[parent];
      return Column::integers(Type::kInt, std::move(counts));
    }
    default: return load_of_trace(intrinsic);
  }
}

Column RowColumns::load_of_trace(Intrinsic intrinsic) {
  std::vector<Value> values;
  for (const auto& trace : group_.traces()) {
    Value value;
    const bool rooted = trace.root != kNoRow;
    switch (intrinsic) {
      case Intrinsic::kTraceId:
        value = Value::of_text(texts_.emplace_back(to_hex(trace.id)));
        break;
      case Intrinsic::kTraceDuration:
        value = Value::of(Type::kDuration,
                          static_cast<int64_t>(trace.end.value > trace.start.value
                                                   ? trace.end.value - trace.start.value
                                                   : 0));
        break;
      case Intrinsic::kRootName:
        value = Value::of_text(rooted ? group_.name().at(trace.root).bytes : std::string_view());
        break;
      case Intrinsic::kRootServiceName:
        value = Value::of_text(rooted ? group_.service_name().at(trace.root).bytes : kNoRootYet);
        break;
      default: break;
    }
    values.push_back(value);
  }
  return Column::coded(std::span<const uint32_t>(trace_of_row()), std::move(values));
}

// The parent's left number; -1 for roots, 0 for spans whose parent is not there.
Column RowColumns::load_nested_set_parent() {
  const auto parents = group_.parent_row();
  const auto left = group_.nested_left();
  const auto parent_ids = group_.parent_span_id();
  std::vector<int64_t> numbers(parents.size());
  for (size_t row = 0; row < numbers.size(); ++row)
    numbers[row] = parents[row] != kNoRow ? int64_t{left[parents[row]]}
                                          : int64_t{parent_ids[row].is_valid() ? 0 : -1};
  return Column::integers(Type::kInt, std::move(numbers));
}

Column RowColumns::load_nested(const Attribute& attribute) {
  tracestore::NestedColumn column;
  switch (attribute.intrinsic) {
    case Intrinsic::kEventName: column = group_.event_name(); break;
    case Intrinsic::kEventTimeSinceStart: column = group_.event_time_since_start(); break;
    case Intrinsic::kLinkTraceId: column = group_.link_trace_id(); break;
    case Intrinsic::kLinkSpanId: column = group_.link_span_id(); break;
    default: column = group_.nested_attribute(store_scope(attribute.scope), attribute.name);
  }
  auto values = values_of(column.values.dictionary);
  if (attribute.intrinsic == Intrinsic::kEventTimeSinceStart)
    for (Value& value : values)
      if (!value.is_nil()) value.type = Type::kDuration;
  return Column::coded(column.values.codes, std::move(values));
}

Column RowColumns::first_of_each_row(const Attribute& attribute) {
  const auto starts = offsets(domain_of(attribute));
  const Column entries = load_nested(attribute);
  std::vector<Value> values(group_.row_count());
  for (size_t row = 0; row < values.size(); ++row)
    for (uint32_t i = starts[row]; i < starts[row + 1] && values[row].is_nil(); ++i)
      values[row] = entries.at(i);
  return Column::dense(std::move(values));
}

Column RowColumns::spread(const Column& rows, Domain domain) {
  if (rows.is_constant()) return rows;
  const auto starts = offsets(domain);
  std::vector<Value> values;
  values.reserve(starts.back());
  for (size_t row = 0; row + 1 < starts.size(); ++row)
    values.insert(values.end(), starts[row + 1] - starts[row], rows.at(row));
  return Column::dense(std::move(values));
}

}  // namespace sightline::traceql
