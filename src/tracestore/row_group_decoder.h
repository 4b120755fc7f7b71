#pragma once
// Reads the chunks of one row group; everything it returns is checked, nothing is trusted.
//   Format     docs/formats/trace_block.md, "Row group".
//   Ownership  views point into `owner` (the block's file), or into storage that the
//              results share.
//   Threads    one at a time: tables are decoded when first needed.
#include <atomic>
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
#include "tracestore/value_codec.h"

namespace sightline::tracestore {

// What every user of a row group needs first.
struct CoreColumns {
  std::vector<uint32_t> trace_rows;        // of each trace
  std::vector<SpanId> span_ids;
  std::vector<SpanId> parents;
  std::vector<uint32_t> parent_rows;       // kNoRow for roots and orphans
  std::vector<uint64_t> starts;
  std::vector<uint64_t> ends;
};

class RowGroupDecoder {
 public:
  // `bytes`: chunks and directory, as zone says. `inspected`, if any, counts the bytes of chunks read.
  static Result<RowGroupDecoder> open(std::string_view bytes, const RowGroupZone& zone,
                                      std::shared_ptr<const void> owner,
                                      std::shared_ptr<std::atomic<uint64_t>> inspected = nullptr);
  // The checksums of all chunks.
  Status verify() const;

  const RowGroupZone& zone() const { return zone_; }
  Result<CoreColumns> core() const;
  // Zeros when the chunk is absent.
  Result<std::vector<uint64_t>> integers(ChunkType type, size_t count) const;
  // Empty strings when the chunk is absent.
  Result<ValueColumn> values(ChunkType type, size_t count, ValueParts parts) const;
  // row_count + 1 running sums of kEventCounts or kLinkCounts.
  Result<std::vector<uint32_t>> offsets(ChunkType counts) const;
  std::string_view raw(ChunkType type) const;      // checked to be entries * width bytes by raw_ids()
  template <typename Id>
  Result<std::vector<Id>> raw_ids(ChunkType type, size_t count) const;

  Result<bool> has_key(AttributeOwner owner, std::string_view key);
  Result<std::vector<std::string_view>> keys(AttributeOwner owner);
  // The key's first value of each span, event or link. Values live as long as `storage` of the result.
  struct Attribute {
    OwnedColumn column;
    std::shared_ptr<const std::string> storage;
  };
  Result<Attribute> attribute(AttributeOwner owner, std::string_view key);
  // Values that the key may have (those of all rare keys when it is rare); empty when it has none.
  Result<ValueColumn> attribute_dictionary(AttributeOwner owner, std::string_view key);
  // Resources and scopes with their attributes; no spans. Valid while the decoder or a copy of its tables lives.
  Result<const model::SpanBatch*> tables();
  std::shared_ptr<const void> tables_owner() const { return tables_; }

  // The spans of some runs of rows, ascending, everything in them but the trace id.
  Result<std::shared_ptr<model::SpanBatch>> spans(std::span<const model::Run> runs);

 private:
  struct Chunk {
    std::string_view bytes;
    uint32_t crc = 0;
  };
  struct Shape {
    std::vector<uint32_t> keys;
  };
  struct Attributes {                     // of one owner
    bool loaded = false;
    std::vector<Shape> shapes;
    std::vector<uint32_t> of_entity;
    std::vector<uint64_t> values_of_key;  // by key number
  };
  struct KeyTable {
    std::string storage;
    std::vector<std::string_view> keys;
    absl::flat_hash_map<std::string_view, uint32_t> numbers;
  };
  struct Tables {
    std::string resource_storage;
    std::string scope_storage;
    std::shared_ptr<const KeyTable> keys;
    std::shared_ptr<const void> file;
    model::SpanBatch batch;
  };
  friend class AttributeCursor;

  const Chunk* chunk(ChunkType type, uint64_t key = 0) const;
  std::string_view read(const Chunk& chunk) const;
  size_t entity_count(AttributeOwner owner) const;
  bool is_frequent(AttributeOwner owner, uint32_t key) const;
  Status load_keys();
  Status load_attributes(AttributeOwner owner);
  Status read_shapes(AttributeOwner owner, Attributes& into) const;
  Status read_attributes(ByteReader& in, model::SpanBatch& batch, model::Run& run) const;
  Result<ValueColumn> value_column(AttributeOwner owner, uint32_t key, ValueParts parts) const;

  RowGroupZone zone_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<std::atomic<uint64_t>> inspected_;
  absl::flat_hash_map<uint64_t, Chunk> chunks_;   // type << 32 | key
  std::shared_ptr<const KeyTable> keys_;
  Attributes attributes_[3];
  std::shared_ptr<const Tables> tables_;
};

}  // namespace sightline::tracestore
