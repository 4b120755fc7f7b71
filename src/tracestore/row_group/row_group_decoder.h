#pragma once
// Reads the chunks of one row group; everything it returns is checked, nothing is trusted. Whole columns of some pages
// are page_columns.h's.
//   Format     docs/formats/trace_block.md, "Row group".
//   Ownership  views point into `owner` (the block's file), or into storage that the
//              results share.
//   Threads    one at a time: tables and columns are opened when first needed.
#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "base/result.h"
#include "tracestore/block/block_format.h"
#include "tracestore/codec/checked_parts.h"
#include "tracestore/codec/value_column.h"
#include "tracestore/row_group/row_group_tables.h"

namespace sightline::tracestore {

// Values of a column and a code for each occurrence; `storage` keeps the values. Equal values may have several codes.
struct DecodedColumn {
  std::vector<model::ValueView> values;
  std::vector<uint32_t> codes;
  std::shared_ptr<const void> storage;
};

class RowGroupDecoder final : public ChunkSource {
 public:
  // `bytes`: chunks and directory, as zone says. `inspected`, if any, counts the bytes of chunks read. `verified`: what
  // was found sound so far, shared by all decoders of the row group and outliving them; a bit for each part of the
  // chunks, before version 4 for each chunk.
  static Result<RowGroupDecoder> open(std::string_view bytes, const RowGroupZone& zone,
                                      std::shared_ptr<const void> owner,
                                      std::shared_ptr<std::atomic<uint64_t>> inspected = nullptr,
                                      VerifiedParts verified = {});
  static size_t verified_words(const RowGroupZone& zone);
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

  // From one user to the next: what was read stays, results of the one before are theirs alone. Who counts what the next
  // one reads.
  void hand_on(std::shared_ptr<std::atomic<uint64_t>> inspected);
  // Of what has been read, but for the bytes themselves.
  uint64_t memory_bytes() const;

  // Whether some shape names the key.
  Result<bool> has_key(AttributeOwner owner, std::string_view key);
  Result<std::vector<std::string_view>> keys(AttributeOwner owner);
  // Values that the key may have, and perhaps others; empty when it has none, nullopt when only reading them all could tell.
  Result<std::optional<DecodedColumn>> attribute_dictionary(AttributeOwner owner,
                                                            std::string_view key);

  // False when no value of the key is a text that holds `text`, as far as can be told without reading rows.
  Result<bool> attribute_may_hold(AttributeOwner owner, std::string_view key,
                                  std::string_view text);

  // The spans of some runs of rows, ascending, everything in them but the trace id.
  Result<std::shared_ptr<model::SpanBatch>> spans(std::span<const model::Run> runs);

  // What follows is of a row group whose tables() were read.

  // A chunk, its checksum verified; empty when there is none.
  Result<std::string_view> chunk_bytes(ChunkType type, uint64_t key) const override;
  Result<std::string_view> chunk_bytes(ChunkType type) const { return chunk_bytes(type, 0); }
  // Likewise, but not verified where the guard can do that part by part.
  Result<std::string_view> guarded_bytes(ChunkType type, uint64_t key = 0) const;
  const ByteGuard* guard() const { return parts_.get(); }
  bool has_chunk(ChunkType type, uint64_t key = 0) const { return chunk(type, key) != nullptr; }
  bool is_frequent(AttributeOwner owner, uint32_t key) const {
    return has_chunk(chunk_of(ChunkType::kValues, owner), key);
  }
  Result<const TraceBounds*> trace_bounds();
  uint32_t class_count() const { return static_cast<uint32_t>(tables_->classes.size()); }
  // Of each class, the scopes of the tables' batch that its rows may have; kNoScope for a pair that does not occur.
  const NumberLists& scopes_of_classes();
  // All zeros when the chunk is absent.
  Result<const PagedIntegers*> paged(ChunkType type, uint32_t context_count);
  // A column of values. Its contexts are some of the owner's, renumbered in their order; the rare ones have but one.
  struct ValueSource {
    ValueColumnReader reader;
    std::span<const uint32_t> contexts;  // the owner's, ascending; empty for the rare ones
    // Of one of these.
    uint32_t local(uint32_t context) const {
      const auto at = std::ranges::lower_bound(contexts, context);
      return static_cast<uint32_t>(at - contexts.begin());
    }
  };
  // The rare ones' when the key has none; nullptr when there is no value at all.
  Result<const ValueSource*> value_source(AttributeOwner owner, uint32_t key);
  Result<const ValueColumnReader*> text_source(ChunkType type, uint32_t context_count);
  // Where the foreign parents or links of each page begin, and the end of the last.
  Result<const std::vector<uint32_t>*> begins_of_pages(ChunkType counts);

 private:
  struct Chunk {
    std::string_view bytes;
    uint32_t crc = 0;
    uint32_t number = 0;
  };
  const Chunk* chunk(ChunkType type, uint64_t key) const;
  bool is_verified(const Chunk& chunk) const;

  RowGroupZone zone_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<std::atomic<uint64_t>> inspected_;
  VerifiedParts verified_;  // or own_verified_
  std::vector<std::atomic<uint64_t>> own_verified_;
  std::unique_ptr<const CheckedParts> parts_;    // null before version 4
  absl::flat_hash_map<uint64_t, Chunk> chunks_;  // type << 32 | key
  std::shared_ptr<const RowGroupTables> tables_;
  std::optional<TraceBounds> trace_bounds_;  // once needed
  NumberLists scopes_of_classes_;            // likewise
  std::map<ChunkType, PagedIntegers> paged_;
  std::map<ChunkType, ValueColumnReader> texts_;
  std::map<uint64_t, ValueSource> values_;  // owner << 32 | key; key UINT32_MAX for the rare ones
  std::map<ChunkType, std::vector<uint32_t>> begins_;
};

}  // namespace sightline::tracestore
