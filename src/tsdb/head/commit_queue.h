#pragma once
// Where transactions become durable and visible. Committers that wait together are
// served together: one of them, the leader, checks, logs and applies for all, so
// there is one writer at a time, one log record and one sync.
//   Atomicity  a transaction is logged whole or not at all; readers see it whole.
//   Threads    commit() and exclusively() from any thread.
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "tsdb/head/head.h"
#include "tsdb/head/metadata_store.h"
#include "tsdb/head/wal_record.h"
#include "tsdb/reader_registry.h"
#include "tsdb/tsdb_counters.h"

namespace sightline::tsdb {

// What an Appender gathered, checked against what it saw then.
struct Transaction {
  struct Touched {
    HeadSeries* series;        // with one user for us
    uint64_t id = 0;           // its id
    SeriesEdge edge;           // of the series, then of our own samples
    uint64_t seen_commit = 0;  // the series' when `edge` was taken
    std::unique_ptr<StoredExemplar> newest_exemplar;
    bool exemplar_seen = false;
  };
  struct Sample {
    uint32_t touched = 0;
    Place place = Place::kInOrder;
    int64_t time = 0;
    int64_t created = 0;
    double value = 0;
    HistogramPtr histogram;
  };
  struct Exemplar {
    uint32_t touched = 0;
    StoredExemplar exemplar;
  };
  std::vector<Touched> touched;
  std::vector<Sample> samples;
  std::vector<Exemplar> exemplars;
  std::vector<std::pair<std::string, model::MetricMetadata>> metadata;
  AppendRules rules;

  size_t items() const { return samples.size() + exemplars.size() + metadata.size(); }
};

// Transactions that are over, for the memory of the next ones. Any thread.
class TransactionPool {
 public:
  Transaction take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    Transaction transaction = std::move(free_.back());
    free_.pop_back();
    return transaction;
  }
  // An empty one.
  void give_back(Transaction transaction) {
    if (transaction.touched.capacity() > kItemsMax || transaction.samples.capacity() > kItemsMax)
      return;
    const std::lock_guard lock(mutex_);
    if (free_.size() < kTransactionsMax) free_.push_back(std::move(transaction));
  }

 private:
  static constexpr size_t kTransactionsMax = 4;
  static constexpr size_t kItemsMax = 8'192;
  std::mutex mutex_;
  std::vector<Transaction> free_;  // guarded by mutex_
};

class CommitQueue {
 public:
  CommitQueue(Head& head, MetadataStore& metadata, ReaderRegistry& readers, TsdbCounters& counters,
              const TsdbOptions& options, const std::atomic<int64_t>& cut_time)
      : head_(head),
        metadata_(metadata),
        readers_(readers),
        counters_(counters),
        options_(options),
        cut_time_(cut_time) {}

  // Before the first commit(): where it goes on after a restart.
  void start(io::RecordLog& log, uint64_t last_commit, uint64_t last_wal_number,
             std::map<uint64_t, int64_t> segments);

  // kUnavailable when the disk is full: nothing happened then.
  Status commit(Transaction& transaction);
  // A commit of its own: deletes what the series hold in [min, max].
  Status erase(std::span<const SeriesPtr> series, int64_t min, int64_t max);
  // Runs `work` while no commit does; returns the newest commit. Keep it short.
  uint64_t exclusively(const std::function<void()>& work);

  uint64_t last_wal_number() const { return last_wal_number_; }  // within exclusively()
  // Segments whose newest sample lies below `time` and that lie below `before`, counted from
  // the oldest: the first segment to keep. Within exclusively().
  uint64_t first_segment_needed(int64_t time, uint64_t before);

 private:
  struct Waiter {
    Transaction* transaction;
    std::optional<Status> outcome;
  };

  Status write(std::span<Waiter* const> batch);
  Result<uint64_t> append_record();
  void settle_conflicts(std::span<Waiter* const> batch);
  void encode(std::span<Waiter* const> batch, std::vector<HeadSeries*>& fresh,
              std::vector<HeadSeries*>& unseen);
  void number(HeadSeries& series, uint64_t value);
  void announce_exemplars(std::span<Waiter* const> batch);
  void apply(Transaction& transaction, uint64_t commit, const ActiveReaders& readers);

  Head& head_;
  MetadataStore& metadata_;
  ReaderRegistry& readers_;
  TsdbCounters& counters_;
  const TsdbOptions& options_;
  const std::atomic<int64_t>& cut_time_;  // below lie blocks
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiter*> waiting_;  // guarded by mutex_
  bool leading_ = false;          // guarded by mutex_: one thread owns what follows
  io::RecordLog* log_ = nullptr;
  WalWriter writer_;
  uint64_t last_commit_ = 0;
  uint64_t last_wal_number_ = 0;
  uint64_t failures_ = 0;  // of the log, since it was written last
  std::map<uint64_t, int64_t> segment_max_time_;
};

}  // namespace sightline::tsdb
