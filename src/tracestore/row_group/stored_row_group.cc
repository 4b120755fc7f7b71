#include "tracestore/row_group/stored_row_group.h"

#include <algorithm>

namespace sightline::tracestore {

Result<std::unique_ptr<StoredRowGroup>> StoredRowGroup::open(
    const Block& block, uint32_t number, std::shared_ptr<RowGroupDecoder> decoder, uint32_t begin,
    uint32_t end) {
  const auto tables = decoder->tables();
  if (!tables) return in_context(block.name(), tables.error());
  const auto bounds = decoder->trace_bounds();
  if (!bounds) return in_context(block.name(), bounds.error());
  const uint32_t first_trace = decoder->zone().first_trace;
  SL_ASSERT(block.zones()[number].first_trace == first_trace);
  std::unique_ptr<StoredRowGroup> group(new StoredRowGroup(std::move(decoder)));
  const auto& pages = (*tables)->pages;
  end = std::min(end, static_cast<uint32_t>(pages.size()));
  if (begin < end) {
    const uint32_t behind = pages[end - 1].first_trace + pages[end - 1].traces;
    const uint32_t from = first_trace + pages[begin].first_trace;
    if (auto status = block.check_ids(from, first_trace + behind - from); !status)
      return std::unexpected(std::move(status).error());
    for (uint32_t i = pages[begin].first_trace; i < behind; ++i) {
      if (block.is_gone(first_trace + i)) continue;
      group->traces_.push_back({.id = block.trace_id(first_trace + i),
                                .count = (*tables)->trace_rows[i],
                                .start = (*tables)->trace_starts[i],
                                .end = (*bounds)->ends[i]});
      group->numbers_.push_back(i);
    }
  }
  group->roots_ = (*bounds)->roots;
  group->arrange();
  return group;
}

// Numbers the rows of the traces shown, and chooses the pages they lie in.
void StoredRowGroup::arrange() {
  const RowGroupTables& tables = *decoder_.shared_tables();
  std::vector<uint32_t> pages;
  std::vector<uint32_t> from;  // of each trace, its first row in those pages
  row_count_ = 0;
  uint32_t page = 0;
  uint32_t trace = 0;         // of the row group, the next in `page`
  uint32_t row = 0;           // of the pages, where it begins
  uint32_t page_end_row = 0;  // of the pages, behind all of `page` when that is among them
  for (size_t i = 0; i < traces_.size(); ++i) {
    const uint32_t number = numbers_[i];
    while (number >= tables.pages[page].first_trace + tables.pages[page].traces) ++page;
    if (pages.empty() || pages.back() != page) {
      pages.push_back(page);
      trace = tables.pages[page].first_trace;
      row = page_end_row;
      page_end_row += tables.pages[page].rows;
    }
    for (; trace < number; ++trace) row += tables.trace_rows[trace];
    from.push_back(row);
    TraceRows& shown = traces_[i];
    shown.begin = row_count_;
    shown.root = roots_[number] == 0 ? kNoRow : row_count_ + roots_[number] - 1;
    row_count_ += shown.count;
  }
  selected_ = row_count_ != page_end_row;
  rows_.clear();
  for (size_t i = 0; selected_ && i < traces_.size(); ++i)
    for (uint32_t k = 0; k < traces_[i].count; ++k) rows_.push_back(from[i] + k);
  columns_.emplace(decoder_, std::move(pages));
}

std::span<const uint64_t> StoredRowGroup::start_ns() {
  return plain(starts_, [&]() -> Result<std::vector<uint64_t>> {
    const auto starts = columns_->starts();
    if (!starts) return std::unexpected(starts.error());
    return std::vector<uint64_t>(starts->begin(), starts->end());
  });
}

std::span<const uint64_t> StoredRowGroup::duration_ns() {
  return plain(durations_, [&]() -> Result<std::vector<uint64_t>> {
    auto durations = columns_->durations();
    if (!durations) return durations;
    // What ends before it starts has wrapped; without the starts that shows only where neither is large.
    constexpr uint64_t kLarge = uint64_t{1} << 63;
    if (decoder_.zone().max_end.value < kLarge && std::ranges::max(*durations) < kLarge)
      return durations;
    const auto starts = columns_->starts();
    if (!starts) return std::unexpected(starts.error());
    for (size_t row = 0; row < durations->size(); ++row)
      if ((*starts)[row] + (*durations)[row] <= (*starts)[row]) (*durations)[row] = 0;
    return durations;
  });
}

std::span<const uint32_t> StoredRowGroup::parent_row() {
  if (!parent_rows_.empty()) return parent_rows_;
  (void)stored_parents();
  // Rows whose parents all come before them form no loop; numbering the sets opens those of others.
  for (uint32_t row = 0; row < parent_rows_.size(); ++row)
    if (parent_rows_[row] >= row && parent_rows_[row] != kNoRow) {
      (void)sets();
      break;
    }
  return parent_rows_;
}

std::span<const uint32_t> StoredRowGroup::stored_parents() {
  return plain(parent_rows_, [&]() -> Result<std::vector<uint32_t>> {
    const auto parents = columns_->parent_rows();
    if (!parents) {
      note(parents.error());
      return std::vector<uint32_t>(columns_->row_count(), kNoRow);
    }
    std::vector<uint32_t> rows(parents->begin(), parents->end());
    // Rows of a trace keep their distances.
    for (const TraceRows& trace : traces_) {
      const uint32_t from = selected_ && trace.count > 0 ? rows_[trace.begin] : trace.begin;
      for (uint32_t row = from; row < from + trace.count && from != trace.begin; ++row)
        if (rows[row] != kNoRow) rows[row] -= from - trace.begin;
    }
    return rows;
  });
}

const NestedSets& StoredRowGroup::sets() {
  if (!sets_) {
    (void)stored_parents();
    sets_ = std::make_unique<NestedSets>(number_nested_sets(traces_, parent_rows_));
  }
  return *sets_;
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
  const auto [column, is_new] = columns_made_.try_emplace(std::move(key));
  if (!is_new) return column->second.view();
  std::vector<uint32_t>& codes = column->second.codes;
  codes.assign(row_count_, 0);
  const auto tables = decoder_.tables();
  if (!tables) {
    note(tables.error());
    return column->second.view();
  }
  std::vector<uint32_t> code_of_scope;
  OwnedColumn values;
  DictionaryBuilder builder(values);
  for (const model::ScopeView& scope : (*tables)->batch.scopes) {
    builder.add(value_of_scope((*tables)->batch, scope));
    code_of_scope.push_back(values.codes.back());
  }
  column->second.dictionary = std::move(values.dictionary);
  if (auto by_class = codes_by_class(code_of_scope)) {
    codes = shown(std::move(*by_class));
    return column->second.view();
  }
  if (scopes_.empty()) {
    auto scopes = columns_->scopes();
    if (scopes)
      scopes_ = shown(std::move(*scopes));
    else
      note(scopes.error());
  }
  for (size_t row = 0; row < scopes_.size(); ++row) codes[row] = code_of_scope[scopes_[row]];
  return column->second.view();
}

// The code of each row of the pages, where the row's class decides it: whichever of its resources a span comes from, the
// code is the same. That spares reading parents and resources.
std::optional<std::vector<uint32_t>> StoredRowGroup::codes_by_class(
    std::span<const uint32_t> code_of_scope) {
  constexpr uint32_t kUndecided = UINT32_MAX;
  const auto classes = columns_->classes();
  if (!classes) return std::nullopt;  // said when the scopes are read
  const NumberLists& scopes = decoder_.scopes_of_classes();
  std::vector<uint32_t> code_of_class(scopes.size(), kUndecided);
  for (size_t c = 0; c < code_of_class.size(); ++c) {
    const auto of_class = scopes[c];
    const auto code_of = [&](uint32_t scope) {
      return scope == RowGroupTables::kNoScope ? kUndecided : code_of_scope[scope];
    };
    if (of_class.empty()) continue;
    const uint32_t code = code_of(of_class[0]);
    const auto is_same = [&](uint32_t scope) { return code_of(scope) == code; };
    if (std::ranges::all_of(of_class, is_same)) code_of_class[c] = code;
  }
  std::vector<uint32_t> codes(classes->size());
  uint32_t largest = 0;
  for (size_t row = 0; row < codes.size(); ++row) {
    codes[row] = code_of_class[(*classes)[row]];
    largest = std::max(largest, codes[row]);
  }
  if (largest == kUndecided) return std::nullopt;
  return codes;
}

DictionaryColumn StoredRowGroup::scope_name() {
  return scope_column({Made::kScopeName, {}, {}},
                      [](const model::SpanBatch&, const model::ScopeView& s) {
                        return model::ValueView::of_string(s.name);
                      });
}
DictionaryColumn StoredRowGroup::scope_version() {
  return scope_column({Made::kScopeVersion, {}, {}},
                      [](const model::SpanBatch&, const model::ScopeView& s) {
                        return model::ValueView::of_string(s.version);
                      });
}

DictionaryColumn StoredRowGroup::attribute(AttributeScope scope, std::string_view key) {
  const Key column_key{Made::kAttribute, scope, std::string(key)};
  if (scope == AttributeScope::kResource)
    return scope_column(column_key, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
      return batch.find(batch.resources[s.resource].attributes, key);
    });
  if (scope == AttributeScope::kScope)
    return scope_column(column_key, [&](const model::SpanBatch& batch, const model::ScopeView& s) {
      return batch.find(s.attributes, key);
    });
  const auto [column, is_new] = columns_made_.try_emplace(column_key);
  if (is_new) {
    auto values = columns_->attribute(AttributeOwner::kSpan, key);
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
    const auto stored = columns_->entries(entries);
    if (!stored) note(stored.error());
    Nesting& made = entry->second;
    made.stored =
        stored ? (*stored)->offsets : std::vector<uint32_t>(size_t{columns_->row_count()} + 1, 0);
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
  Key key{Made::kEventName, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  auto names = columns_->event_names();
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
  Key key{Made::kEventTime, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  const auto times = columns_->event_times();
  if (times) {
    DictionaryBuilder builder(column);
    for (const uint64_t time : *times)
      builder.add(model::ValueView::of_int(static_cast<int64_t>(time)));
  } else {
    note(times.error());
  }
  return keep_nested(std::move(key), nesting(AttributeOwner::kEvent), std::move(column));
}

NestedColumn StoredRowGroup::hex_ids(Made which, ChunkType type) {
  Key key{which, {}, {}};
  if (const auto known = nested_.find(key); known != nested_.end()) return known->second.view();
  OwnedColumn column;
  DictionaryBuilder builder(column);
  const auto add = [&](const auto& ids) {
    if (!ids) return note(ids.error());
    for (const auto& id : *ids)
      builder.add(model::ValueView::of_string(texts_.emplace_back(to_hex(id))));
  };
  if (type == ChunkType::kLinkTraceIds)
    add(columns_->link_ids<TraceId>(type));
  else
    add(columns_->link_ids<SpanId>(type));
  return keep_nested(std::move(key), nesting(AttributeOwner::kLink), std::move(column));
}
NestedColumn StoredRowGroup::link_trace_id() {
  return hex_ids(Made::kLinkTraceId, ChunkType::kLinkTraceIds);
}
NestedColumn StoredRowGroup::link_span_id() {
  return hex_ids(Made::kLinkSpanId, ChunkType::kLinkSpanIds);
}

NestedColumn StoredRowGroup::nested_attribute(AttributeScope scope, std::string_view key) {
  Key column_key{Made::kAttribute, scope, std::string(key)};
  if (const auto known = nested_.find(column_key); known != nested_.end())
    return known->second.view();
  const bool links = scope == AttributeScope::kLink;
  OwnedColumn column;
  auto values = columns_->attribute(links ? AttributeOwner::kLink : AttributeOwner::kEvent, key);
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
