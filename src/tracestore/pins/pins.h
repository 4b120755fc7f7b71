#pragma once
// The traces that retention must not take away. A set: pinning twice is pinning once. An id whose trace has not arrived
// yet waits. Ids are kept as fingerprints (trace_id_set.h): at worst a trace too many is kept.
//   Durability  flush() writes what changed to a record log of its own; what was pinned since the
//               last flush is lost in a crash, and its owner pins it again at start.
//   Cost        pinning and unpinning are O(1) and wait for no disk; a pin takes 6 to 9 bytes of memory.
//   Threads     pin, unpin, contains: any. replace, flush: each by one at a time.
//   Format      docs/formats/trace_pins.md.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "io/file_system.h"
#include "io/record_log.h"
#include "tracestore/pins/trace_id_set.h"

namespace sightline::tracestore {

class PinSet {
 public:
  static Result<std::unique_ptr<PinSet>> open(io::FileSystem& fs, const std::string& directory,
                                              io::SyncPolicy sync);

  void pin(const TraceId& id) { pin(fingerprint_of(id)); }
  void pin(TraceFingerprint id);
  void unpin(const TraceId& id);
  bool contains(const TraceId& id) const;
  uint64_t count() const;
  uint64_t memory_bytes() const;
  // Pins what `source` names and unpins all others, but for those that are pinned while it runs. When `source` fails,
  // nothing is unpinned.
  using Source = std::function<Status(const std::function<void(const TraceId&)>& wanted)>;
  Status replace(const Source& source);
  // The same of ids whose fingerprints are all that is known.
  using FingerprintSource =
      std::function<Status(const std::function<void(TraceFingerprint)>& wanted)>;
  Status replace_fingerprints(const FingerprintSource& source);
  // How many unpins have been, ever: when it stands still, no pinned block can shrink.
  uint64_t unpin_count() const;
  Status flush();

 private:
  PinSet() = default;
  void pin_locked(TraceFingerprint id);    // mutex_ held
  void unpin_locked(TraceFingerprint id);  // mutex_ held
  void replay(uint8_t type, std::string_view ids);
  Status rewrite();

  std::unique_ptr<io::RecordLog> log_;
  mutable std::mutex mutex_;
  TraceIdSet ids_;                         // guarded by mutex_
  std::unique_ptr<TraceIdSet> meanwhile_;  // guarded by mutex_: pinned since replace() began
  std::string pinned_;                     // guarded by mutex_: not yet in the log, 8 bytes each
  std::string unpinned_;                   // guarded by mutex_
  uint64_t unpin_count_ = 0;               // guarded by mutex_
};

}  // namespace sightline::tracestore
