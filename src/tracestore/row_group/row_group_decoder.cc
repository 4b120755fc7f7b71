#include "tracestore/row_group/row_group_decoder.h"

#include <algorithm>

#include "base/checksum.h"
#include "tracestore/codec/integer_codec.h"

namespace sightline::tracestore {
namespace {

constexpr uint64_t chunk_key(ChunkType type, uint64_t key) {
  return static_cast<uint64_t>(type) << 32 | key;
}
constexpr uint32_t kRareKey = UINT32_MAX;
constexpr uint8_t kPartsSince = 4;  // version: parts of chunks have checksums, and no longer chunks
constexpr size_t kWordsOfChunks = 4;  // before: a bit for each of the first chunks

size_t checksums_bytes(const RowGroupZone& zone) {
  return CheckedParts::count_of(zone.chunk_bytes, kCheckedBytes) * sizeof(uint32_t);
}

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

}  // namespace

Result<RowGroupDecoder> RowGroupDecoder::open(std::string_view bytes, const RowGroupZone& zone,
                                              std::shared_ptr<const void> owner,
                                              std::shared_ptr<std::atomic<uint64_t>> inspected,
                                              VerifiedParts verified) {
  if (bytes.size() != uint64_t{zone.chunk_bytes} + zone.directory_bytes)
    return torn("length does not match its zone");
  if (zone.rows == 0 || zone.rows > kRowsMax || zone.traces == 0 || zone.traces > zone.rows ||
      zone.events > kEntriesMax || zone.links > kEntriesMax)
    return torn("counts are out of bounds");
  const std::string_view directory = bytes.substr(zone.chunk_bytes);
  if (crc32c(directory) != zone.directory_crc) return torn("directory checksum does not match");
  RowGroupDecoder decoder;
  decoder.zone_ = zone;
  decoder.owner_ = std::move(owner);
  decoder.inspected_ = std::move(inspected);
  if (verified.empty())
    decoder.own_verified_ = std::vector<std::atomic<uint64_t>>(verified_words(zone));
  decoder.verified_ = verified.empty() ? VerifiedParts(decoder.own_verified_) : verified;
  const bool in_parts = zone.version >= kPartsSince;
  ByteReader in(directory);
  uint64_t offset = 0;
  uint32_t number = 0;
  const uint64_t count = in.uvarint();
  decoder.chunks_.reserve(std::min<uint64_t>(count, in.remaining() / 7));
  for (; number < count && in.ok(); ++number) {
    const auto type = static_cast<ChunkType>(in.u8());
    const uint64_t key = in.uvarint();
    const uint64_t length = in.uvarint();
    const uint32_t crc = in_parts ? 0 : in.le<uint32_t>();
    if (key >= kKeysMax || length > zone.chunk_bytes - offset)
      return torn("directory passes the end");
    decoder.chunks_[chunk_key(type, key)] = {bytes.substr(offset, length), crc, number};
    offset += length;
  }
  if (in_parts)
    decoder.parts_ = std::make_unique<const CheckedParts>(bytes.substr(0, zone.chunk_bytes),
                                                          in.bytes(checksums_bytes(zone)),
                                                          kCheckedBytes, decoder.verified_);
  if (!in.ok() || !in.at_end() || offset != zone.chunk_bytes) return torn("directory is torn");
  return decoder;
}

size_t RowGroupDecoder::verified_words(const RowGroupZone& zone) {
  return zone.version >= kPartsSince ? CheckedParts::words_of(zone.chunk_bytes, kCheckedBytes)
                                     : kWordsOfChunks;
}

// Chunks beyond those that have a bit are verified whenever they are read.
bool RowGroupDecoder::is_verified(const Chunk& chunk) const {
  if (parts_) return parts_->is_sound(chunk.bytes);
  const uint64_t bit = uint64_t{1} << chunk.number % 64;
  const size_t word = chunk.number / 64;
  if (word < verified_.size() && (verified_[word].load(std::memory_order_relaxed) & bit) != 0)
    return true;
  if (crc32c(chunk.bytes) != chunk.crc) return false;
  if (word < verified_.size()) verified_[word].fetch_or(bit, std::memory_order_relaxed);
  return true;
}

// Whatever was found sound before.
Status RowGroupDecoder::verify() const {
  if (parts_)
    return parts_->is_sound_anew() ? Status{}
                                   : fail(Errc::kCorrupt, "row group: a checksum does not match");
  for (const auto& [key, chunk] : chunks_)
    if (crc32c(chunk.bytes) != chunk.crc)
      return fail(Errc::kCorrupt, "row group: checksum of chunk ", key >> 32, " does not match");
  return {};
}

Result<std::vector<RowGroupDecoder::ChunkUse>> RowGroupDecoder::chunks() {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<ChunkUse> uses;
  for (const auto& [at, chunk] : chunks_) {
    const auto type = static_cast<ChunkType>(at >> 32);
    const auto key = static_cast<uint32_t>(at);
    const bool has_key = type >= ChunkType::kValues && key < (*tables)->keys.size();
    uses.push_back({type, has_key ? (*tables)->keys[key] : std::string_view(), chunk.bytes});
  }
  return uses;
}

const RowGroupDecoder::Chunk* RowGroupDecoder::chunk(ChunkType type, uint64_t key) const {
  const auto found = chunks_.find(chunk_key(type, key));
  return found == chunks_.end() ? nullptr : &found->second;
}

Result<std::string_view> RowGroupDecoder::chunk_bytes(ChunkType type, uint64_t key) const {
  const Chunk* found = chunk(type, key);
  if (found == nullptr) return std::string_view();
  if (!is_verified(*found))
    return fail(Errc::kCorrupt, "row group: checksum of chunk ", static_cast<int>(type),
                " does not match");
  if (inspected_) inspected_->fetch_add(found->bytes.size(), std::memory_order_relaxed);
  return found->bytes;
}

Result<std::string_view> RowGroupDecoder::guarded_bytes(ChunkType type, uint64_t key) const {
  if (!parts_) return chunk_bytes(type, key);
  const Chunk* found = chunk(type, key);
  if (found == nullptr) return std::string_view();
  if (inspected_) inspected_->fetch_add(found->bytes.size(), std::memory_order_relaxed);
  return found->bytes;
}

const NumberLists& RowGroupDecoder::scopes_of_classes() {
  if (scopes_of_classes_.size() == tables_->classes.size()) return scopes_of_classes_;
  for (size_t c = 0; c < tables_->classes.size(); ++c) {
    for (const uint32_t resource : tables_->resources_of_classes[c])
      scopes_of_classes_.values.push_back(
          tables_->scope_of(resource, tables_->classes[c][kClassScope]));
    scopes_of_classes_.end_list();
  }
  return scopes_of_classes_;
}

Result<const RowGroupTables*> RowGroupDecoder::tables() {
  if (!tables_) {
    auto tables = RowGroupTables::read(*this, zone_);
    if (!tables) return std::unexpected(std::move(tables).error());
    tables_ = std::move(*tables);
  }
  return tables_.get();
}

Result<const TraceBounds*> RowGroupDecoder::trace_bounds() {
  if (!trace_bounds_) {
    auto bounds = TraceBounds::read(*this, zone_, *tables_);
    if (!bounds) return std::unexpected(std::move(bounds).error());
    trace_bounds_ = std::move(*bounds);
  }
  return &*trace_bounds_;
}

void RowGroupDecoder::hand_on(std::shared_ptr<std::atomic<uint64_t>> inspected) {
  inspected_ = std::move(inspected);
  for (auto& [type, reader] : texts_) reader.leave_texts();
  for (auto& [key, source] : values_) source.reader.leave_texts();
}

uint64_t RowGroupDecoder::memory_bytes() const {
  uint64_t bytes = sizeof(*this) + chunks_.capacity() * (sizeof(Chunk) + 2 * sizeof(uint64_t));
  if (tables_) bytes += tables_->bytes();
  if (trace_bounds_) bytes += trace_bounds_->ends.size() * (sizeof(TimestampNs) + sizeof(uint32_t));
  for (const auto& [type, column] : paged_) bytes += sizeof(column) + column.memory_bytes();
  for (const auto& [type, reader] : texts_) bytes += reader.memory_bytes();
  for (const auto& [key, source] : values_) bytes += sizeof(source) + source.reader.memory_bytes();
  for (const auto& [type, begins] : begins_) bytes += begins.capacity() * sizeof(uint32_t);
  return bytes;
}

Result<const PagedIntegers*> RowGroupDecoder::paged(ChunkType type, uint32_t context_count) {
  auto found = paged_.find(type);
  if (found == paged_.end()) {
    const auto bytes = guarded_bytes(type);
    if (!bytes) return std::unexpected(bytes.error());
    auto column = PagedIntegers::open(*bytes, context_count,
                                      static_cast<uint32_t>(tables_->pages.size()), guard());
    if (!column) return in_context("row group", std::move(column).error());
    found = paged_.emplace(type, std::move(*column)).first;
  }
  return &found->second;
}

Result<const std::vector<uint32_t>*> RowGroupDecoder::begins_of_pages(ChunkType counts) {
  auto found = begins_.find(counts);
  if (found == begins_.end()) {
    std::vector<uint32_t> begins{0};
    const auto bytes = chunk_bytes(counts);
    if (!bytes) return std::unexpected(bytes.error());
    ByteReader in(*bytes);
    const auto values = bytes->empty() ? std::vector<uint64_t>(tables_->pages.size(), 0)
                                       : decode_integers(in, tables_->pages.size());
    if (!values || !in.at_end()) return torn("counts of pages are torn");
    for (const uint64_t count : *values) {
      if (count > kEntriesMax - begins.back()) return torn("counts of pages are out of bounds");
      begins.push_back(begins.back() + static_cast<uint32_t>(count));
    }
    found = begins_.emplace(counts, std::move(begins)).first;
  }
  return &found->second;
}

Result<const RowGroupDecoder::ValueSource*> RowGroupDecoder::value_source(AttributeOwner owner,
                                                                          uint32_t key) {
  const bool frequent = is_frequent(owner, key);
  const uint64_t slot = static_cast<uint64_t>(owner) << 32 | (frequent ? key : kRareKey);
  if (const auto found = values_.find(slot); found != values_.end()) return &found->second;
  const auto bytes = frequent ? guarded_bytes(chunk_of(ChunkType::kValues, owner), key)
                              : guarded_bytes(chunk_of(ChunkType::kRareValues, owner));
  if (!bytes) return std::unexpected(bytes.error());
  // Shapes may name keys that no span here has: those of duplicates that were left out.
  if (bytes->empty()) return nullptr;
  ValueSource source;
  uint32_t context_count = 1;
  if (frequent) {
    source.contexts = tables_->contexts_of_key[static_cast<size_t>(owner)][key];
    context_count = static_cast<uint32_t>(source.contexts.size());
  }
  auto reader = ValueColumnReader::open(*bytes, context_count,
                                        static_cast<uint32_t>(tables_->pages.size()), guard());
  if (!reader) return in_context("row group", std::move(reader).error());
  source.reader = std::move(*reader);
  return &values_.emplace(slot, std::move(source)).first->second;
}

Result<const ValueColumnReader*> RowGroupDecoder::text_source(ChunkType type,
                                                              uint32_t context_count) {
  auto found = texts_.find(type);
  if (found == texts_.end()) {
    const auto bytes = guarded_bytes(type);
    if (!bytes) return std::unexpected(bytes.error());
    auto reader = ValueColumnReader::open(*bytes, context_count,
                                          static_cast<uint32_t>(tables_->pages.size()), guard());
    if (!reader) return in_context("row group", std::move(reader).error());
    found = texts_.emplace(type, std::move(*reader)).first;
  }
  return &found->second;
}

Result<bool> RowGroupDecoder::has_key(AttributeOwner owner, std::string_view key) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  const auto number = (*tables)->key_numbers.find(key);
  return number != (*tables)->key_numbers.end() &&
         !(*tables)->contexts_of_key[static_cast<size_t>(owner)][number->second].empty();
}

Result<std::vector<std::string_view>> RowGroupDecoder::keys(AttributeOwner owner) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<std::string_view> result;
  for (size_t key = 0; key < (*tables)->keys.size(); ++key)
    if (!(*tables)->contexts_of_key[static_cast<size_t>(owner)][key].empty())
      result.push_back((*tables)->keys[key]);
  return result;
}

Result<bool> RowGroupDecoder::attribute_may_hold(AttributeOwner owner, std::string_view key,
                                                 std::string_view text) {
  const auto present = has_key(owner, key);
  if (!present || !*present) return present;
  const auto source = value_source(owner, tables_->key_numbers.find(key)->second);
  if (!source) return std::unexpected(source.error());
  if (*source == nullptr) return false;
  return (*source)->reader.may_hold(text);
}

Result<std::optional<DecodedColumn>> RowGroupDecoder::attribute_dictionary(AttributeOwner owner,
                                                                           std::string_view key) {
  const auto present = has_key(owner, key);
  if (!present) return std::unexpected(present.error());
  if (!*present) return DecodedColumn{};
  const auto source = value_source(owner, tables_->key_numbers.find(key)->second);
  if (!source) return std::unexpected(source.error());
  if (*source == nullptr) return DecodedColumn{};
  if (!(*source)->reader.has_dictionary()) return std::nullopt;
  auto dictionary = (*source)->reader.dictionary();
  if (!dictionary) return std::unexpected(std::move(dictionary).error());
  return DecodedColumn{std::move(*dictionary), {}, (*source)->reader.storage()};
}

}  // namespace sightline::tracestore
