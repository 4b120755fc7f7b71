#pragma once
// A trace store for each tenant, in directories of its own below those of the store that was there before there
// were tenants: that one goes on as the tenant "single-tenant".
//   Objects    in object storage every tenant has a prefix of its own, likewise. A tenant that only object storage knows
//              is found when somebody reads it.
//   Open       with the first request of a tenant; closed again once nobody used it for idle_after and nothing of
//              it is live, or when another needs its place. maintain() opens the others from time to time, so that
//              retention reaches them.
//   Rates      a tenant's requests are held to its IngestRateLimit before its store sees them.
//   Threads    any; opening one tenant holds up only who asks for the same. maintain() and replace_pins() are each for one caller.
//   Lifetime   file system, clock and telemetry outlive it; readers and writers are given back before it goes.
//   Limits     TenantStoresOptions. Over tenants_max a new tenant, and over open_max one more while all are in
//              use, is kResourceExhausted.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tracestore/live/ingest_rate.h"
#include "tracestore/tenancy/tenants.h"
#include "tracestore/trace_store.h"

namespace sightline::tracestore {

// What a tenant may have now; asked for with every write.
struct TenantLimits {
  uint64_t live_traces_max = 0;                // 0: no limit
  uint64_t bytes_per_trace_max = 0;            // 0: no limit
  std::optional<IngestRateLimit> ingest_rate;  // none: no limit
};

struct TenantStoresOptions {
  TraceStoreOptions store;  // of every tenant; its directories are the roots
  std::function<TenantLimits(const std::string& tenant)> limits;
  // Of one tenant, asked when its store opens; none: store.block_retention.
  std::function<std::optional<std::chrono::nanoseconds>(const std::string& tenant)> block_retention;
  uint32_t tenants_max = 10'000;
  uint32_t open_max = 128;
  std::chrono::nanoseconds idle_after = std::chrono::minutes(10);
  std::chrono::nanoseconds visit_every = std::chrono::hours(1);  // one that is closed
};

class TenantStores final : public Tenants {
 public:
  // Finds out which tenants there are; opens none.
  static Result<std::unique_ptr<TenantStores>> open(io::FileSystem& fs, Clock& clock,
                                                    Telemetry& telemetry,
                                                    TenantStoresOptions options);
  ~TenantStores() override;

  Result<std::shared_ptr<TraceWriter>> writer(std::string_view org_id) override;
  Result<TenantTraces> reader(std::string_view org_id) override;

  // Maintains the open stores, closes the idle, visits one closed one that is due. Says itself what failed.
  void maintain();
  // Moves blocks of the open stores to object storage, where there is one. Says itself what failed.
  void archive();
  // The same of everything they hold, live or not.
  Status archive_everything();
  // Who pins does not say whose an id is, so every store keeps it: those that are open now, the others when they
  // open. As TraceStore has it.
  void pin(const TraceId& id);
  Status replace_pins(const PinSet::Source& source);

  std::vector<std::string> names() const;
  uint32_t open_count() const { return open_count_; }
  // Of the open stores together, and the pins kept for the others; the closed ones have nothing live.
  TraceStoreStats stats() const;

 private:
  struct Tenant;
  using TenantPtr = std::shared_ptr<Tenant>;
  TenantStores(io::FileSystem& fs, Clock& clock, Telemetry& telemetry, TenantStoresOptions options);
  Status find_tenants();
  TraceStoreOptions options_of(const std::string& name) const;
  std::vector<TenantPtr> all() const;
  TenantPtr known(const std::string& name) const;  // null: nobody has written to it
  Result<TenantPtr> known_or_new(const std::string& name);
  Result<TenantPtr> known_or_archived(const std::string& name);  // null: neither
  Status give_pins(TraceStore& store);
  Result<std::shared_ptr<TraceStore>> use(Tenant& tenant);
  Status make_room();
  std::vector<std::shared_ptr<TraceStore>> open_stores() const;

  io::FileSystem& fs_;
  Clock& clock_;
  Telemetry& telemetry_;
  const TenantStoresOptions options_;
  mutable std::mutex mutex_;  // taken after a tenant's own, never before
  std::map<std::string, TenantPtr, std::less<>> tenants_;  // guarded by mutex_
  TraceIdSet pinned_;                                      // guarded by mutex_
  std::unique_ptr<TraceIdSet> meanwhile_;  // guarded by mutex_: pinned since replace_pins() began
  bool pins_are_all_ = false;              // guarded by mutex_: nothing but pinned_ is to be pinned
  std::atomic<uint32_t> open_count_{0};
};

}  // namespace sightline::tracestore
