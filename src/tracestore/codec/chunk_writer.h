#pragma once
// The chunks of one row group and their directory, as they are written one after the other.
//   Format   docs/formats/trace_block.md, "Row group".
//   Threads  of one encoder.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "tracestore/block/block_format.h"
#include "tracestore/codec/checked_parts.h"
#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/paged_integers.h"
#include "tracestore/row_group/encoded_rows.h"

namespace sightline::tracestore {

class ChunkWriter {
 public:
  // Nothing is written of an empty one.
  void put(ChunkType type, uint64_t key, std::string_view bytes) {
    if (bytes.empty()) return;
    out_ += bytes;
    ++chunk_count_;
    directory_.push_back(static_cast<char>(type));
    append_uvarint(directory_, key);
    append_uvarint(directory_, bytes.size());
  }
  static bool all_zero(const std::vector<uint64_t>& values) {
    return std::all_of(values.begin(), values.end(), [](uint64_t v) { return v == 0; });
  }
  // Columns of zeros are left out.
  void put_integers(ChunkType type, const std::vector<uint64_t>& values) {
    if (all_zero(values)) return;
    std::string bytes;
    encode_integers(values, bytes);
    put(type, 0, bytes);
  }
  void put_paged(ChunkType type, std::span<const uint64_t> values,
                 std::span<const uint32_t> contexts, uint32_t context_count,
                 std::span<const uint32_t> page_ends) {
    std::string bytes;
    encode_paged({values, contexts, context_count, page_ends}, bytes);
    put(type, 0, bytes);
  }
  void put_paged(ChunkType type, const NumberColumn& column, uint32_t context_count) {
    if (!all_zero(column.values))
      put_paged(type, column.values, column.contexts, context_count, column.page_ends);
  }
  // The chunks, then the directory; tells the zone of both.
  std::string finish(RowGroupZone& zone) {
    std::string directory;
    append_uvarint(directory, chunk_count_);
    directory += directory_;
    CheckedParts::append_checksums(out_, kCheckedBytes, directory);
    zone.chunk_bytes = static_cast<uint32_t>(out_.size());
    zone.directory_bytes = static_cast<uint32_t>(directory.size());
    zone.directory_crc = crc32c(directory);
    out_ += directory;
    return std::move(out_);
  }

 private:
  std::string out_;
  std::string directory_;
  uint32_t chunk_count_ = 0;
};

}  // namespace sightline::tracestore
