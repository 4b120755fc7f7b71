#pragma once
// Reads the chunks of one row group, all rows or the pages that are asked for; everything it returns is
// checked, nothing is trusted.
//   Format     docs/formats/trace_block.md, "Row group".
//   Ownership  views point into `owner` (the block's file), or into storage that the
//              results share.
//   Threads    one at a time: tables and columns are decoded when first needed.
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/result.h"
#include "tracestore/block_format.h"
#include "tracestore/owned_column.h"
#include "tracestore/querier.h"
#include "tracestore/row_group_tables.h"
#include "tracestore/value_column.h"

namespace sightline::tracestore {

// What every user of a row group needs first.
struct CoreColumns {
  std::vector<uint32_t> trace_rows;  // of each trace
  std::vector<SpanId> span_ids;
  std::vector<SpanId> parents;
  std::vector<uint32_t> parent_rows;  // kNoRow for roots and orphans
  std::vector<uint64_t> starts;
  std::vector<uint64_t> ends;
};

// The same of one page, and what else rows are made of. Row numbers are those of the row group.
struct PageRows {
  std::vector<uint32_t> classes;
  std::vector<uint32_t> resources;
  std::vector<uint32_t> parent_rows;
  std::vector<SpanId> parents;
  std::vector<uint64_t> starts;
  std::vector<uint64_t> ends;
};
// The events or links of one page.
struct PageEntries {
  std::vector<uint32_t> offsets;   // rows + 1: which entries each row owns
  std::vector<uint32_t> contexts;  // class of each event, shape of each link
};

// Values of a column and a code for each occurrence; `storage` keeps the values.
struct DecodedColumn {
  std::vector<model::ValueView> values;
  std::vector<uint32_t> codes;
  std::shared_ptr<const void> storage;
};

class RowGroupDecoder final : private ChunkSource {
 public:
  // `bytes`: chunks and directory, as zone says. `inspected`, if any, counts the bytes of chunks read.
  static Result<RowGroupDecoder> open(std::string_view bytes, const RowGroupZone& zone,
                                      std::shared_ptr<const void> owner,
                                      std::shared_ptr<std::atomic<uint64_t>> inspected = nullptr);
  // The checksums of all chunks.
  Status verify() const;

  const RowGroupZone& zone() const { return zone_; }
  // Every chunk, for people; `key` is the attribute's and lives as long as the decoder.
  struct ChunkUse {
    ChunkType type;
    std::string_view key;
    std::string_view bytes;
  };
  Result<std::vector<ChunkUse>> chunks();

  // Decoded once; or taken from who decoded those of the same row group before.
  Result<const RowGroupTables*> tables();
  void use_tables(std::shared_ptr<const RowGroupTables> tables) { tables_ = std::move(tables); }
  std::shared_ptr<const RowGroupTables> shared_tables() const { return tables_; }

  // Of all rows.
  Result<CoreColumns> core();
  Result<std::vector<uint8_t>> kinds();
  Result<std::vector<uint8_t>> statuses();
  Result<std::vector<uint32_t>> scopes();  // index into the tables' batch
  Result<DecodedColumn> names();
  Result<DecodedColumn> texts(ChunkType type);  // kStatusMessages, kTraceStates
  Result<std::vector<uint32_t>> offsets(
      AttributeOwner entries);  // row_count + 1 running sums, of events or links
  Result<DecodedColumn> event_names();
  Result<std::vector<uint64_t>> event_times();  // since the start of the span, modulo 2^64
  template <typename Id>
  Result<std::vector<Id>> raw_ids(ChunkType type, size_t count) const;

  Result<bool> has_key(AttributeOwner owner, std::string_view key);
  Result<std::vector<std::string_view>> keys(AttributeOwner owner);
  // The key's first value of each span, event or link. Values live as long as `storage` of the result.
  struct Attribute {
    OwnedColumn column;
    std::shared_ptr<const void> storage;
  };
  Result<Attribute> attribute(AttributeOwner owner, std::string_view key);
  // Values that the key may have, and perhaps others; empty when it has none, nullopt when only reading them all could tell.
  Result<std::optional<DecodedColumn>> attribute_dictionary(AttributeOwner owner,
                                                            std::string_view key);

  // The spans of some runs of rows, ascending, everything in them but the trace id.
  Result<std::shared_ptr<model::SpanBatch>> spans(std::span<const model::Run> runs);

 private:
  struct Chunk {
    std::string_view bytes;
    uint32_t crc = 0;
  };
  // A column of values, and which of its contexts each class is.
  struct ValueSource {
    ValueColumnReader reader;
    std::vector<uint32_t> local;  // of each context of the owner
  };
  struct Page {
    std::optional<PageRows> rows;
    std::optional<PageEntries> events;
    std::optional<PageEntries> links;
  };
  friend class PageAttributes;
  friend class SpanAssembler;

  std::string_view chunk_bytes(ChunkType type, uint64_t key) const override;
  const Chunk* chunk(ChunkType type, uint64_t key = 0) const;
  std::string_view read(const Chunk& chunk) const;
  bool is_frequent(AttributeOwner owner, uint32_t key) const {
    return chunk(chunk_of(ChunkType::kValues, owner), key) != nullptr;
  }
  uint32_t class_count() const { return static_cast<uint32_t>(tables_->classes.size()); }

  // Values of one page, as many as contexts. Zeros when the chunk is absent.
  Status read_numbers(ChunkType type, uint32_t context_count, uint32_t page,
                      std::span<const uint32_t> contexts, std::vector<uint64_t>& out);
  Result<const PagedIntegers*> paged(ChunkType type, uint32_t context_count);
  Result<const ValueSource*> value_source(AttributeOwner owner,
                                          uint32_t key);  // the rare ones' when the key has none
  Result<const ValueColumnReader*> text_source(ChunkType type, uint32_t context_count);

  Result<const PageRows*> page_rows(uint32_t page);
  Status read_classes(uint32_t page, PageRows& rows);
  Status read_parents(uint32_t page, PageRows& rows);
  Status read_resources(uint32_t page, PageRows& rows);
  Status read_times(uint32_t page, PageRows& rows);
  Result<const PageEntries*> page_entries(AttributeOwner entries, uint32_t page);
  // Which contexts the page's spans, events or links have.
  Result<std::span<const uint32_t>> page_contexts(AttributeOwner owner, uint32_t page);
  // Where the foreign parents or links of each page begin.
  Result<const std::vector<uint32_t>*> begins_of_pages(ChunkType counts);
  // The dictionary of a source, with codes unless only that is wanted.
  Result<DecodedColumn> decode_column(const ValueSource& source, AttributeOwner owner,
                                      uint32_t key);

  RowGroupZone zone_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<std::atomic<uint64_t>> inspected_;
  absl::flat_hash_map<uint64_t, Chunk> chunks_;  // type << 32 | key
  std::shared_ptr<const RowGroupTables> tables_;
  std::vector<Page> pages_;
  std::map<ChunkType, PagedIntegers> paged_;
  std::map<ChunkType, ValueColumnReader> texts_;
  std::map<uint64_t, ValueSource> values_;  // owner << 32 | key; key UINT32_MAX for the rare ones
  std::map<ChunkType, std::vector<uint32_t>> begins_;
};

}  // namespace sightline::tracestore
