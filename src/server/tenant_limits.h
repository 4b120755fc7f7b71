#pragma once
// The limits of tempo.yaml's overrides, tenant by tenant: the defaults, what the per-tenant overrides file says,
// read again while the process runs, and what a tenant set for itself. A file that cannot be read or understood
// changes nothing and is said in the log.
//   Threads   any; refresh() by one caller.
//   Lifetime  the clock and the file system outlive it.
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/time.h"
#include "config/tempo/tempo_config.h"
#include "io/file_system.h"
#include "tracestore/tenancy/tenant_stores.h"

namespace sightline::server {

class TenantLimitsTable {
 public:
  // Fails when the file is there but wrong, as the peer does at start.
  static Result<std::unique_ptr<TenantLimitsTable>> open(const config::TempoConfig& config,
                                                         io::FileSystem& fs, const Clock& clock);
  // Reads the file when its period has passed.
  void refresh();

  // A tenant's own, else those of "*", else the defaults.
  config::TempoLimits of(const std::string& tenant) const;
  tracestore::TenantLimits store_limits(const std::string& tenant) const;
  // What differs from the defaults, as text; of one tenant everything.
  std::string text() const;
  std::string text(const std::string& tenant) const;
  std::string json(const std::string& tenant) const;  // everything, in the scoped form

  // What a tenant set for itself, JSON in the form of the overrides file: wins over the file's and the defaults.
  Status check_own(const std::string& tenant, const std::string& json) const;
  Status set_own(const std::string& tenant, const std::string& json);
  void remove_own(const std::string& tenant);

 private:
  TenantLimitsTable(const config::TempoConfig& config, io::FileSystem& fs, const Clock& clock)
      : config_(config), fs_(fs), clock_(clock) {}
  Status read();
  void rebuild();                                                          // with mutex_ held
  const config::TempoLimits& from_files(const std::string& tenant) const;  // likewise

  const config::TempoConfig config_;
  io::FileSystem& fs_;
  const Clock& clock_;
  std::chrono::nanoseconds read_at_{0};  // by the caller of refresh(), like what follows
  std::string seen_;
  std::string said_;  // the last error, said once
  mutable std::mutex mutex_;
  std::shared_ptr<const config::TenantOverrides> overrides_ =
      std::make_shared<const config::TenantOverrides>();  // guarded by mutex_, like what follows
  std::map<std::string, std::string> own_;                // JSON by tenant
  std::shared_ptr<const config::TenantOverrides> in_force_ = overrides_;
};

}  // namespace sightline::server
