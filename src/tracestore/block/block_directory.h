#pragma once
// The directory of blocks: what is there at start, names for new ones, and taking them away.
//   Recovery   unfinished files are removed; so are blocks that a newer one says it replaced;
//              a block that does not open is renamed to <name>.corrupt and said in the log.
//   Leftovers  files that should not be there: written and not published, or replaced and not
//              removable. They are tried again, and every new block says that it replaces them.
//   Threads    one owner: maintenance.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "tracestore/block/block.h"
#include "tracestore/block/publication.h"

namespace sightline::tracestore {

class BlockDirectory {
 public:
  BlockDirectory(io::FileSystem& fs, std::string path, Block::Cache cache)
      : fs_(fs), path_(std::move(path)), cache_(std::move(cache)) {}

  struct Loaded {
    BlockList blocks;
    uint64_t quarantined = 0;
  };
  Result<Loaded> load();

  const std::string& path() const { return path_; }
  // For a new block; a leftover until keep().
  uint64_t take_id();
  // No id below is given out from now on.
  void reserve(uint64_t next_id) { next_id_ = std::max(next_id_, next_id); }
  void keep(uint64_t id) { std::erase(leftovers_, id); }
  // But for `id` itself.
  std::vector<uint64_t> leftovers(uint64_t id) const;
  void remove_leftovers();
  Result<std::shared_ptr<const Block>> open(uint64_t id) {
    return Block::open(fs_, block_path(id), id, cache_);
  }
  // Readers that have it open keep it.
  void remove(const Block& block);
  void quarantine(const std::string& path);

 private:
  std::string block_path(uint64_t id) const;
  io::FileSystem& fs_;
  const std::string path_;
  const Block::Cache cache_;
  uint64_t next_id_ = 1;
  std::vector<uint64_t> leftovers_;
};

// Oldest first, as merging and uniting want them.
void sort_blocks(BlockList& blocks);

}  // namespace sightline::tracestore
