#pragma once
// What a Tsdb is told at open(), and every limit it keeps. Durations are in
// milliseconds, the unit of samples.
#include <cstdint>
#include <functional>
#include <string>

#include "base/ids.h"
#include "io/record_log.h"
#include "tsdb/block/exemplar_column.h"

namespace sightline::tsdb {

inline constexpr int64_t kMinuteMs = 60'000;
inline constexpr int64_t kHourMs = 60 * kMinuteMs;
inline constexpr int64_t kDayMs = 24 * kHourMs;

// Going over a limit refuses the series, sample or exemplar with
// kResourceExhausted or kInvalidArgument and counts it under its reason.
struct TsdbLimits {
  uint64_t series_active_max = 1'000'000;
  uint32_t labels_per_series_max = 128;
  uint32_t label_name_bytes_max = 1'024;
  uint32_t label_value_bytes_max = 16'384;
  uint32_t exemplar_label_bytes_max = 1'024;  // beside trace_id and span_id
  uint32_t metadata_bytes_max = 16'384;       // unit and help of one metric
  uint32_t metadata_entries_max = 100'000;
  uint64_t commit_items_max = 1'000'000;  // samples and exemplars of one transaction
};

struct TsdbOptions {
  std::string directory;
  io::SyncPolicy sync = io::SyncPolicy::kNone;
  uint64_t wal_segment_bytes_max = 64u << 20;
  int64_t retention_time_ms = 15 * kDayMs;  // 0: no limit
  uint64_t retention_bytes = 0;             // 0: no limit
  int64_t block_duration_ms = 2 * kHourMs;
  int64_t head_window_ms =
      30 *
      kMinuteMs;  // samples leave the head and its log for a block in windows of this; at most block_duration
  int64_t block_duration_max_ms = 0;   // 0: a tenth of the retention time, at most 31 days
  int64_t out_of_order_window_ms = 0;  // 0: samples must come in order
  int64_t future_max_ms =
      10 * kMinuteMs;  // how far ahead of the clock a sample may be; 0: no limit
  uint32_t head_chunk_samples = 240;
  uint32_t block_chunk_samples_max = 512;  // what is decoded at once
  size_t decoded_bytes_max =
      48u << 20;  // of blocks, kept for the next query in a form that is read quickly
  ExemplarBudget
      exemplars;  // in the head and in blocks of block_duration; windows grow with the block
  TsdbLimits limits;
  // Called once for each trace an exemplar leads to, after the exemplar is durable
  // and before it can be read. From the committing thread; must be quick and
  // must not call the Tsdb.
  std::function<void(TraceId)> on_exemplar;
  // Called by open() before each segment of the log is read. May be empty.
  std::function<void(const io::SegmentProgress&)> on_replay_segment;
};

}  // namespace sightline::tsdb
