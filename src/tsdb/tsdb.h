#pragma once
// The metrics store: what scrape, span metrics and remote write append, and
// what PromQL reads, in one directory:
//   lock          held while open; a second opener gets kAlreadyExists
//   wal/          the log (io::RecordLog) of what is not in blocks yet
//   checkpoint    series numbers and metadata of older log segments
//   block-N/      immutable blocks
//   snapshots/    what write_snapshot() made
//   *.corrupt     what did not check, set aside: the rest is served
//   Durability    commit() returns after the log has it (io::SyncPolicy says how hard).
//   Threads       any. maintain() does the slow work (cutting blocks, compaction,
//                 retention) on the caller's thread, without stalling appends or queries.
//   Lifetime      outlives its Appenders, Queriers and SeriesSets.
#include <atomic>
#include <memory>
#include <mutex>

#include "base/telemetry.h"
#include "base/time.h"
#include "tsdb/block/compaction.h"
#include "tsdb/head/checkpoint.h"
#include "tsdb/head/transaction_appender.h"

namespace sightline::tsdb {

struct TsdbStats {
  HeadSummary head;
  uint64_t samples_in_blocks = 0;
  uint64_t exemplars_in_blocks = 0;
  uint64_t bytes_on_disk = 0;  // blocks, log, checkpoint
  uint64_t wal_bytes = 0;
  std::optional<TimestampMs> head_min_time;  // of samples in the head
  std::optional<TimestampMs> head_max_time;
  std::optional<TimestampMs> min_time;  // of everything
  std::optional<TimestampMs> max_time;
  std::vector<BlockMeta> blocks;  // ascending by time
  uint64_t samples_appended = 0;  // since open()
  uint64_t corruptions = 0;       // blocks set aside since open()
};

class Tsdb final : public Appendable, public Queryable {
 public:
  // Replays the log; what was torn or corrupt is logged. `fs`, `clock` and `telemetry` outlive it.
  static Result<std::unique_ptr<Tsdb>> open(io::FileSystem& fs, Clock& clock, Telemetry& telemetry,
                                            TsdbOptions options);
  ~Tsdb() override;
  Tsdb(const Tsdb&) = delete;
  Tsdb& operator=(const Tsdb&) = delete;

  std::unique_ptr<Appender> appender() override;
  Result<std::unique_ptr<Querier>> querier(StillWanted wanted = {}) const override;

  // Cuts blocks that are due, sets damaged ones aside, compacts, applies retention. Call every
  // minute or so, and whenever work is due; what fails is logged and tried again next time.
  void maintain();
  // Whether a block can be cut or blocks joined now; never after a failure, until the next maintain(). Quick.
  bool is_maintenance_due();
  // Moves everything the head holds into blocks now, as before a snapshot or a move.
  Status flush();

  // Deletes what the series hold in the range now: samples, and the exemplars of that time. It is gone for every reader
  // that begins after, and for good: a restart keeps it so. The bytes go with the next compaction.
  // After an error some of it may be gone; asking again is safe.
  Status delete_series(std::span<const Matcher> matchers, TimeRange range);
  // Rewrites the blocks that deletes took something from, so that the bytes go now.
  Status clean_tombstones();
  // A consistent copy of everything committed, as a data directory of its own: snapshots/<name>/metrics. Blocks are
  // linked, the head is written as one more; without it when so asked. Returns the name.
  enum class SnapshotHead : uint8_t { kWithHead, kWithoutHead };
  Result<std::string> write_snapshot(SnapshotHead head);

  // Every trace that a stored exemplar in the range leads to, with the exemplar's time;
  // a trace may come several times.
  using TraceVisitor = std::function<void(TraceId, TimestampMs)>;
  Status for_each_exemplar_trace(TimeRange range, const TraceVisitor& visit) const;

  // `limit`: entries in each of the head's top lists.
  TsdbStats stats(size_t limit = 10) const;
  const TsdbOptions& options() const { return options_; }

 private:
  // Blocks hold this now; the head may forget it once no reader of an older list of blocks is left.
  struct PendingTruncation {
    int64_t time;
    uint64_t commit;
    uint64_t epoch;
  };

  Tsdb(io::FileSystem& fs, Clock& clock, Telemetry& telemetry, TsdbOptions options);

  Status recover();
  Status load_blocks();
  Status remove_unfinished_snapshots();
  Status replay();
  std::string path(std::string_view name) const {
    return options_.directory + "/" + std::string(name);
  }
  std::shared_ptr<const StoreSnapshot> snapshot() const;
  std::shared_ptr<const BlockList> blocks() const;
  void publish_blocks(BlockList blocks);
  void delete_block(const Block& block);

  // Below: under maintain_mutex_.
  bool truncate_if_unread();
  std::optional<int64_t> due_cut_time() const;
  Status cut(int64_t time);
  Status write_head_blocks(int64_t time, uint64_t commit, BlockList& fresh);
  Status save_checkpoint(int64_t time, uint64_t commit, uint64_t segment);
  void quarantine_damaged();
  void compact();
  // Replaces the blocks by one of all they hold, or by nothing when that is nothing.
  Status merge(const BlockList& group);
  Status delete_from_blocks(std::span<const Matcher> matchers, TimeRange range, uint64_t& series);
  Status fill_snapshot(const std::string& directory, SnapshotHead head);
  void retire();
  void update_gauges();

  io::FileSystem& fs_;
  Clock& clock_;
  const TsdbOptions options_;
  mutable TsdbCounters counters_;
  std::unique_ptr<io::DirectoryLock> lock_;
  mutable Head head_;  // reading it takes its locks
  mutable DecodedGroups decoded_;
  MetadataStore metadata_;
  mutable ReaderRegistry readers_;
  CommitQueue queue_;
  std::atomic<int64_t> cut_time_{
      kNoTime};  // written within CommitQueue::exclusively(); commits read it
  TransactionPool transactions_;
  WritePace pace_;
  AppenderContext appender_context_;
  std::unique_ptr<io::RecordLog> log_;

  mutable std::mutex blocks_mutex_;
  std::shared_ptr<const BlockList> blocks_;  // guarded by blocks_mutex_; a list is never edited

  std::mutex maintain_mutex_;
  uint64_t next_block_number_ = 1;  // guarded by maintain_mutex_, like all below
  int64_t blocks_reach_ = kNoTime;  // up to where the head was cut into blocks
  std::optional<PendingTruncation> truncation_;
  bool maintenance_failed_ = false;  // in its last call
};

}  // namespace sightline::tsdb
