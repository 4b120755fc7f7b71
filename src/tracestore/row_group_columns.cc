// RowGroupDecoder: whole columns, for scans.
#include <algorithm>

#include "tracestore/row_group_decoder.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Gives equal values equal codes; the values of columns without a dictionary.
class Deduplicator {
 public:
  explicit Deduplicator(DecodedColumn& column) : column_(column) {}
  void add(const std::vector<model::ValueView>& values) {
    for (const model::ValueView& value : values) {
      const auto [known, is_new] =
          codes_.try_emplace(value, static_cast<uint32_t>(column_.values.size()));
      if (is_new) column_.values.push_back(value);
      column_.codes.push_back(known->second);
    }
  }

 private:
  DecodedColumn& column_;
  absl::flat_hash_map<model::ValueView, uint32_t, ValueHash, ValueEqual> codes_;
};

// All values of a column. `contexts_of(page)` yields the contexts of the page's values.
template <typename ContextsOf>
Result<DecodedColumn> read_all(const ValueColumnReader& reader, uint32_t pages,
                               ContextsOf contexts_of) {
  DecodedColumn column;
  column.storage = reader.storage();
  if (reader.has_dictionary()) {
    auto dictionary = reader.dictionary();
    if (!dictionary) return std::unexpected(std::move(dictionary).error());
    column.values = std::move(*dictionary);
  }
  Deduplicator deduplicator(column);
  std::vector<model::ValueView> values;
  for (uint32_t page = 0; page < pages; ++page) {
    const auto contexts = contexts_of(page);
    if (!contexts) return std::unexpected(contexts.error());
    Status status;
    if (reader.has_dictionary()) {
      status = reader.read_codes(page, *contexts, column.codes);
    } else {
      values.clear();
      status = reader.read(page, *contexts, values);
      if (status) deduplicator.add(values);
    }
    if (!status) return std::unexpected(std::move(status).error());
  }
  return column;
}

}  // namespace

Result<CoreColumns> RowGroupDecoder::core() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  CoreColumns core;
  auto span_ids = raw_ids<SpanId>(ChunkType::kSpanIds, zone_.rows);
  if (!span_ids) return std::unexpected(std::move(span_ids).error());
  core.span_ids = std::move(*span_ids);
  core.trace_rows = (*tables)->trace_rows;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    append(core.parents, (*rows)->parents);
    append(core.parent_rows, (*rows)->parent_rows);
    append(core.starts, (*rows)->starts);
    append(core.ends, (*rows)->ends);
  }
  return core;
}

Result<std::vector<uint8_t>> RowGroupDecoder::kinds() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<uint8_t> kinds;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    for (const uint32_t of_class : (*rows)->classes)
      kinds.push_back(static_cast<uint8_t>((*tables)->classes[of_class][kClassKind]));
  }
  return kinds;
}

Result<std::vector<uint8_t>> RowGroupDecoder::statuses() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<uint64_t> values;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    if (auto status =
            read_numbers(ChunkType::kStatuses, class_count(), page, (*rows)->classes, values);
        !status)
      return std::unexpected(std::move(status).error());
  }
  return std::vector<uint8_t>(values.begin(), values.end());
}

Result<std::vector<uint32_t>> RowGroupDecoder::scopes() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<uint32_t> scopes;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    for (size_t row = 0; row < (*rows)->classes.size(); ++row) {
      const uint64_t pair = uint64_t{(*rows)->resources[row]} << 32 |
                            (*tables)->classes[(*rows)->classes[row]][kClassScope];
      const auto found = (*tables)->scope_of_pair.find(pair);
      if (found == (*tables)->scope_of_pair.end()) return torn("a row is of no known scope");
      scopes.push_back(found->second);
    }
  }
  return scopes;
}

Result<DecodedColumn> RowGroupDecoder::names() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  DecodedColumn column;
  for (const std::string_view name : (*tables)->names)
    column.values.push_back(model::ValueView::of_string(name));
  column.storage = tables_;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    for (const uint32_t of_class : (*rows)->classes)
      column.codes.push_back((*tables)->classes[of_class][kClassName]);
  }
  return column;
}

Result<DecodedColumn> RowGroupDecoder::texts(ChunkType type) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  if (chunk(type) == nullptr) {
    DecodedColumn column;
    column.values.push_back(model::ValueView::of_string({}));
    column.codes.assign(zone_.rows, 0);
    return column;
  }
  const auto reader = text_source(type, class_count());
  if (!reader) return std::unexpected(reader.error());
  return read_all(**reader, static_cast<uint32_t>((*tables)->pages.size()),
                  [&](uint32_t page) { return page_contexts(AttributeOwner::kSpan, page); });
}

Result<std::vector<uint32_t>> RowGroupDecoder::offsets(AttributeOwner owner) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  const uint64_t total = owner == AttributeOwner::kEvent ? zone_.events : zone_.links;
  std::vector<uint32_t> offsets{0};
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto entries = page_entries(owner, page);
    if (!entries) return std::unexpected(entries.error());
    const uint32_t begin = offsets.back();
    if ((*entries)->offsets.back() > total - begin)
      return torn("more events or links than its zone says");
    for (size_t row = 1; row < (*entries)->offsets.size(); ++row)
      offsets.push_back(begin + (*entries)->offsets[row]);
  }
  if (offsets.back() != total) return torn("fewer events or links than its zone says");
  return offsets;
}

Result<DecodedColumn> RowGroupDecoder::event_names() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  DecodedColumn column;
  for (const std::string_view name : (*tables)->event_names)
    column.values.push_back(model::ValueView::of_string(name));
  column.storage = tables_;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto contexts = page_contexts(AttributeOwner::kEvent, page);
    if (!contexts) return std::unexpected(contexts.error());
    for (const uint32_t of_class : *contexts)
      column.codes.push_back((*tables)->event_classes[of_class][0]);
  }
  return column;
}

Result<std::vector<uint64_t>> RowGroupDecoder::event_times() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<uint64_t> times;
  for (uint32_t page = 0; page < (*tables)->pages.size(); ++page) {
    const auto contexts = page_contexts(AttributeOwner::kEvent, page);
    if (!contexts) return std::unexpected(contexts.error());
    const auto classes = static_cast<uint32_t>((*tables)->event_classes.size());
    if (auto status = read_numbers(ChunkType::kEventTimes, classes, page, *contexts, times);
        !status)
      return std::unexpected(std::move(status).error());
  }
  return times;
}

Result<DecodedColumn> RowGroupDecoder::decode_column(const ValueSource& source,
                                                     AttributeOwner owner, uint32_t key) {
  const auto number = static_cast<size_t>(owner);
  const auto& shapes = tables_->shapes[number];
  const bool frequent = is_frequent(owner, key);
  // How many values of this column each shape takes.
  std::vector<uint32_t> taken(shapes.size(), 0);
  for (size_t shape = 0; shape < shapes.size(); ++shape)
    for (const uint32_t other : shapes[shape])
      taken[shape] += frequent ? other == key : !is_frequent(owner, other);
  std::vector<uint32_t> of_values;
  const auto contexts_of = [&](uint32_t page) -> Result<std::span<const uint32_t>> {
    const auto contexts = page_contexts(owner, page);
    if (!contexts) return contexts;
    of_values.clear();
    for (const uint32_t context : *contexts)
      for (uint32_t i = taken[tables_->context_shapes[number][context]]; i > 0; --i)
        of_values.push_back(source.local[context]);
    return std::span<const uint32_t>(of_values);
  };
  return read_all(source.reader, static_cast<uint32_t>(tables_->pages.size()), contexts_of);
}

Result<RowGroupDecoder::Attribute> RowGroupDecoder::attribute(AttributeOwner owner,
                                                              std::string_view key) {
  const auto present = has_key(owner, key);
  if (!present) return std::unexpected(present.error());
  Attribute result;
  if (!*present) {
    const size_t count = owner == AttributeOwner::kSpan    ? zone_.rows
                         : owner == AttributeOwner::kEvent ? zone_.events
                                                           : zone_.links;
    result.column.codes.assign(count, 0);
    return result;
  }
  const uint32_t number = tables_->key_numbers.find(key)->second;
  const auto source = value_source(owner, number);
  if (!source) return std::unexpected(source.error());
  auto column = decode_column(**source, owner, number);
  if (!column) return std::unexpected(column.error());
  // How many values of the column each shape takes, and which of them is the key's first.
  const auto& shapes = tables_->shapes[static_cast<size_t>(owner)];
  const bool frequent = is_frequent(owner, number);
  std::vector<uint32_t> taken(shapes.size(), 0), first(shapes.size(), UINT32_MAX);
  for (size_t shape = 0; shape < shapes.size(); ++shape) {
    for (const uint32_t other : shapes[shape]) {
      if (other == number && first[shape] == UINT32_MAX) first[shape] = taken[shape];
      taken[shape] += frequent ? other == number : !is_frequent(owner, other);
    }
  }
  result.storage = std::move(column->storage);
  result.column.dictionary.insert(result.column.dictionary.end(), column->values.begin(),
                                  column->values.end());
  uint64_t at = 0;
  for (uint32_t page = 0; page < tables_->pages.size(); ++page) {
    const auto contexts = page_contexts(owner, page);
    if (!contexts) return std::unexpected(contexts.error());
    for (const uint32_t context : *contexts) {
      const uint32_t shape = tables_->context_shapes[static_cast<size_t>(owner)][context];
      result.column.codes.push_back(
          first[shape] == UINT32_MAX ? 0 : column->codes[at + first[shape]] + 1);
      at += taken[shape];
    }
  }
  return result;
}

Result<std::optional<DecodedColumn>> RowGroupDecoder::attribute_dictionary(AttributeOwner owner,
                                                                           std::string_view key) {
  const auto present = has_key(owner, key);
  if (!present) return std::unexpected(present.error());
  if (!*present) return DecodedColumn{};
  const auto source = value_source(owner, tables_->key_numbers.find(key)->second);
  if (!source) return std::unexpected(source.error());
  if (!(*source)->reader.has_dictionary()) return std::nullopt;
  auto dictionary = (*source)->reader.dictionary();
  if (!dictionary) return std::unexpected(std::move(dictionary).error());
  return DecodedColumn{std::move(*dictionary), {}, (*source)->reader.storage()};
}

}  // namespace sightline::tracestore
