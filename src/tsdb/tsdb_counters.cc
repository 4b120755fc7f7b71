#include "tsdb/tsdb_counters.h"

namespace sightline::tsdb {

TsdbCounters::TsdbCounters(Telemetry& t)
    : head_series(t.gauge("prometheus_tsdb_head_series", "Series in the head.")),
      samples_appended(t.counter("prometheus_tsdb_head_samples_appended_total", "Samples appended.",
                                 {{"type", "float"}})),
      histograms_appended(t.counter("prometheus_tsdb_head_samples_appended_total",
                                    "Samples appended.", {{"type", "histogram"}})),
      exemplars_appended(
          t.counter("prometheus_tsdb_exemplar_exemplars_appended_total", "Exemplars appended.")),
      exemplars_out_of_order(
          t.counter("prometheus_tsdb_exemplar_out_of_order_exemplars_total",
                    "Exemplars refused: older than the newest of their series.")),
      out_of_order_samples(t.counter("prometheus_tsdb_out_of_order_samples_total",
                                     "Samples refused: out of order.")),
      out_of_order_appended(t.counter("prometheus_tsdb_head_out_of_order_samples_appended_total",
                                      "Samples taken out of order.")),
      out_of_bounds_samples(t.counter("prometheus_tsdb_out_of_bound_samples_total",
                                      "Samples refused: before the head or too far ahead.")),
      too_old_samples(t.counter("prometheus_tsdb_too_old_samples_total",
                                "Samples refused: before the out-of-order window.")),
      duplicate_samples(t.counter("sightline_tsdb_duplicate_samples_total",
                                  "Samples refused: same time, other value.")),
      series_refused_limit(t.counter("sightline_tsdb_series_refused_total", "Series refused.",
                                     {{"reason", "series_active_max"}})),
      series_refused_label_count(t.counter("sightline_tsdb_series_refused_total", "Series refused.",
                                           {{"reason", "labels_per_series_max"}})),
      series_refused_name_bytes(t.counter("sightline_tsdb_series_refused_total", "Series refused.",
                                          {{"reason", "label_name_bytes_max"}})),
      series_refused_value_bytes(t.counter("sightline_tsdb_series_refused_total", "Series refused.",
                                           {{"reason", "label_value_bytes_max"}})),
      series_refused_labels(t.counter("sightline_tsdb_series_refused_total", "Series refused.",
                                      {{"reason", "labels"}})),
      items_refused_limit(t.counter("sightline_tsdb_items_refused_total",
                                    "Samples and exemplars refused.",
                                    {{"reason", "commit_items_max"}})),
      exemplars_refused_limit(t.counter("sightline_tsdb_items_refused_total",
                                        "Samples and exemplars refused.",
                                        {{"reason", "exemplar_label_bytes_max"}})),
      metadata_refused_limit(
          t.counter("sightline_tsdb_metadata_refused_total",
                    "Metadata over metadata_bytes_max or metadata_entries_max.")),
      samples_refused_invalid(t.counter("sightline_tsdb_invalid_histograms_total",
                                        "Histograms refused: they contradict themselves.")),
      commits_failed(
          t.counter("sightline_tsdb_commits_failed_total", "Commits that could not be logged.")),
      series_deleted(t.counter("sightline_tsdb_series_deleted_total",
                               "Series of blocks or of the head that a delete took samples from.")),
      wal_dropped_bytes(t.counter("sightline_tsdb_wal_dropped_bytes_total",
                                  "Bytes of torn or corrupt log found at start.")),
      blocks_cut(t.counter("sightline_tsdb_blocks_cut_total", "Blocks written from the head.")),
      compactions(t.counter("prometheus_tsdb_compactions_total", "Compactions done.")),
      compactions_failed(
          t.counter("prometheus_tsdb_compactions_failed_total", "Compactions that failed.")),
      blocks_corrupt(t.counter("sightline_tsdb_blocks_quarantined_total",
                               "Blocks set aside because they do not check.")),
      blocks_retired_time(
          t.counter("prometheus_tsdb_time_retentions_total", "Blocks deleted by retention time.")),
      blocks_retired_size(
          t.counter("prometheus_tsdb_size_retentions_total", "Blocks deleted by retention size.")),
      blocks_loaded(t.gauge("prometheus_tsdb_blocks_loaded", "Blocks being served.")),
      blocks_bytes(t.gauge("prometheus_tsdb_storage_blocks_bytes", "Bytes of all blocks.")),
      wal_bytes(t.gauge("prometheus_tsdb_wal_storage_size_bytes", "Bytes of the log.")),
      head_min_time(t.gauge("prometheus_tsdb_head_min_time", "Oldest sample in the head, ms.")),
      head_max_time(t.gauge("prometheus_tsdb_head_max_time", "Newest sample in the head, ms.")) {}

void TsdbCounters::count_refused_sample(const Error& error) {
  if (error.code == Errc::kAlreadyExists)
    duplicate_samples.add();
  else if (error.message.starts_with("out of order"))
    out_of_order_samples.add();
  else if (error.message.starts_with("too old"))
    too_old_samples.add();
  else
    out_of_bounds_samples.add();
}

void TsdbCounters::count_refused_labels(const model::Labels& labels, const TsdbLimits& limits) {
  Counter* reason = &series_refused_labels;
  for (const model::LabelView label : labels) {
    if (label.value.size() > limits.label_value_bytes_max) reason = &series_refused_value_bytes;
    if (label.name.size() > limits.label_name_bytes_max) reason = &series_refused_name_bytes;
  }
  if (labels.size() > limits.labels_per_series_max) reason = &series_refused_label_count;
  reason->add();
}

}  // namespace sightline::tsdb
