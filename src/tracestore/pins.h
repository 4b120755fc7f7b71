#pragma once
// The trace ids that retention must not take away. A set: pinning twice is pinning once.
// An id whose trace has not arrived yet waits.
//   Durability  flush() writes what changed to a record log of its own; what was pinned since the
//               last flush is lost in a crash, and its owner pins it again at start.
//   Threads     pin, unpin, contains: any. flush: one at a time.
//   Format      docs/formats/trace_block.md, "Pins".
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "base/ids.h"
#include "base/result.h"
#include "io/file_system.h"
#include "io/record_log.h"

namespace sightline::tracestore {

class PinSet {
 public:
  static Result<std::unique_ptr<PinSet>> open(io::FileSystem& fs, const std::string& directory,
                                              io::SyncPolicy sync);

  void pin(const TraceId& id);
  void unpin(const TraceId& id);
  bool contains(const TraceId& id) const;
  uint64_t count() const;
  std::vector<TraceId> all() const;
  // How many unpins have been, ever: when it stands still, no pinned block can shrink.
  uint64_t unpin_count() const;
  Status flush();

 private:
  PinSet() = default;
  Status rewrite();

  std::unique_ptr<io::RecordLog> log_;
  mutable std::mutex mutex_;
  absl::flat_hash_set<TraceId, TraceIdHash> ids_;  // guarded by mutex_
  std::string pinned_;        // guarded by mutex_: not yet in the log, 16 bytes each
  std::string unpinned_;      // guarded by mutex_
  uint64_t unpin_count_ = 0;  // guarded by mutex_
};

}  // namespace sightline::tracestore
