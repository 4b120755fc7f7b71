#pragma once
// The store's own metrics, under the peer's names where it has one.
#include "base/result.h"
#include "base/telemetry.h"

namespace sightline::tsdb {

struct TsdbCounters {
  explicit TsdbCounters(Telemetry& telemetry);

  Gauge& head_series;
  Counter& samples_appended;
  Counter& histograms_appended;
  Counter& exemplars_appended;
  Counter& exemplars_out_of_order;
  Counter& out_of_order_samples;   // refused
  Counter& out_of_order_appended;  // taken into the out-of-order window
  Counter& out_of_bounds_samples;
  Counter& too_old_samples;
  Counter& duplicate_samples;  // refused: same time, other value
  Counter& series_refused_limit;
  Counter& series_refused_labels;
  Counter& samples_refused_invalid;  // histograms that do not check
  Counter& commits_failed;
  Counter& series_deleted;  // a series counts once in each block and in the head
  Counter& wal_dropped_bytes;
  Counter& blocks_cut;
  Counter& compactions;
  Counter& compactions_failed;
  Counter& blocks_corrupt;
  Counter& blocks_retired_time;
  Counter& blocks_retired_size;
  Gauge& blocks_loaded;
  Gauge& blocks_bytes;
  Gauge& wal_bytes;
  Gauge& head_min_time;  // ms
  Gauge& head_max_time;

  // Counts a refusal of place_sample() under its reason.
  void count_refused_sample(const Error& error);
};

}  // namespace sightline::tsdb
