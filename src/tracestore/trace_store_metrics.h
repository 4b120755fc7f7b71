#pragma once
// The trace store's counters and gauges, under Tempo's names where it has one.
#include "base/telemetry.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {

// A telemetry whose metrics all name the tenant, if there is one.
class TenantTelemetry {
 public:
  TenantTelemetry(Telemetry& telemetry, std::string_view tenant)
      : telemetry_(telemetry), tenant_(tenant) {}
  Counter& counter(std::string_view name, std::string_view help, MetricLabels labels = {}) {
    return telemetry_.counter(name, help, with_tenant(std::move(labels)));
  }
  Gauge& gauge(std::string_view name, std::string_view help) {
    return telemetry_.gauge(name, help, with_tenant({}));
  }
  Telemetry& of_all_tenants() const { return telemetry_; }

 private:
  MetricLabels with_tenant(MetricLabels labels) const {
    if (!tenant_.empty()) labels.emplace_back("tenant", tenant_);
    return labels;
  }
  Telemetry& telemetry_;
  const std::string_view tenant_;
};

struct TraceStore::Metrics {
  explicit Metrics(TenantTelemetry t)
      : telemetry(t.of_all_tenants()),
        traces_created(
            t.counter("tempo_ingester_traces_created_total", "Traces that became live.")),
        live_traces(t.gauge("tempo_ingester_live_traces", "Traces not yet in a block.")),
        live_bytes(t.gauge("tempo_ingester_live_trace_bytes", "Memory of live batches.")),
        query_live_bytes(t.of_all_tenants().gauge(
            "sightline_tracestore_query_live_bytes",
            "Memory of live batches that were read again for queries and are kept for the next.",
            {})),
        replay_errors(t.counter("tempo_ingester_replay_errors_total",
                                "WAL records that could not be replayed.")),
        over_live_traces(discarded(t, "live_traces_exceeded")),
        over_trace_bytes(discarded(t, "trace_too_large")),
        over_live_bytes(discarded(t, "live_bytes_exceeded")),
        over_rows(discarded(t, "too_many_spans_in_trace")),
        blocks_cut(
            t.counter("tempo_ingester_blocks_flushed_total", "Blocks cut from live traces.")),
        failed_cuts(
            t.counter("tempo_ingester_failed_flushes_total", "Blocks that could not be written.")),
        block_count(t.gauge("tempodb_blocklist_length", "Blocks that answer queries.")),
        block_bytes(
            t.gauge("tempodb_backend_bytes_total", "Bytes of the blocks that answer queries.")),
        compacted_blocks(
            t.counter("tempodb_compaction_blocks_total", "Blocks merged into others.")),
        compacted_bytes(
            t.counter("tempodb_compaction_bytes_written_total", "Bytes of merged blocks.")),
        compaction_errors(t.counter("tempodb_compaction_errors_total", "Mergers that failed.")),
        retention_deleted(
            t.counter("tempodb_retention_deleted_total", "Blocks that retention removed.")),
        retention_errors(
            t.counter("tempodb_retention_errors_total", "Retention that failed; tried again.")),
        uploaded_blocks(t.counter("sightline_tracestore_blocks_uploaded_total",
                                  "Blocks written to object storage.")),
        upload_errors(t.counter("sightline_tracestore_upload_errors_total",
                                "Work on object storage that failed; tried again.")),
        waiting_bytes(t.gauge("sightline_tracestore_waiting_bytes",
                              "Bytes of blocks that have yet to move to object storage.")),
        pinned_traces(t.gauge("sightline_tracestore_pinned_traces",
                              "Trace ids that retention leaves alone.")),
        quarantined(t.counter("sightline_tracestore_blocks_quarantined_total",
                              "Blocks set aside as corrupt.")) {}

  static Counter& discarded(TenantTelemetry& t, std::string reason) {
    return t.counter("tempo_discarded_spans_total", "Spans refused or dropped, by reason.",
                     {{"reason", std::move(reason)}});
  }

  Telemetry& telemetry;
  Counter& traces_created;
  Gauge& live_traces;
  Gauge& live_bytes;
  Gauge& query_live_bytes;
  Counter& replay_errors;
  Counter& over_live_traces;
  Counter& over_trace_bytes;
  Counter& over_live_bytes;
  Counter& over_rows;
  Counter& blocks_cut;
  Counter& failed_cuts;
  Gauge& block_count;
  Gauge& block_bytes;
  Counter& compacted_blocks;
  Counter& compacted_bytes;
  Counter& compaction_errors;
  Counter& retention_deleted;
  Counter& retention_errors;
  Counter& uploaded_blocks;
  Counter& upload_errors;
  Gauge& waiting_bytes;
  Gauge& pinned_traces;
  Counter& quarantined;
};

}  // namespace sightline::tracestore
