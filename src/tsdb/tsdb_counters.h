#pragma once
// The store's own metrics, under the peer's names where it has one.
#include "base/result.h"
#include "base/telemetry.h"
#include "model/labels.h"
#include "tsdb/options.h"

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
  Counter& series_refused_label_count;
  Counter& series_refused_name_bytes;
  Counter& series_refused_value_bytes;
  Counter& series_refused_labels;  // empty, or not UTF-8
  Counter& items_refused_limit;    // a transaction is full
  Counter& exemplars_refused_limit;
  Counter& metadata_refused_limit;
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
  // Counts labels that Head refused under the limit they pass.
  void count_refused_labels(const model::Labels& labels, const TsdbLimits& limits);
};

}  // namespace sightline::tsdb
