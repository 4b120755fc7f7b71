#pragma once
// The one write-ahead-log framing, used by both stores: a directory of
// numbered segments (00000001.wal, ...), each a magic, a version and records.
//   Record    u32 length, u32 crc32c(type, payload), u8 type, payload; little endian.
//   Append    acknowledged after write(2) (survives kill -9) or, with
//             SyncPolicy::kAlways, after fdatasync (survives power loss). Concurrent
//             appenders share one write and one sync.
//   Reading   stops at the first record that does not check: in the last segment that
//             is a torn tail, truncated and reported; in an earlier one it is corruption,
//             reported, and the rest of that segment is skipped.
//   Failure   a failed append leaves no half record behind; disk full is
//             kUnavailable and the next append may succeed.
//   Format    docs/formats/record_log.md
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file_system.h"

namespace sightline::io {

enum class SyncPolicy { kNone, kAlways };  // kNone: the kernel writes when it likes

// Which segments are read while a log opens, and which of them is at hand.
struct SegmentProgress {
  uint64_t first = 0;
  uint64_t last = 0;
  uint64_t current = 0;
};

struct RecordLogOptions {
  SyncPolicy sync = SyncPolicy::kNone;
  uint64_t segment_bytes_max = 64u << 20;  // then a new segment starts
  uint32_t record_bytes_max = 64u << 20;
  std::function<void(const SegmentProgress&)> on_segment;  // before each is read; may be empty
};

// Where a record lies.
struct RecordPosition {
  uint64_t segment = 0;
  uint64_t offset = 0;  // of its header within the segment's file
};
inline constexpr uint64_t kFirstRecordOffset = 8;  // behind the magic
inline constexpr uint64_t kRecordHeaderBytes = 9;  // in front of each payload

struct RecordLogRecovery {
  uint64_t records = 0;
  uint64_t segments = 0;
  uint64_t bytes_dropped = 0;  // torn tail or corruption
  std::string note;            // one line for the log, empty when all was well
};

class RecordLog {
 public:
  // Called for each good record in order; an error stops opening and is passed on.
  using Replay = std::function<Status(uint64_t segment, uint8_t type, std::string_view payload)>;

  static Result<std::unique_ptr<RecordLog>> open(FileSystem& fs, std::string directory,
                                                 RecordLogOptions options, const Replay& replay,
                                                 RecordLogRecovery* recovery = nullptr);
  virtual ~RecordLog() = default;

  // Durable per policy when it returns. Any thread. Returns the segment written to.
  Result<uint64_t> append(uint8_t type, std::string_view payload) {
    const auto position = append_at(type, payload);
    if (!position) return std::unexpected(position.error());
    return position->segment;
  }
  // The same, saying where, so that it can be read again while its segment is there.
  virtual Result<RecordPosition> append_at(uint8_t type, std::string_view payload) = 0;
  // The payload of a record, checked. Any thread.
  virtual Result<std::string> read(RecordPosition position) const = 0;
  // Starts a new segment and returns its number: everything before lies in lower ones.
  virtual Result<uint64_t> cut() = 0;
  // Removes segments below `segment`, once their content lives elsewhere.
  virtual Status remove_before(uint64_t segment) = 0;
  virtual Status sync() = 0;
  virtual uint64_t bytes() const = 0;  // of all segments
};

}  // namespace sightline::io
