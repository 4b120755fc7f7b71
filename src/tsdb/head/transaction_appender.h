#pragma once
// The Appender: checks each item as it comes against the series as it is and
// against its own earlier items, gathers, and hands the whole to the CommitQueue.
//   Lifetime  must not outlive the Tsdb. After commit() or rollback() a new transaction begins.
#include <absl/container/flat_hash_map.h>

#include "base/time.h"
#include "tsdb/appender.h"
#include "tsdb/head/commit_queue.h"
#include "tsdb/head/write_pace.h"

namespace sightline::tsdb {

// What every Appender of one Tsdb uses.
struct AppenderContext {
  Head& head;
  CommitQueue& queue;
  MetadataStore& metadata;
  TsdbCounters& counters;
  const Clock& clock;
  const TsdbOptions& options;
  TransactionPool& pool;
  WritePace& pace;
};

class TransactionAppender final : public Appender {
 public:
  explicit TransactionAppender(const AppenderContext& context)
      : context_(context), transaction_(context.pool.take()) {
    begin();
  }
  ~TransactionAppender() override {
    rollback();
    context_.pool.give_back(std::move(transaction_));
  }

  Result<SeriesId> series(const model::Labels& labels) override;
  void expect(std::span<const SeriesId> next) override;
  Status append(SeriesId series, TimestampMs time, double value,
                std::optional<TimestampMs> created) override;
  Status append_histogram(SeriesId series, TimestampMs time, const model::Histogram& histogram,
                          std::optional<TimestampMs> created) override;
  Status append_exemplar(SeriesId series, const model::Exemplar& exemplar) override;
  void set_metadata(std::string_view metric, const model::MetricMetadata& metadata) override;
  Status commit() override;
  void rollback() override;

 private:
  void begin();
  // Index into transaction_.touched.
  Result<uint32_t> touch(SeriesId id);
  uint32_t add_touched(Head::Acquired acquired);
  std::optional<uint32_t> find_touched(uint64_t id);
  Status check_room() const;
  Status add_sample(SeriesId id, int64_t time, double value, HistogramPtr histogram,
                    std::optional<TimestampMs> created);

  const AppenderContext& context_;
  Transaction transaction_;
  uint32_t last_touched_ =
      0;  // of transaction_.touched, which has ascending ids as long as it is_ascending_
  bool is_ascending_ = true;
  absl::flat_hash_map<uint64_t, uint32_t> touched_by_id_;  // then
};

}  // namespace sightline::tsdb
