#pragma once
// The two stores of this process and what joins them: a stored exemplar pins its
// trace (promise P1), and one thread maintains both; another one moves trace blocks to object storage.
//   Lifetime  configuration, file system, clock and telemetry outlive it.
//   Threads   up to two threads of its own between start_maintenance() and the destructor; queries and writes
//             from any.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/sightline_config.h"
#include "io/file_system.h"
#include "io/object_store.h"
#include "server/replay_progress.h"
#include "server/tenant_limits.h"
#include "server/usage_tracker.h"
#include "server/user_overrides.h"
#include "tracestore/tenancy/tenant_stores.h"
#include "tracestore/trace_store.h"
#include "tsdb/tsdb.h"

namespace sightline::server {

class Stores {
 public:
  // `replay` is told while the metrics store reads its log.
  static Result<std::unique_ptr<Stores>> open(const config::SightlineConfig& config,
                                              bool sync_always, io::FileSystem& fs, Clock& clock,
                                              Telemetry& telemetry, ReplayProgress& replay,
                                              const tsdb::TsdbLimits& limits = {});
  ~Stores();

  struct Maintenance {
    std::function<void()> begin;  // by each of the threads, first
    std::function<void()> also;   // by one of them, every second
  };
  void start_maintenance(Maintenance calls);
  void stop_maintenance();
  // One of its rounds, for who has no such thread.
  void maintain();

  tsdb::Tsdb* metrics() { return metrics_.get(); }  // null: no such role
  // Null: no such role, or a store for each tenant.
  tracestore::TraceStore* traces() { return traces_.get(); }
  tracestore::TenantStores* tenants() { return tenants_.get(); }  // null: no tenants
  bool has_traces() const { return traces_ || tenants_; }
  // Null without traces.
  const TenantLimitsTable* limits() const { return limits_.get(); }
  // Null: tenants may not set their own.
  api::tempo::OverridesStore* overrides() { return overrides_.get(); }
  // What /usage_metrics shows; null: nothing is counted.
  const UsageTracker* usage() const { return usage_.get(); }
  // Takes spans as the limits and tenants of the trace store want it; empty where there is nothing to hold them to.
  std::function<Status(std::string_view org_id, const std::shared_ptr<const model::SpanBatch>&)>
  span_gate();
  Status take_spans(std::string_view org_id, const std::shared_ptr<const model::SpanBatch>& batch);
  tracestore::TraceStoreStats trace_stats() const;

 private:
  Stores() = default;
  Status open_traces(const config::SightlineConfig& config, bool sync_always, io::FileSystem& fs,
                     Clock& clock, Telemetry& telemetry);
  void maintain_traces();
  void maintain_metrics();
  void maintain_single();  // the one store, without tenants
  void pin(const TraceId& trace);
  void reconcile_pins();

  std::shared_ptr<io::ObjectStore> objects_;  // null: blocks stay local
  bool archive_at_stop_ = false;
  std::unique_ptr<TenantLimitsTable> limits_;
  std::unique_ptr<UserOverrides> overrides_;
  std::unique_ptr<UsageTracker> usage_;
  std::unique_ptr<tracestore::IngestRate> rate_;  // of the one store, when it is limited
  std::unique_ptr<tracestore::TraceStore> traces_;
  std::unique_ptr<tracestore::TenantStores> tenants_;
  std::unique_ptr<tsdb::Tsdb> metrics_;
  std::function<void()> also_;
  uint64_t rounds_ = 0;  // maintenance thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
  std::thread archive_thread_;
};

}  // namespace sightline::server
