#pragma once
// What is done to a closed store's blocks from outside: listing, checking, adding.
//   Exclusive  whoever changes anything holds the directory's lock (ClosedStore).
#include <functional>

#include "tsdb/block/block.h"

namespace sightline::tsdb {

class ClosedStore {
 public:
  // kAlreadyExists when a process has it open. Creates the directory when it is absent.
  static Result<std::unique_ptr<ClosedStore>> open(io::FileSystem& fs, std::string directory);

  struct Entry {
    std::string name;                    // of the directory
    std::shared_ptr<const Block> block;  // null: does not open
    std::string fault;                   // why not
  };
  // Ascending by number; what is set aside or unfinished is not among them.
  Result<std::vector<Entry>> blocks() const;
  // A new block of all that the source holds; nullopt when that is nothing. kOutOfRange, and nothing is added, when something
  // in it lies before 1970 or later than `time_max`: a server would take that for the present and refuse what comes.
  Result<std::optional<BlockMeta>> add(BlockSource& source, int64_t time_max,
                                       size_t samples_max = 512);
  // Sets a block aside as <name>.corrupt.
  Status quarantine(const std::string& name);

 private:
  ClosedStore(io::FileSystem& fs, std::string directory)
      : fs_(fs), directory_(std::move(directory)) {}
  io::FileSystem& fs_;
  const std::string directory_;
  std::unique_ptr<io::DirectoryLock> lock_;
};

// Reads everything in the block: every checksum, chunk, exemplar and posting; samples ascend, counts are what
// meta.json says, every series is found by each of its labels. `on_series` is called after each series.
Status verify_block(const Block& served, const std::function<void()>& on_series = {});

}  // namespace sightline::tsdb
