#pragma once
// What a trace store needs to know, and everything it limits, in one place.
// Names follow tempo.yaml where it has one (ingester, compactor, overrides).
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "io/object_store.h"
#include "io/record_log.h"
#include "model/span_batch.h"

namespace sightline::tracestore {

class LiveBatchCache;
class RowGroupCache;

// Going over drops or refuses what is too much and counts it under its reason
// in tempo_discarded_spans_total. 0 means no limit.
struct TraceStoreLimits {
  uint64_t live_traces_max = 1'000'000;  // new traces refused: "live_traces_exceeded"
  uint64_t bytes_per_trace_max =
      50'000'000;  // spans dropped: "trace_too_large"; of the live part of a trace
  uint64_t live_bytes_max =
      512u << 20;  // memory of live batches; append refused: "live_bytes_exceeded"
  uint32_t record_bytes_max = 64u << 20;  // one request in the WAL; append refused
};

struct TraceStoreOptions {
  std::string tenant;  // a label of the store's metrics; empty: there is one store and no label
  std::string wal_directory;
  std::string blocks_directory;
  io::SyncPolicy sync = io::SyncPolicy::kNone;
  uint64_t wal_segment_bytes = 16u << 20;

  // Cutting. A trace without a new span for trace_idle_period is due. Due traces are written once
  // they weigh cut_bytes_min, or once one of them has been live for max_block_duration; a trace
  // live for max_block_duration is due even when it is not idle; everything is due when all live
  // batches together pass max_block_bytes.
  std::chrono::nanoseconds trace_idle_period = std::chrono::seconds(10);
  std::chrono::nanoseconds max_block_duration = std::chrono::minutes(5);
  uint64_t max_block_bytes = 96u << 20;  // memory of live batches, decoded or not
  // Live batches kept decoded: what 1,000 spans a second bring in 12 s, until they are idle. Older ones are read from the
  // WAL when asked for. 0: all stay.
  uint64_t hot_bytes_max = 12u << 20;
  uint64_t cut_bytes_min = 32u << 20;  // received bytes of due traces
  // A row group closes with the trace that reaches it: larger packs tighter. What is cut at once is divided evenly, into
  // row groups between 2/3 and 3/2 of it.
  uint32_t row_group_rows = 65'536;

  // Compaction: neighbours in time merge until they reach compacted_bytes_max or compacted_traces_max, or span
  // compaction_window.
  uint32_t compaction_inputs_min = 4;
  uint64_t compacted_bytes_max = 256u << 20;
  uint64_t compacted_traces_max = 6'000'000;
  std::chrono::nanoseconds compaction_window = std::chrono::hours(24);

  // Retention, counted from when the newest span of a block was received. 0 keeps everything.
  std::chrono::nanoseconds block_retention = std::chrono::hours(336);
  uint64_t retention_bytes = 0;

  // Object storage for blocks; null: they stay in blocks_directory. With it, blocks wait there until they weigh
  // upload_bytes_min together or the oldest has waited for upload_after; then they are merged and move.
  std::shared_ptr<io::ObjectStore> objects;
  uint64_t upload_bytes_min = 32u << 20;
  std::chrono::nanoseconds upload_after = std::chrono::minutes(5);
  std::string cache_directory;  // for what is read from there; empty: blocks_directory + "/cache"
  uint64_t cache_bytes_max = 4ull << 30;

  // Where row groups that were read stay open for a while; null: a cache of its own, with the limits of row_group_cache.h.
  std::shared_ptr<RowGroupCache> row_groups;
  // What queries hold of live batches that are not in memory; null: one of its own, with the limits of live_batch_cache.h.
  std::shared_ptr<LiveBatchCache> live_batches;

  TraceStoreLimits limits;

  // An OTLP ExportTraceServiceRequest in protobuf to spans and back. The batch keeps the bytes alive.
  std::function<Result<std::shared_ptr<const model::SpanBatch>>(std::shared_ptr<const std::string>)>
      decode;
  // The same, when of its spans those of `wanted` alone, ascending, are needed: the others keep their places and may be
  // empty. Null: `decode` does.
  std::function<Result<std::shared_ptr<const model::SpanBatch>>(std::shared_ptr<const std::string>,
                                                                std::span<const uint32_t> wanted)>
      decode_some;
  std::function<std::string(const model::SpanBatch&)> encode;
};

}  // namespace sightline::tracestore
