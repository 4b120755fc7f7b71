#include "tracestore/row_group_decoder.h"

#include <algorithm>

#include "base/checksum.h"
#include "tracestore/integer_codec.h"

namespace sightline::tracestore {
namespace {

constexpr uint64_t chunk_key(ChunkType type, uint64_t key) { return static_cast<uint64_t>(type) << 32 | key; }

std::unexpected<Error> torn(std::string_view what) { return fail(Errc::kCorrupt, "row group: ", what); }

}  // namespace

Result<RowGroupDecoder> RowGroupDecoder::open(std::string_view bytes, const RowGroupZone& zone,
                                              std::shared_ptr<const void> owner,
                                              std::shared_ptr<std::atomic<uint64_t>> inspected) {
  if (bytes.size() != uint64_t{zone.chunk_bytes} + zone.directory_bytes) return torn("length does not match its zone");
  if (zone.rows == 0 || zone.rows > kRowsMax || zone.traces == 0 || zone.traces > zone.rows ||
      zone.events > kEntriesMax || zone.links > kEntriesMax)
    return torn("counts are out of bounds");
  const std::string_view directory = bytes.substr(zone.chunk_bytes);
  if (crc32c(directory) != zone.directory_crc) return torn("directory checksum does not match");
  RowGroupDecoder decoder;
  decoder.zone_ = zone;
  decoder.owner_ = std::move(owner);
  decoder.inspected_ = std::move(inspected);
  ByteReader in(directory);
  uint64_t offset = 0;
  for (uint64_t left = in.uvarint(); left > 0 && in.ok(); --left) {
    const auto type = static_cast<ChunkType>(in.u8());
    const uint64_t key = in.uvarint();
    const uint64_t length = in.uvarint();
    const auto crc = in.le<uint32_t>();
    if (key >= kKeysMax || length > zone.chunk_bytes - offset) return torn("directory passes the end");
    decoder.chunks_[chunk_key(type, key)] = {bytes.substr(offset, length), crc};
    offset += length;
  }
  if (!in.ok() || !in.at_end() || offset != zone.chunk_bytes) return torn("directory is torn");
  return decoder;
}

Status RowGroupDecoder::verify() const {
  for (const auto& [key, chunk] : chunks_)
    if (crc32c(chunk.bytes) != chunk.crc)
      return fail(Errc::kCorrupt, "row group: checksum of chunk ", key >> 32, " does not match");
  return {};
}

const RowGroupDecoder::Chunk* RowGroupDecoder::chunk(ChunkType type, uint64_t key) const {
  const auto found = chunks_.find(chunk_key(type, key));
  return found == chunks_.end() ? nullptr : &found->second;
}

std::string_view RowGroupDecoder::read(const Chunk& chunk) const {
  if (inspected_) inspected_->fetch_add(chunk.bytes.size(), std::memory_order_relaxed);
  return chunk.bytes;
}

std::string_view RowGroupDecoder::raw(ChunkType type) const {
  const Chunk* found = chunk(type);
  return found == nullptr ? std::string_view() : read(*found);
}

template <typename Id>
Result<std::vector<Id>> RowGroupDecoder::raw_ids(ChunkType type, size_t count) const {
  const std::string_view bytes = raw(type);
  std::vector<Id> ids;
  if (bytes.size() != count * sizeof(Id)) return torn("ids have the wrong length");
  ids.resize(count);
  static_assert(std::is_trivially_copyable_v<Id>);
  if (count > 0) std::memcpy(static_cast<void*>(ids.data()), bytes.data(), bytes.size());
  return ids;
}
template Result<std::vector<SpanId>> RowGroupDecoder::raw_ids(ChunkType, size_t) const;
template Result<std::vector<TraceId>> RowGroupDecoder::raw_ids(ChunkType, size_t) const;

Result<std::vector<uint64_t>> RowGroupDecoder::integers(ChunkType type, size_t count) const {
  const Chunk* found = chunk(type);
  if (found == nullptr) return std::vector<uint64_t>(count, 0);
  ByteReader in(read(*found));
  auto values = decode_integers(in, count);
  if (values && !in.at_end()) return torn("bytes behind an integer list");
  return values;
}

Result<ValueColumn> RowGroupDecoder::values(ChunkType type, size_t count, ValueParts parts) const {
  const Chunk* found = chunk(type);
  if (found != nullptr) return decode_values(read(*found), count, parts);
  ValueColumn column;
  column.values.push_back(model::ValueView::of_string({}));
  if (parts == ValueParts::kAll) column.codes.assign(count, 0);
  return column;
}

Result<std::vector<uint32_t>> RowGroupDecoder::offsets(ChunkType counts) const {
  const auto values = integers(counts, zone_.rows);
  if (!values) return std::unexpected(values.error());
  const uint64_t total = counts == ChunkType::kEventCounts ? zone_.events : zone_.links;
  std::vector<uint32_t> offsets{0};
  offsets.reserve(zone_.rows + 1);
  for (const uint64_t count : *values) {
    if (count > total - offsets.back()) return torn("more events or links than its zone says");
    offsets.push_back(offsets.back() + static_cast<uint32_t>(count));
  }
  if (offsets.back() != total) return torn("fewer events or links than its zone says");
  return offsets;
}

Result<CoreColumns> RowGroupDecoder::core() const {
  CoreColumns core;
  const auto trace_rows = integers(ChunkType::kTraceRows, zone_.traces);
  const auto references = integers(ChunkType::kParents, zone_.rows);
  const auto starts = integers(ChunkType::kStarts, zone_.rows);
  const auto durations = integers(ChunkType::kDurations, zone_.rows);
  auto span_ids = raw_ids<SpanId>(ChunkType::kSpanIds, zone_.rows);
  if (!trace_rows || !references || !starts || !durations || !span_ids) return torn("a core column does not decode");
  core.span_ids = std::move(*span_ids);
  uint64_t foreign_count = 0;
  for (const uint64_t reference : *references) foreign_count += reference == 1 ? 1 : 0;
  const auto foreign = raw_ids<SpanId>(ChunkType::kForeignParents, foreign_count);
  if (!foreign) return std::unexpected(foreign.error());

  uint64_t trace_start = 0;
  size_t next_foreign = 0;
  uint32_t row = 0;
  for (const uint64_t count : *trace_rows) {
    if (count == 0 || count > zone_.rows - row) return torn("traces do not add up to its rows");
    const uint32_t begin = row;
    const auto end = static_cast<uint32_t>(row + count);
    core.trace_rows.push_back(static_cast<uint32_t>(count));
    uint64_t start = trace_start;
    for (; row < end; ++row) {
      start += static_cast<uint64_t>(unzigzag((*starts)[row]));
      if (row == begin) trace_start = start;
      core.starts.push_back(start);
      core.ends.push_back(start + static_cast<uint64_t>(unzigzag((*durations)[row])));
      const uint64_t reference = (*references)[row];
      uint32_t parent = kNoRow;
      if (reference > 1) {
        const int64_t distance = unzigzag(reference - 1);
        if (distance > kRowsMax || distance < -int64_t{kRowsMax}) return torn("a parent lies outside its trace");
        const int64_t at = static_cast<int64_t>(row) - distance;
        if (at < begin || at >= end) return torn("a parent lies outside its trace");
        parent = static_cast<uint32_t>(at);
      }
      core.parent_rows.push_back(parent);
      core.parents.push_back(reference == 0 ? SpanId{} : reference == 1 ? (*foreign)[next_foreign++] : core.span_ids[parent]);
    }
  }
  if (row != zone_.rows) return torn("traces do not add up to its rows");
  return core;
}

size_t RowGroupDecoder::entity_count(AttributeOwner owner) const {
  switch (owner) {
    case AttributeOwner::kSpan: return zone_.rows;
    case AttributeOwner::kEvent: return zone_.events;
    case AttributeOwner::kLink: return zone_.links;
  }
  return 0;
}

bool RowGroupDecoder::is_frequent(AttributeOwner owner, uint32_t key) const {
  return chunk(chunk_of(ChunkType::kValues, owner), key) != nullptr;
}

Status RowGroupDecoder::load_keys() {
  if (keys_) return {};
  auto table = std::make_shared<KeyTable>();
  if (const Chunk* found = chunk(ChunkType::kKeyTable); found != nullptr) {
    ByteReader packed(read(*found));
    auto bytes = decode_bytes(packed, kChunkBytesMax);
    if (!bytes) return in_context("key table", std::move(bytes).error());
    table->storage = std::move(*bytes);
    ByteReader in(table->storage);
    const uint64_t count = in.uvarint();
    if (count > kKeysMax || count > in.remaining()) return torn("key table is torn");
    for (uint64_t i = 0; i < count; ++i) {
      table->keys.push_back(in.sized());
      table->numbers.try_emplace(table->keys.back(), static_cast<uint32_t>(i));
    }
    if (!in.ok() || !in.at_end()) return torn("key table is torn");
  }
  keys_ = std::move(table);
  return {};
}

Status RowGroupDecoder::read_shapes(AttributeOwner owner, Attributes& into) const {
  const Chunk* found = chunk(chunk_of(ChunkType::kShapeTable, owner));
  if (found == nullptr) {
    into.shapes.resize(1);
    return {};
  }
  ByteReader packed(read(*found));
  const auto bytes = decode_bytes(packed, kChunkBytesMax);
  if (!bytes) return in_context("shape table", bytes.error());
  ByteReader in(*bytes);
  const uint64_t count = in.uvarint();
  if (count == 0 || count > in.remaining()) return torn("shape table is torn");
  for (uint64_t i = 0; i < count; ++i) {
    Shape& shape = into.shapes.emplace_back();
    const uint64_t length = in.uvarint();
    if (length > in.remaining()) return torn("shape table is torn");
    for (uint64_t k = 0; k < length; ++k) {
      const uint64_t key = in.uvarint();
      if (key >= keys_->keys.size()) return torn("a shape names an unknown key");
      shape.keys.push_back(static_cast<uint32_t>(key));
    }
  }
  if (!in.ok() || !in.at_end()) return torn("shape table is torn");
  return {};
}

Status RowGroupDecoder::load_attributes(AttributeOwner owner) {
  Attributes& attributes = attributes_[static_cast<size_t>(owner)];
  if (attributes.loaded) return {};
  if (auto status = load_keys(); !status) return status;
  Attributes loaded;
  if (auto status = read_shapes(owner, loaded); !status) return status;
  const auto of_entity = integers(chunk_of(ChunkType::kShapes, owner), entity_count(owner));
  if (!of_entity) return std::unexpected(of_entity.error());
  std::vector<uint64_t> uses(loaded.shapes.size());
  for (const uint64_t shape : *of_entity) {
    if (shape >= loaded.shapes.size()) return torn("a shape is out of range");
    loaded.of_entity.push_back(static_cast<uint32_t>(shape));
    ++uses[shape];
  }
  loaded.values_of_key.resize(keys_->keys.size());
  uint64_t total = 0;
  for (size_t shape = 0; shape < uses.size(); ++shape) {
    for (const uint32_t key : loaded.shapes[shape].keys) loaded.values_of_key[key] += uses[shape];
    total += loaded.shapes[shape].keys.size() * uses[shape];
  }
  if (total > uint64_t{kEntriesMax} * 16) return torn("too many attributes");
  loaded.loaded = true;
  attributes = std::move(loaded);
  return {};
}

Result<bool> RowGroupDecoder::has_key(AttributeOwner owner, std::string_view key) {
  if (auto status = load_attributes(owner); !status) return std::unexpected(status.error());
  const auto number = keys_->numbers.find(key);
  return number != keys_->numbers.end() &&
         attributes_[static_cast<size_t>(owner)].values_of_key[number->second] > 0;
}

Result<std::vector<std::string_view>> RowGroupDecoder::keys(AttributeOwner owner) {
  if (auto status = load_attributes(owner); !status) return std::unexpected(status.error());
  std::vector<std::string_view> result;
  for (size_t key = 0; key < keys_->keys.size(); ++key)
    if (attributes_[static_cast<size_t>(owner)].values_of_key[key] > 0) result.push_back(keys_->keys[key]);
  return result;
}

// The column that holds the key's values: its own, or that of all rare keys.
Result<ValueColumn> RowGroupDecoder::value_column(AttributeOwner owner, uint32_t key, ValueParts parts) const {
  const Attributes& attributes = attributes_[static_cast<size_t>(owner)];
  const Chunk* own = chunk(chunk_of(ChunkType::kValues, owner), key);
  if (own != nullptr) return decode_values(read(*own), attributes.values_of_key[key], parts);
  uint64_t count = 0;
  for (uint32_t other = 0; other < attributes.values_of_key.size(); ++other)
    if (!is_frequent(owner, other)) count += attributes.values_of_key[other];
  const Chunk* rare = chunk(chunk_of(ChunkType::kRareValues, owner));
  if (rare == nullptr) return torn("values are missing");
  return decode_values(read(*rare), count, parts);
}

Result<ValueColumn> RowGroupDecoder::attribute_dictionary(AttributeOwner owner, std::string_view key) {
  const auto present = has_key(owner, key);
  if (!present) return std::unexpected(present.error());
  if (!*present) return ValueColumn{};
  return value_column(owner, keys_->numbers.find(key)->second, ValueParts::kDictionary);
}

Result<RowGroupDecoder::Attribute> RowGroupDecoder::attribute(AttributeOwner owner, std::string_view key) {
  Attribute result;
  result.column.codes.assign(entity_count(owner), 0);
  const auto present = has_key(owner, key);
  if (!present) return std::unexpected(present.error());
  if (!*present) return result;
  const uint32_t number = keys_->numbers.find(key)->second;
  auto column = value_column(owner, number, ValueParts::kAll);
  if (!column) return std::unexpected(column.error());
  // How many values of the column each shape takes, and which of them is the key's first.
  const Attributes& attributes = attributes_[static_cast<size_t>(owner)];
  const bool frequent = is_frequent(owner, number);
  std::vector<uint32_t> taken(attributes.shapes.size(), 0);
  std::vector<uint32_t> first(attributes.shapes.size(), UINT32_MAX);
  for (size_t shape = 0; shape < attributes.shapes.size(); ++shape) {
    for (const uint32_t other : attributes.shapes[shape].keys) {
      if (other == number && first[shape] == UINT32_MAX) first[shape] = taken[shape];
      taken[shape] += frequent ? other == number : !is_frequent(owner, other);
    }
  }
  result.storage = column->storage;
  result.column.dictionary.insert(result.column.dictionary.end(), column->values.begin(), column->values.end());
  uint64_t at = 0;
  for (size_t entity = 0; entity < attributes.of_entity.size(); ++entity) {
    const uint32_t shape = attributes.of_entity[entity];
    if (first[shape] != UINT32_MAX) result.column.codes[entity] = column->codes[at + first[shape]] + 1;
    at += taken[shape];
  }
  return result;
}

Status RowGroupDecoder::read_attributes(ByteReader& in, model::SpanBatch& batch, model::Run& run) const {
  const uint64_t count = in.uvarint();
  if (count > in.remaining()) return torn("attributes are torn");
  run = {static_cast<uint32_t>(batch.attributes.size()), static_cast<uint32_t>(count)};
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t key = in.uvarint();
    const model::ValueView value = read_value(in);
    if (!in.ok() || key >= keys_->keys.size()) return torn("attributes are torn");
    batch.attributes.push_back({keys_->keys[key], value});
  }
  return {};
}

Result<const model::SpanBatch*> RowGroupDecoder::tables() {
  if (tables_) return &tables_->batch;
  if (auto status = load_keys(); !status) return std::unexpected(status.error());
  auto tables = std::make_shared<Tables>();
  tables->keys = keys_;
  tables->file = owner_;
  const auto unpack = [&](ChunkType type, std::string& into) -> Status {
    const Chunk* found = chunk(type);
    if (found == nullptr) return torn("a table is missing");
    ByteReader packed(read(*found));
    auto bytes = decode_bytes(packed, kChunkBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    into = std::move(*bytes);
    return {};
  };
  if (auto status = unpack(ChunkType::kResourceTable, tables->resource_storage); !status) return std::unexpected(status.error());
  if (auto status = unpack(ChunkType::kScopeTable, tables->scope_storage); !status) return std::unexpected(status.error());
  model::SpanBatch& batch = tables->batch;
  ByteReader resources(tables->resource_storage);
  for (uint64_t left = resources.uvarint(); left > 0 && resources.ok(); --left) {
    model::ResourceView& resource = batch.resources.emplace_back();
    if (auto status = read_attributes(resources, batch, resource.attributes); !status) return std::unexpected(status.error());
    resource.dropped_attributes = static_cast<uint32_t>(resources.uvarint());
    resource.schema_url = resources.sized();
  }
  ByteReader scopes(tables->scope_storage);
  for (uint64_t left = scopes.uvarint(); left > 0 && scopes.ok(); --left) {
    model::ScopeView& scope = batch.scopes.emplace_back();
    const uint64_t resource = scopes.uvarint();
    if (resource >= batch.resources.size()) return torn("a scope names an unknown resource");
    scope.resource = static_cast<uint32_t>(resource);
    scope.name = scopes.sized();
    scope.version = scopes.sized();
    if (auto status = read_attributes(scopes, batch, scope.attributes); !status) return std::unexpected(status.error());
    scope.dropped_attributes = static_cast<uint32_t>(scopes.uvarint());
    scope.schema_url = scopes.sized();
  }
  if (!resources.ok() || !resources.at_end() || !scopes.ok() || !scopes.at_end()) return torn("a table is torn");
  tables_ = std::move(tables);
  return &tables_->batch;
}

}  // namespace sightline::tracestore
