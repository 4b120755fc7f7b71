#include "tracestore/stored_row_group.h"

#include <algorithm>

namespace sightline::tracestore {

Result<std::unique_ptr<StoredRowGroup>> StoredRowGroup::open(const Block& block, uint32_t number,
                                                             RowGroupDecoder decoder) {
  auto core = decoder.core();
  if (!core) return in_context(block.name(), std::move(core).error());
  const uint32_t first_trace = decoder.zone().first_trace;
  std::unique_ptr<StoredRowGroup> group(new StoredRowGroup(std::move(decoder)));
  SL_ASSERT(block.zones()[number].first_trace == first_trace);
  uint32_t row = 0;
  for (size_t i = 0; i < core->trace_rows.size(); ++i) {
    TraceRows trace{.id = block.trace_id(first_trace + static_cast<uint32_t>(i)),
                    .begin = row,
                    .count = core->trace_rows[i],
                    .root = kNoRow,
                    .start = {UINT64_MAX},
                    .end = {0}};
    for (; row < trace.begin + trace.count; ++row) {
      if (trace.root == kNoRow && !core->parents[row].is_valid()) trace.root = row;
      const uint64_t start = core->starts[row], end = core->ends[row];
      trace.start.value = std::min(trace.start.value, start);
      trace.end.value = std::max({trace.end.value, start, end});
      group->durations_.push_back(end > start ? end - start : 0);
    }
    group->traces_.push_back(trace);
  }
  group->span_ids_ = std::move(core->span_ids);
  group->parents_ = std::move(core->parents);
  group->parent_rows_ = std::move(core->parent_rows);
  group->starts_ = std::move(core->starts);
  if (block.summary().gone > 0) {
    uint32_t ordinal = first_trace;
    group->keep_traces([&](const TraceRows&) { return !block.is_gone(ordinal++); });
  }
  return group;
}

void StoredRowGroup::select(std::vector<TraceRows> kept) {
  const std::vector<uint32_t> before = std::move(rows_);
  rows_.clear();
  std::vector<uint32_t> of_shown;  // rows of what was shown so far
  uint32_t row = 0;
  for (TraceRows& trace : kept) {
    for (uint32_t i = 0; i < trace.count; ++i) {
      const uint32_t from = trace.begin + i;
      of_shown.push_back(from);
      rows_.push_back(selected_ ? before[from] : from);
      if (parent_rows_[from] != kNoRow) parent_rows_[from] -= trace.begin - row;
    }
    if (trace.root != kNoRow) trace.root -= trace.begin - row;
    trace.begin = row;
    row += trace.count;
  }
  traces_ = std::move(kept);
  selected_ = true;
  const auto take = [&](auto& column) {
    for (size_t i = 0; i < of_shown.size(); ++i)
      column[i] = column[of_shown[i]];  // they ascend: never overwrites ahead
    column.resize(of_shown.size());
  };
  take(span_ids_);
  take(parents_);
  take(parent_rows_);
  take(starts_);
  take(durations_);
}

void StoredRowGroup::number_tree() {
  if (!sets_) sets_ = std::make_unique<NestedSets>(number_nested_sets(traces_, parent_rows_));
}

void StoredRowGroup::set_column(OwnedColumn& column, Result<DecodedColumn> decoded) {
  if (!decoded) {
    note(decoded.error());
    column.codes.assign(row_count(), 0);
    return;
  }
  column.dictionary.insert(column.dictionary.end(), decoded->values.begin(), decoded->values.end());
  for (uint32_t& code : decoded->codes) ++code;
  column.codes = shown(std::move(decoded->codes));
  storage_.push_back(std::move(decoded->storage));
}

// `value_of_scope(tables, scope)` yields a ValueView or a pointer to one, null for none.
template <typename ValueOfScope>
DictionaryColumn StoredRowGroup::scope_column(Key key, ValueOfScope value_of_scope) {
  const auto [column, is_new] = columns_.try_emplace(std::move(key));
  if (!is_new) return column->second.view();
  const auto tables = decoder_.tables();
  if (!tables) note(tables.error());
  if (tables && scopes_.empty()) {
    auto scopes = decoder_.scopes();
    if (scopes)
      scopes_ = std::move(*scopes);
    else
      note(scopes.error());
  }
  std::vector<uint32_t> code_of_scope;
  if (tables) {
    DictionaryBuilder builder(column->second);
    for (const model::ScopeView& scope : (*tables)->batch.scopes) {
      builder.add(value_of_scope((*tables)->batch, scope));
      code_of_scope.push_back(column->second.codes.back());
    }
  }
  std::vector<uint32_t> codes(decoder_.zone().rows, 0);
  for (size_t row = 0; row < scopes_.size(); ++row)
    if (scopes_[row] < code_of_scope.size()) codes[row] = code_of_scope[scopes_[row]];
  column->second.codes = shown(std::move(codes));
  return column->second.view();
}

DictionaryColumn StoredRowGroup::scope_name() {
  return scope_column({ChunkType::kScopeTable, AttributeScope::kSpan, "name"},
                      [](const model::SpanBatch&, const model::ScopeView& s) {
                        return model::ValueView::of_string(s.name);
                      });
}
DictionaryColumn StoredRowGroup::scope_version() {
  return scope_column({ChunkType::kScopeTable, AttributeScope::kSpan, "version"},
                      [](const model::SpanBatch&, const model::ScopeView& s) {
                        return model::ValueView::of_string(s.version);
                      });
}

DictionaryColumn StoredRowGroup::attribute(AttributeScope scope, std::string_view key) {
  const Key column_key{ChunkType::kValues, scope, std::string(key)};
  if (scope == AttributeScope::kResource)
    return scope_column(column_key, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
      return batch.find(batch.resources[s.resource].attributes, key);
    });
  if (scope == AttributeScope::kScope)
    return scope_column(column_key, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
      return batch.find(s.attributes, key);
    });
  const auto [column, is_new] = columns_.try_emplace(column_key);
  if (is_new) {
    auto values = decoder_.attribute(AttributeOwner::kSpan, key);
    if (values) {
      column->second = std::move(values->column);
      column->second.codes = shown(std::move(column->second.codes));
      storage_.push_back(std::move(values->storage));
    } else {
      note(values.error());
      column->second.codes.assign(row_count(), 0);
    }
  }
  return column->second.view();
}

const StoredRowGroup::Nesting& StoredRowGroup::nesting(AttributeOwner entries) {
  const auto [entry, is_new] = nestings_.try_emplace(entries);
  if (is_new) {
    auto offsets = decoder_.offsets(entries);
    if (!offsets) note(offsets.error());
    Nesting& made = entry->second;
    made.stored =
        offsets ? std::move(*offsets) : std::vector<uint32_t>(decoder_.zone().rows + 1, 0);
    made.shown = made.stored;
    if (selected_) {
      made.shown.assign(1, 0);
      for (const uint32_t row : rows_)
        made.shown.push_back(made.shown.back() + made.stored[row + 1] - made.stored[row]);
    }
  }
  return entry->second;
}

NestedColumn StoredRowGroup::keep_nested(Key key, const Nesting& nesting, OwnedColumn values) {
  values.codes.resize(nesting.stored.back());  // short only after a decoding error
  if (selected_) {
    std::vector<uint32_t> codes;
    for (const uint32_t row : rows_)
      codes.insert(codes.end(), values.codes.begin() + nesting.stored[row],
                   values.codes.begin() + nesting.stored[row + 1]);
    values.codes = std::move(codes);
  }
  OwnedNestedColumn& column = nested_[std::move(key)];
  column.offsets = nesting.shown;
  column.values = std::move(values);
  return column.view();
}

NestedColumn StoredRowGroup::event_name() {
  Key key{ChunkType::kEventNames, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  auto names = decoder_.event_names();
  if (names) {
    column.dictionary.insert(column.dictionary.end(), names->values.begin(), names->values.end());
    for (uint32_t& code : names->codes) ++code;
    column.codes = std::move(names->codes);
    storage_.push_back(std::move(names->storage));
  } else {
    note(names.error());
  }
  return keep_nested(std::move(key), nesting(AttributeOwner::kEvent), std::move(column));
}

NestedColumn StoredRowGroup::event_time_since_start() {
  Key key{ChunkType::kEventTimes, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  const auto times = decoder_.event_times();
  if (times) {
    DictionaryBuilder builder(column);
    for (const uint64_t time : *times)
      builder.add(model::ValueView::of_int(static_cast<int64_t>(time)));
  } else {
    note(times.error());
  }
  return keep_nested(std::move(key), nesting(AttributeOwner::kEvent), std::move(column));
}

NestedColumn StoredRowGroup::hex_ids(ChunkType type) {
  Key key{type, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  DictionaryBuilder builder(column);
  const auto add = [&](const auto& ids) {
    if (!ids) return note(ids.error());
    for (const auto& id : *ids)
      builder.add(model::ValueView::of_string(texts_.emplace_back(to_hex(id))));
  };
  if (type == ChunkType::kLinkTraceIds)
    add(decoder_.raw_ids<TraceId>(type, decoder_.zone().links));
  else
    add(decoder_.raw_ids<SpanId>(type, decoder_.zone().links));
  return keep_nested(std::move(key), nesting(AttributeOwner::kLink), std::move(column));
}
NestedColumn StoredRowGroup::link_trace_id() { return hex_ids(ChunkType::kLinkTraceIds); }
NestedColumn StoredRowGroup::link_span_id() { return hex_ids(ChunkType::kLinkSpanIds); }

NestedColumn StoredRowGroup::nested_attribute(AttributeScope scope, std::string_view key) {
  Key column_key{ChunkType::kValues, scope, std::string(key)};
  if (const auto known = nested_.find(column_key); known != nested_.end())
    return known->second.view();
  const bool links = scope == AttributeScope::kLink;
  OwnedColumn column;
  auto values = decoder_.attribute(links ? AttributeOwner::kLink : AttributeOwner::kEvent, key);
  if (values) {
    column = std::move(values->column);
    storage_.push_back(std::move(values->storage));
  } else {
    note(values.error());
  }
  return keep_nested(std::move(column_key),
                     nesting(links ? AttributeOwner::kLink : AttributeOwner::kEvent),
                     std::move(column));
}

}  // namespace sightline::tracestore
