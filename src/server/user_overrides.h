#pragma once
// The limits that tenants set for themselves by /api/overrides, one file each: DIRECTORY/TENANT/overrides.json. What
// they say is held as soon as it is stored, and again after a restart; tempo.yaml and the per-tenant file hold for the rest.
//   Threads   any.
//   Lifetime  file system and limits outlive it.
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "api/tempo/overrides_routes.h"
#include "io/file_system.h"
#include "server/tenant_limits.h"

namespace sightline::server {

class UserOverrides final : public api::tempo::OverridesStore {
 public:
  // A file that cannot be understood is said in the log and holds nothing.
  static Result<std::unique_ptr<UserOverrides>> open(std::string directory, io::FileSystem& fs,
                                                     TenantLimitsTable& limits);

  std::optional<api::tempo::StoredOverrides> get(const std::string& tenant) const override;
  Result<std::string> set(const std::string& tenant, const std::string& json,
                          const std::optional<std::string>& version) override;
  Status remove(const std::string& tenant, const std::string& version) override;
  std::string in_force(const std::string& tenant) const override { return limits_.json(tenant); }

 private:
  UserOverrides(std::string directory, io::FileSystem& fs, TenantLimitsTable& limits)
      : directory_(std::move(directory)), fs_(fs), limits_(limits) {}
  Status check_version(const std::string& tenant, const std::string& version) const;

  const std::string directory_;
  io::FileSystem& fs_;
  TenantLimitsTable& limits_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> stored_;  // JSON by tenant; guarded by mutex_, like the files
};

}  // namespace sightline::server
