#pragma once
// Blocks in object storage: "blocks/<id>.trace" and the manifest that says which of them count.
//   Publication  a block is uploaded whole, then a new manifest names it and no longer those that it replaces, then the
//                objects of these go once no reader holds them. A crash in between leaves objects that the manifest does
//                not name: load() removes them.
//   Doubt        when writing the manifest failed, either may be the one that is there. Nothing is removed until one has
//                been written for sure; both name only blocks that exist.
//   Takeover     load() makes this process the owner. One that was it before fails with kAlreadyExists from its next
//                publication on, and removes nothing any more.
//   Rebuilding   a manifest that is missing or damaged is made anew from the blocks and what they say they replace.
//   Reading      footers and trace-id indexes of all blocks are kept in the cache, so that only row groups are fetched
//                when somebody asks.
//   Threads      one owner. Blocks that it hands out: any.
//   Lifetime     the cache outlives it and its blocks.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file_system.h"
#include "io/object_cache.h"
#include "tracestore/block/archive_manifest.h"
#include "tracestore/block/block.h"
#include "tracestore/block/publication.h"

namespace sightline::tracestore {

class BlockArchive {
 public:
  BlockArchive(io::ObjectCache& cache, const std::array<uint8_t, 16>& owner,
               Block::Cache row_groups)
      : cache_(cache), objects_(cache.objects()), row_groups_(std::move(row_groups)) {
    manifest_.owner = owner;
  }

  struct Loaded {
    BlockList blocks;
    uint64_t next_id = 1;
    uint64_t set_aside = 0;  // found damaged now
  };
  Result<Loaded> load();

  // The finished file of a new block becomes an object, which nobody knows until it is published.
  Result<std::shared_ptr<const Block>> upload(io::FileSystem& fs, const std::string& path,
                                              uint64_t id);
  // From now on `added`, if any, is part of the archive, and `gone` are not.
  Status publish(const std::shared_ptr<const Block>& added, const BlockList& gone);
  // Damaged ones stay as they are for people to look at, and are no longer opened.
  Status set_aside(const BlockList& damaged);
  // Removes what neither the manifest names nor a reader holds.
  void sweep();

  static std::string block_key(uint64_t id);  // "blocks/00000012.trace"

 private:
  struct Leftover {
    uint64_t id = 0;
    std::weak_ptr<const Block> block;  // readers of it; none of an upload that failed
  };
  Result<ArchiveManifest> read_manifest();
  Result<ArchiveManifest> rebuild_manifest();
  Result<std::vector<Result<std::shared_ptr<const Block>>>> open_blocks() const;
  Result<std::shared_ptr<const Block>> open_block(const ArchivedBlock& entry) const;
  Status remove_strays();
  Status check_ownership();
  Status write(ArchiveManifest next);
  std::string manifest_name() const;

  io::ObjectCache& cache_;
  io::ObjectStore& objects_;
  const Block::Cache row_groups_;
  ArchiveManifest manifest_;  // as this process wants it
  bool in_doubt_ = false;     // another one may be there
  std::vector<Leftover> leftovers_;
};

// What a block of the archive says about one that it replaces: ids alone could name blocks of another history.
uint64_t replaced_mark(const Block& block);

}  // namespace sightline::tracestore
