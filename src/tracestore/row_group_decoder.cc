#include "tracestore/row_group_decoder.h"

#include <algorithm>

#include "base/checksum.h"
#include "tracestore/integer_codec.h"

namespace sightline::tracestore {
namespace {

constexpr uint64_t chunk_key(ChunkType type, uint64_t key) {
  return static_cast<uint64_t>(type) << 32 | key;
}
constexpr uint32_t kRareKey = UINT32_MAX;

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

}  // namespace

Result<RowGroupDecoder> RowGroupDecoder::open(std::string_view bytes, const RowGroupZone& zone,
                                              std::shared_ptr<const void> owner,
                                              std::shared_ptr<std::atomic<uint64_t>> inspected) {
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
  ByteReader in(directory);
  uint64_t offset = 0;
  for (uint64_t left = in.uvarint(); left > 0 && in.ok(); --left) {
    const auto type = static_cast<ChunkType>(in.u8());
    const uint64_t key = in.uvarint();
    const uint64_t length = in.uvarint();
    const auto crc = in.le<uint32_t>();
    if (key >= kKeysMax || length > zone.chunk_bytes - offset)
      return torn("directory passes the end");
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

std::string_view RowGroupDecoder::read(const Chunk& chunk) const {
  if (inspected_) inspected_->fetch_add(chunk.bytes.size(), std::memory_order_relaxed);
  return chunk.bytes;
}

std::string_view RowGroupDecoder::chunk_bytes(ChunkType type, uint64_t key) const {
  const Chunk* found = chunk(type, key);
  return found == nullptr ? std::string_view() : read(*found);
}

template <typename Id>
Result<std::vector<Id>> RowGroupDecoder::raw_ids(ChunkType type, size_t count) const {
  const std::string_view bytes = chunk_bytes(type, 0);
  std::vector<Id> ids;
  if (bytes.size() != count * sizeof(Id)) return torn("ids have the wrong length");
  ids.resize(count);
  static_assert(std::is_trivially_copyable_v<Id>);
  if (count > 0) std::memcpy(static_cast<void*>(ids.data()), bytes.data(), bytes.size());
  return ids;
}
template Result<std::vector<SpanId>> RowGroupDecoder::raw_ids(ChunkType, size_t) const;
template Result<std::vector<TraceId>> RowGroupDecoder::raw_ids(ChunkType, size_t) const;

Result<const RowGroupTables*> RowGroupDecoder::tables() {
  if (!tables_) {
    auto tables = RowGroupTables::read(*this, zone_);
    if (!tables) return std::unexpected(std::move(tables).error());
    tables_ = std::move(*tables);
  }
  if (pages_.empty()) pages_.resize(tables_->pages.size());
  return tables_.get();
}

Result<const PagedIntegers*> RowGroupDecoder::paged(ChunkType type, uint32_t context_count) {
  auto found = paged_.find(type);
  if (found == paged_.end()) {
    auto column = PagedIntegers::open(chunk_bytes(type, 0), context_count,
                                      static_cast<uint32_t>(tables_->pages.size()));
    if (!column) return in_context("row group", std::move(column).error());
    found = paged_.emplace(type, std::move(*column)).first;
  }
  return &found->second;
}

Status RowGroupDecoder::read_numbers(ChunkType type, uint32_t context_count, uint32_t page,
                                     std::span<const uint32_t> contexts,
                                     std::vector<uint64_t>& out) {
  const auto column = paged(type, context_count);
  if (!column) return std::unexpected(column.error());
  return (*column)->read(page, contexts.size(), contexts, out);
}

Result<const std::vector<uint32_t>*> RowGroupDecoder::begins_of_pages(ChunkType counts) {
  auto found = begins_.find(counts);
  if (found == begins_.end()) {
    std::vector<uint32_t> begins{0};
    const std::string_view bytes = chunk_bytes(counts, 0);
    ByteReader in(bytes);
    const auto values = bytes.empty() ? std::vector<uint64_t>(tables_->pages.size(), 0)
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

Status RowGroupDecoder::read_classes(uint32_t number, PageRows& rows) {
  const RowPage& page = tables_->pages[number];
  const auto ranks_column = paged(ChunkType::kClasses, class_count() + 1);
  if (!ranks_column) return std::unexpected(ranks_column.error());
  const auto others_column = paged(ChunkType::kOtherClasses, 1);
  if (!others_column) return std::unexpected(others_column.error());
  // A rank's context is the class before: read one after the other.
  auto ranks = (*ranks_column)->cursor(number);
  if (!ranks) return std::unexpected(ranks.error());
  auto others = (*others_column)->cursor(number);
  if (!others) return std::unexpected(others.error());
  for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces; ++trace) {
    uint32_t before = class_count();
    for (uint32_t i = 0; i < tables_->trace_rows[trace]; ++i) {
      const uint64_t rank = ranks->next(before);
      const auto& successors = tables_->successors[before];
      if (rank > successors.size()) return torn("a class is out of range");
      const uint64_t number_of_class = rank == 0 ? others->next(0) : successors[rank - 1];
      if (number_of_class >= class_count()) return torn("a class is out of range");
      before = static_cast<uint32_t>(number_of_class);
      rows.classes.push_back(before);
    }
  }
  return ranks->finished() && others->finished() ? Status{} : torn("classes are torn");
}

Status RowGroupDecoder::read_parents(uint32_t number, PageRows& rows) {
  const RowPage& page = tables_->pages[number];
  std::vector<uint64_t> symbols;
  if (auto status = read_numbers(ChunkType::kParents, class_count(), number, rows.classes, symbols);
      !status)
    return status;
  const auto begins = begins_of_pages(ChunkType::kForeignOfPages);
  if (!begins) return std::unexpected(begins.error());
  const std::string_view foreign = chunk_bytes(ChunkType::kForeignParents, 0);
  const std::string_view ids = chunk_bytes(ChunkType::kSpanIds, 0);
  if (ids.size() != size_t{zone_.rows} * sizeof(SpanId) ||
      foreign.size() != size_t{(*begins)->back()} * sizeof(SpanId))
    return torn("ids have the wrong length");
  const auto id_at = [](std::string_view from, size_t index) {
    SpanId id;
    std::memcpy(id.bytes.data(), from.data() + index * sizeof(SpanId), sizeof(SpanId));
    return id;
  };
  // Row numbers within the page first: ancestors are looked up by them.
  uint32_t next_foreign = (**begins)[number];
  const uint32_t foreign_end = (**begins)[number + 1];
  uint32_t row = 0;
  for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces; ++trace) {
    const uint32_t begin = row;
    const uint32_t end = begin + tables_->trace_rows[trace];
    for (; row < end; ++row) {
      uint32_t parent = kNoRow;
      SpanId parent_id;
      if (symbols[row] == kParentForeign) {
        if (next_foreign == foreign_end) return torn("parents outnumber their ids");
        parent_id = id_at(foreign, next_foreign++);
      } else if (symbols[row] != kParentNone) {
        parent = parent_of_symbol(symbols[row], row, begin, end, rows.parent_rows);
        if (parent == kNoRow) return torn("a parent lies outside its trace");
        parent_id = id_at(ids, page.begin + parent);
      }
      rows.parent_rows.push_back(parent);
      rows.parents.push_back(parent_id);
    }
  }
  for (uint32_t& parent : rows.parent_rows)
    if (parent != kNoRow) parent += page.begin;
  return next_foreign == foreign_end ? Status{} : torn("ids of parents are left over");
}

Status RowGroupDecoder::read_resources(uint32_t number, PageRows& rows) {
  const RowPage& page = tables_->pages[number];
  std::vector<uint64_t> symbols;
  if (auto status =
          read_numbers(ChunkType::kResources, class_count(), number, rows.classes, symbols);
      !status)
    return status;
  for (uint32_t row = 0; row < page.rows; ++row) {
    if (symbols[row] == 0) {
      const uint32_t parent = rows.parent_rows[row];
      if (parent == kNoRow || parent - page.begin >= row)
        return torn("a row takes its resource from no parent");
      rows.resources.push_back(rows.resources[parent - page.begin]);
      continue;
    }
    const auto& resources = tables_->resources_of_classes[rows.classes[row]];
    if (symbols[row] > resources.size()) return torn("a resource is out of range");
    rows.resources.push_back(resources[symbols[row] - 1]);
  }
  return {};
}

Status RowGroupDecoder::read_times(uint32_t number, PageRows& rows) {
  const RowPage& page = tables_->pages[number];
  std::vector<uint32_t> contexts = rows.classes;
  uint32_t row = 0;
  for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces;
       row += tables_->trace_rows[trace++])
    contexts[row] = class_count();
  std::vector<uint64_t> starts, durations;
  if (auto status = read_numbers(ChunkType::kStarts, class_count() + 1, number, contexts, starts);
      !status)
    return status;
  if (auto status =
          read_numbers(ChunkType::kDurations, class_count(), number, rows.classes, durations);
      !status)
    return status;
  uint64_t trace_start = zone_.min_start.value;
  row = 0;
  for (uint32_t trace = page.first_trace; trace < page.first_trace + page.traces; ++trace) {
    uint64_t start = trace_start;
    const uint32_t begin = row;
    for (; row < begin + tables_->trace_rows[trace]; ++row) {
      start += starts[row];
      if (row == begin) trace_start = start;
      rows.starts.push_back(start);
      rows.ends.push_back(start + durations[row]);
    }
  }
  return {};
}

Result<const PageRows*> RowGroupDecoder::page_rows(uint32_t number) {
  auto& kept = pages_[number].rows;
  if (kept) return &*kept;
  PageRows rows;
  for (const auto step : {&RowGroupDecoder::read_classes, &RowGroupDecoder::read_parents,
                          &RowGroupDecoder::read_resources, &RowGroupDecoder::read_times})
    if (auto status = (this->*step)(number, rows); !status)
      return std::unexpected(std::move(status).error());
  kept = std::move(rows);
  return &*kept;
}

Result<const PageEntries*> RowGroupDecoder::page_entries(AttributeOwner owner, uint32_t number) {
  const bool events = owner == AttributeOwner::kEvent;
  auto& kept = events ? pages_[number].events : pages_[number].links;
  if (kept) return &*kept;
  const auto rows = page_rows(number);
  if (!rows) return std::unexpected(rows.error());
  PageEntries entries;
  std::vector<uint64_t> counts, numbers;
  if (auto status = read_numbers(events ? ChunkType::kEventCounts : ChunkType::kLinkCounts,
                                 class_count(), number, (*rows)->classes, counts);
      !status)
    return std::unexpected(std::move(status).error());
  std::vector<uint32_t> of_class;
  const uint64_t total = events ? zone_.events : zone_.links;
  entries.offsets.push_back(0);
  for (size_t row = 0; row < counts.size(); ++row) {
    if (counts[row] > total - entries.offsets.back())
      return torn("more events or links than its zone says");
    of_class.insert(of_class.end(), counts[row], (*rows)->classes[row]);
    entries.offsets.push_back(entries.offsets.back() + static_cast<uint32_t>(counts[row]));
  }
  if (auto status = read_numbers(events ? ChunkType::kEventClasses : ChunkType::kLinkShapes,
                                 class_count(), number, of_class, numbers);
      !status)
    return std::unexpected(std::move(status).error());
  const size_t bound = tables_->context_shapes[static_cast<size_t>(owner)].size();
  for (const uint64_t context : numbers) {
    if (context >= bound) return torn("an event or link is of no known class");
    entries.contexts.push_back(static_cast<uint32_t>(context));
  }
  kept = std::move(entries);
  return &*kept;
}

Result<std::span<const uint32_t>> RowGroupDecoder::page_contexts(AttributeOwner owner,
                                                                 uint32_t page) {
  if (owner == AttributeOwner::kSpan) {
    const auto rows = page_rows(page);
    if (!rows) return std::unexpected(rows.error());
    return std::span<const uint32_t>((*rows)->classes);
  }
  const auto entries = page_entries(owner, page);
  if (!entries) return std::unexpected(entries.error());
  return std::span<const uint32_t>((*entries)->contexts);
}

Result<const RowGroupDecoder::ValueSource*> RowGroupDecoder::value_source(AttributeOwner owner,
                                                                          uint32_t key) {
  const bool frequent = is_frequent(owner, key);
  const uint32_t slot = frequent ? key : kRareKey;
  auto found = values_.find(static_cast<uint64_t>(owner) << 32 | slot);
  if (found != values_.end()) return &found->second;
  ValueSource source;
  uint32_t context_count = 1;
  const auto number = static_cast<size_t>(owner);
  if (frequent)
    context_count = number_contexts(tables_->shapes[number], tables_->context_shapes[number], key,
                                    source.local);
  else
    source.local.assign(tables_->context_shapes[number].size(), 0);
  const Chunk* own = frequent ? chunk(chunk_of(ChunkType::kValues, owner), key)
                              : chunk(chunk_of(ChunkType::kRareValues, owner));
  // Shapes may name keys that no span here has: those of duplicates that were left out.
  if (own == nullptr)
    return &values_.emplace(static_cast<uint64_t>(owner) << 32 | slot, std::move(source))
                .first->second;
  auto reader = ValueColumnReader::open(read(*own), context_count,
                                        static_cast<uint32_t>(tables_->pages.size()));
  if (!reader) return in_context("row group", std::move(reader).error());
  source.reader = std::move(*reader);
  return &values_.emplace(static_cast<uint64_t>(owner) << 32 | slot, std::move(source))
              .first->second;
}

Result<const ValueColumnReader*> RowGroupDecoder::text_source(ChunkType type,
                                                              uint32_t context_count) {
  auto found = texts_.find(type);
  if (found == texts_.end()) {
    auto reader = ValueColumnReader::open(chunk_bytes(type, 0), context_count,
                                          static_cast<uint32_t>(tables_->pages.size()));
    if (!reader) return in_context("row group", std::move(reader).error());
    found = texts_.emplace(type, std::move(*reader)).first;
  }
  return &found->second;
}

Result<bool> RowGroupDecoder::has_key(AttributeOwner owner, std::string_view key) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  const auto number = (*tables)->key_numbers.find(key);
  if (number == (*tables)->key_numbers.end()) return false;
  if (is_frequent(owner, number->second)) return true;
  for (const auto& shape : (*tables)->shapes[static_cast<size_t>(owner)])
    if (std::find(shape.begin(), shape.end(), number->second) != shape.end()) return true;
  return false;
}

Result<std::vector<std::string_view>> RowGroupDecoder::keys(AttributeOwner owner) {
  const auto tables = this->tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<bool> has((*tables)->keys.size());
  for (const auto& shape : (*tables)->shapes[static_cast<size_t>(owner)])
    for (const uint32_t key : shape) has[key] = true;
  std::vector<std::string_view> result;
  for (size_t key = 0; key < has.size(); ++key)
    if (has[key]) result.push_back((*tables)->keys[key]);
  return result;
}

}  // namespace sightline::tracestore
