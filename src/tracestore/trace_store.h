#pragma once
// The trace store: spans in, durable and findable when append() returns; traces out
// by id and by scan, from memory and from columnar blocks alike.
//   Durability  write-ahead log of received requests (docs/formats/trace_wal.md), then
//               immutable blocks (docs/formats/trace_block.md): in a local directory at first, and for good
//               when TraceStoreOptions names no object storage, else moved there (docs/formats/trace_archive.md).
//   Threads     everything may be called from any thread. maintain() and archive() are each for one
//               background caller of its own, every second or so; they never hold up append(), readers or each other.
//   Lifetime    queriers and what they return must not outlive the store.
//   Limits      TraceStoreOptions::limits; what is dropped is counted in tempo_discarded_spans_total.
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "base/time.h"
#include "io/file_system.h"
#include "io/object_cache.h"
#include "io/record_log.h"
#include "tracestore/block/block_archive.h"
#include "tracestore/block/block_directory.h"
#include "tracestore/block/block_writer.h"
#include "tracestore/block/publication.h"
#include "tracestore/live/live_traces.h"
#include "tracestore/options.h"
#include "tracestore/pins/pins.h"
#include "tracestore/querier.h"
#include "tracestore/writer.h"

namespace sightline::tracestore {

inline constexpr std::chrono::minutes kArchiveRetryMax(1);

struct TraceStoreStats {
  uint64_t live_traces = 0;
  uint64_t live_spans = 0;
  uint64_t block_count = 0;
  uint64_t block_traces = 0;
  uint64_t block_spans = 0;
  uint64_t block_bytes = 0;
  uint64_t archived_blocks = 0;  // of those, in object storage
  uint64_t archived_bytes = 0;
  uint64_t wal_bytes = 0;
  uint64_t pinned_traces = 0;
  uint64_t pin_bytes = 0;             // memory of pins
  std::optional<TimestampNs> oldest;  // earliest start and latest end of what is stored
  std::optional<TimestampNs> newest;
};

class KeptTraces;

class TraceStore final : public TraceWriter, public Queryable {
 public:
  // Recovers what the directories hold. kAlreadyExists when another process has them.
  static Result<std::unique_ptr<TraceStore>> open(io::FileSystem& fs, Clock& clock,
                                                  Telemetry& telemetry, TraceStoreOptions options);
  ~TraceStore() override;

  Status append(std::shared_ptr<const model::SpanBatch> batch) override;
  // kUnavailable as long as object storage has not been read since the start.
  Result<std::unique_ptr<Querier>> querier() const override;

  // Cuts due traces into blocks, trims the WAL and, without object storage, merges blocks and applies retention: what is
  // due by the clock. An error (disk full, say) is also counted; the next call tries again.
  Status maintain();
  // With object storage: moves blocks there, merges them there, applies retention. May take as long as requests do. What
  // failed is tried again later and later, up to kArchiveRetryMax.
  bool has_archive() const { return archive_ != nullptr; }
  Status archive();
  // The same of every block that is still local, due or not.
  Status archive_everything();
  // Cuts every live trace into a block now.
  Status flush();

  // While pinned, a trace survives retention, whole; also one that has yet to arrive. O(1), durable
  // with the next maintain(); who pins says so again after a crash. A set: pins are not counted.
  void pin(const TraceId& id) { pins_->pin(id); }
  void pin(TraceFingerprint id) { pins_->pin(id); }
  void unpin(const TraceId& id) { pins_->unpin(id); }
  bool is_pinned(const TraceId& id) const { return pins_->contains(id); }
  // Pins exactly what `source` names, and what is pinned while it runs; nothing is unpinned when it fails.
  Status replace_pins(const PinSet::Source& source) { return pins_->replace(source); }
  Status replace_pins_by_fingerprint(const PinSet::FingerprintSource& source) {
    return pins_->replace_fingerprints(source);
  }

  // What append() is held to from now on; 0: no limit.
  void set_limits(uint64_t live_traces_max, uint64_t bytes_per_trace_max) {
    live_traces_max_ = live_traces_max;
    bytes_per_trace_max_ = bytes_per_trace_max;
  }

  TraceStoreStats stats() const;

 private:
  struct Metrics;
  TraceStore(io::FileSystem& fs, Clock& clock, Telemetry& telemetry, TraceStoreOptions options);
  Status recover();
  Status recover_wal();
  Status replay(uint64_t segment, uint8_t type, std::string_view payload);
  Status admit(const model::SpanBatch& batch) const;
  Status over_live_traces(uint64_t live_traces_max) const;
  std::string_view tenant() const;
  Status insert(std::shared_ptr<const model::SpanBatch> batch, io::RecordPosition position,
                const InsertLimits& limits);

  // Maintenance of live traces and local blocks, under maintenance_mutex_; trace_store_maintenance.cc.
  Status cut(bool everything);
  Status write_cut(const std::vector<LiveTrace>& traces);
  uint32_t cut_rows(const std::vector<LiveTrace>& traces) const;
  Status trim_wal();
  void set_corrupt_aside();

  // Blocks into others, for the one who holds them; trace_store_maintenance.cc. With an archive, that is who holds
  // archive_mutex_, without one, who holds maintenance_mutex_.
  Status compact();
  Status retain();
  BlockList held_blocks() const;  // that compact() and retain() are about
  BlockList expired_blocks() const;
  BlockList loosened_blocks();
  using Keep = std::function<bool(const TraceId&)>;
  // Writes the wanted traces of `inputs`, all without `keep`, into one new block (none when there are none) and
  // publishes the list with it and without them.
  Status replace_blocks(const BlockList& inputs, const Keep& keep, bool pinned);
  Status replace_local(const BlockList& inputs, const KeptTraces& kept, bool pinned);
  // Merged into a finished file.
  Status write_merged(const BlockList& inputs, const KeptTraces& kept, const std::string& directory,
                      uint64_t id, BlockDescription description);
  std::vector<TraceId> continued_in(const BlockList& gone, const std::vector<TraceId>& ids) const;
  void change_list(const BlockList& gone, const std::shared_ptr<const Block>& added);
  void publish_changed(const BlockList& gone,
                       const std::shared_ptr<const Block>& added);  // list_mutex_ held

  // Object storage, under archive_mutex_; trace_store_archive.cc.
  Status open_archive();
  Status load_archive();
  Status run_archive(bool everything);
  BlockList due_for_upload(bool everything) const;
  void set_archived_aside();
  Status replace_archived(const BlockList& inputs, const KeptTraces& kept, bool pinned);
  void remove_moved(const BlockList& local);  // maintenance_mutex_ held, too
  std::string upload_directory() const { return options_.blocks_directory + "/upload"; }
  uint64_t take_id();

  io::FileSystem& fs_;
  Clock& clock_;
  const TraceStoreOptions options_;
  const std::unique_ptr<Metrics> metrics_;
  std::vector<std::unique_ptr<io::DirectoryLock>> locks_;  // set by open()
  mutable WalUse wal_use_;
  LiveTraces live_;
  LiveMemory memory_;
  io::RecordPosition replayed_;  // by recover_wal()
  mutable Publication publication_;
  std::unique_ptr<PinSet> pins_;        // set by open()
  std::unique_ptr<io::RecordLog> wal_;  // set by open()
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> live_traces_max_;      // each counts by itself
  std::atomic<uint64_t> bytes_per_trace_max_;  // likewise

  std::mutex list_mutex_;  // held to change the published list of blocks, and for no longer

  std::unique_ptr<io::ObjectCache> cache_;   // set by open(), with object storage
  std::unique_ptr<BlockArchive> archive_;    // set by open(); used under archive_mutex_
  std::atomic<bool> archive_loaded_{false};  // or there is none
  std::mutex archive_mutex_;
  // Local files whose blocks have moved, and which could not be removed yet, with their marks: every new block of the
  // archive says that it replaces them. Guarded by archive_mutex_.
  std::vector<std::pair<std::string, uint64_t>> moved_behind_;
  std::chrono::nanoseconds archive_next_{0};   // guarded by archive_mutex_, monotonic: not before
  std::chrono::nanoseconds archive_delay_{0};  // guarded by archive_mutex_: after the next failure
  uint64_t unpins_seen_ = 0;                   // guarded as compact() is

  std::mutex maintenance_mutex_;
  BlockDirectory directory_;         // guarded by maintenance_mutex_
  bool wal_cut_due_ = false;         // guarded by maintenance_mutex_
  uint64_t wal_current_ = 0;         // guarded by maintenance_mutex_: began with the last cut
  uint64_t wal_removed_before_ = 0;  // guarded by maintenance_mutex_
};

}  // namespace sightline::tracestore
