#pragma once
// What must outlive log segments that blocks have made unnecessary: which
// samples lie in blocks, the log's series numbers, and all metadata. One file,
// replaced whole when a block is cut.
//   Format  docs/formats/tsdb_wal.md, "Checkpoint"
#include <string>

#include "io/file_system.h"
#include "tsdb/head/series.h"
#include "tsdb/head/wal_record.h"

namespace sightline::tsdb {

struct Checkpoint {
  int64_t cut_time = kNoTime;  // samples below it, from commits up to cut_commit, are in blocks
  uint64_t cut_commit = 0;
  uint64_t last_commit = 0;
  uint64_t last_wal_number = 0;

  bool covers(int64_t time, uint64_t commit) const {
    return time < cut_time && commit <= cut_commit;
  }
};

// `entries` is a log record's payload with series and metadata.
Status write_checkpoint(io::FileSystem& fs, const std::string& path, const Checkpoint& checkpoint,
                        std::string_view entries);
// Calls `visitor` for the entries. An absent file is an empty checkpoint.
Result<Checkpoint> read_checkpoint(io::FileSystem& fs, const std::string& path,
                                   const WalVisitor& visitor);

}  // namespace sightline::tsdb
