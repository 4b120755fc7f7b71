#pragma once
// The trace store: spans in, durable and findable when append() returns; traces out
// by id and by scan, from memory and from columnar blocks alike.
//   Durability  write-ahead log of received requests (docs/formats/trace_wal.md), then
//               immutable blocks (docs/formats/trace_block.md).
//   Threads     everything may be called from any thread. maintain() is for one
//               background caller, every second or so; it never holds up append() or readers.
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
#include "io/record_log.h"
#include "tracestore/block_directory.h"
#include "tracestore/block_writer.h"
#include "tracestore/live_traces.h"
#include "tracestore/options.h"
#include "tracestore/pins.h"
#include "tracestore/publication.h"
#include "tracestore/querier.h"
#include "tracestore/writer.h"

namespace sightline::tracestore {

struct TraceStoreStats {
  uint64_t live_traces = 0;
  uint64_t live_spans = 0;
  uint64_t block_count = 0;
  uint64_t block_traces = 0;
  uint64_t block_spans = 0;
  uint64_t block_bytes = 0;
  uint64_t wal_bytes = 0;
  uint64_t pinned_traces = 0;
  std::optional<TimestampNs> oldest;  // earliest start and latest end of what is stored
  std::optional<TimestampNs> newest;
};

class TraceStore final : public TraceWriter, public Queryable {
 public:
  // Recovers what the directories hold. kAlreadyExists when another process has them.
  static Result<std::unique_ptr<TraceStore>> open(io::FileSystem& fs, Clock& clock,
                                                  Telemetry& telemetry, TraceStoreOptions options);
  ~TraceStore() override;

  Status append(std::shared_ptr<const model::SpanBatch> batch) override;
  Result<std::unique_ptr<Querier>> querier() const override;

  // Cuts due traces into blocks, trims the WAL, merges blocks, applies retention: what is due by
  // the clock. An error (disk full, say) is also counted; the next call tries again.
  Status maintain();
  // Cuts every live trace into a block now.
  Status flush();

  // While pinned, a trace survives retention, whole; also one that has yet to arrive. O(1), durable
  // with the next maintain(); who pins says so again after a crash. A set: pins are not counted.
  void pin(const TraceId& id) { pins_->pin(id); }
  void unpin(const TraceId& id) { pins_->unpin(id); }
  bool is_pinned(const TraceId& id) const { return pins_->contains(id); }
  std::vector<TraceId> pinned() const { return pins_->all(); }

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
  Status insert(std::shared_ptr<const model::SpanBatch> batch, io::RecordPosition position,
                const InsertLimits& limits);

  // Maintenance, all under maintenance_mutex_; trace_store_maintenance.cc.
  Status cut(bool everything);
  Status write_cut(const std::vector<LiveTrace>& traces);
  Status trim_wal();
  void set_corrupt_aside();
  Status compact();
  Status retain();
  BlockList expired_blocks() const;
  BlockList loosened_blocks();
  // Writes the wanted traces of `inputs` into one new block (none when there are none) and
  // publishes the list with it and without them.
  Status replace_blocks(const BlockList& inputs, const std::function<bool(const TraceId&)>& keep,
                        bool pinned);
  std::vector<TraceId> continued_in(const BlockList& others, const std::vector<TraceId>& ids) const;
  void publish_list(BlockList list);

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

  std::mutex maintenance_mutex_;
  BlockDirectory directory_;         // guarded by maintenance_mutex_
  uint64_t unpins_seen_ = 0;         // guarded by maintenance_mutex_
  bool wal_cut_due_ = false;         // guarded by maintenance_mutex_
  uint64_t wal_current_ = 0;         // guarded by maintenance_mutex_: began with the last cut
  uint64_t wal_removed_before_ = 0;  // guarded by maintenance_mutex_
};

}  // namespace sightline::tracestore
