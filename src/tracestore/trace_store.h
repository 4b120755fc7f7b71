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
#include "tracestore/live_traces.h"
#include "tracestore/options.h"
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
  std::optional<TimestampNs> oldest;   // earliest start and latest end of what is stored
  std::optional<TimestampNs> newest;
};

class TraceStore final : public TraceWriter, public Queryable {
 public:
  // Recovers what the directories hold. kAlreadyExists when another process has them.
  static Result<std::unique_ptr<TraceStore>> open(io::FileSystem& fs, Clock& clock, Telemetry& telemetry,
                                                  TraceStoreOptions options);
  ~TraceStore() override;

  Status append(std::shared_ptr<const model::SpanBatch> batch) override;
  Result<std::unique_ptr<Querier>> querier() const override;

  TraceStoreStats stats() const;

 private:
  struct Metrics;
  TraceStore(io::FileSystem& fs, Clock& clock, Telemetry& telemetry, TraceStoreOptions options);
  Status recover();
  Status replay(uint64_t segment, uint8_t type, std::string_view payload);
  Status admit(const model::SpanBatch& batch) const;
  Status insert(std::shared_ptr<const model::SpanBatch> batch, uint64_t segment, const InsertLimits& limits);

  io::FileSystem& fs_;
  Clock& clock_;
  const TraceStoreOptions options_;
  const std::unique_ptr<Metrics> metrics_;
  std::vector<std::unique_ptr<io::DirectoryLock>> locks_;   // set by open()
  mutable WalUse wal_use_;
  LiveTraces live_;
  mutable Publication publication_;
  std::unique_ptr<io::RecordLog> wal_;                      // set by open()
  std::atomic<bool> stopping_{false};
};

}  // namespace sightline::tracestore
