#pragma once
// Writes one block: series in order of their labels, each with its chunks and
// exemplars, streaming; the index is gathered in memory and written last.
//   Crash     everything goes to block-N.tmp, is synced, then renamed: a block is
//             there whole or not at all. The destructor removes what is unfinished.
//   Threads   one owner.
#include <absl/container/flat_hash_map.h>

#include <map>
#include <roaring/roaring.hh>

#include "base/checksum.h"
#include "io/file_system.h"
#include "model/labels.h"
#include "tsdb/block_meta.h"
#include "tsdb/chunk.h"
#include "tsdb/exemplar_column.h"

namespace sightline::tsdb {

struct BlockChunk {
  ChunkKind kind = ChunkKind::kFloat;
  int64_t min_time = 0;
  int64_t max_time = 0;
  uint32_t count = 0;
  std::string_view bytes;
};

class BlockWriter {
 public:
  // `parent` is the directory of all blocks.
  static Result<std::unique_ptr<BlockWriter>> create(io::FileSystem& fs, std::string parent, uint64_t number);
  ~BlockWriter();

  // `chunks` ascend and do not overlap within a kind; `exemplars` ascend.
  Status add_series(const model::Labels& labels, std::span<const BlockChunk> chunks,
                    const std::vector<StoredExemplar>& exemplars);
  bool empty() const { return series_offsets_.empty(); }
  // Level, sources and parents are the caller's, the rest is filled in.
  Result<BlockMeta> finish(BlockMeta meta);

 private:
  struct File;
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return static_cast<size_t>(xxh3(text)); }
  };
  struct ValuePostings {
    uint32_t symbol = 0;
    Roaring series;
  };

  BlockWriter(io::FileSystem& fs, std::string parent, uint64_t number);
  uint32_t symbol(std::string_view text);
  Status write_index();
  void note(int64_t min, int64_t max);

  io::FileSystem& fs_;
  const std::string parent_;
  const uint64_t number_;
  const std::string temporary_;
  bool finished_ = false;
  BlockMeta meta_;
  std::unique_ptr<File> chunks_;
  std::unique_ptr<File> exemplars_;
  absl::flat_hash_map<std::string, uint32_t, TextHash, std::equal_to<>> symbol_numbers_;
  std::string symbol_bytes_;
  std::vector<uint32_t> symbol_offsets_{0};
  std::string entries_;
  std::vector<uint32_t> series_offsets_;
  std::map<std::string, std::map<std::string, ValuePostings>, std::less<>> postings_;
};

}  // namespace sightline::tsdb
