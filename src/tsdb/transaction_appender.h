#pragma once
// The Appender: checks each item as it comes against the series as it is and
// against its own earlier items, gathers, and hands the whole to the CommitQueue.
//   Lifetime  must not outlive the Tsdb. After commit() or rollback() a new transaction begins.
#include <absl/container/flat_hash_map.h>

#include "base/time.h"
#include "tsdb/appender.h"
#include "tsdb/commit_queue.h"

namespace sightline::tsdb {

// What every Appender of one Tsdb uses.
struct AppenderContext {
  Head& head;
  CommitQueue& queue;
  MetadataStore& metadata;
  TsdbCounters& counters;
  const Clock& clock;
  const TsdbOptions& options;
};

class TransactionAppender final : public Appender {
 public:
  explicit TransactionAppender(const AppenderContext& context) : context_(context) { begin(); }
  ~TransactionAppender() override { rollback(); }

  Result<SeriesId> series(const model::Labels& labels) override;
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
  uint32_t touch(Head::Acquired acquired);
  Status add_sample(SeriesId id, int64_t time, double value, HistogramPtr histogram,
                    std::optional<TimestampMs> created);

  const AppenderContext& context_;
  Transaction transaction_;
  absl::flat_hash_map<uint64_t, uint32_t> touched_by_id_;
};

}  // namespace sightline::tsdb
