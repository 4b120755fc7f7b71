#include "server/user_overrides.h"

#include "base/checksum.h"
#include "base/log.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::server {
namespace {

using api::tempo::kNoOverridesVersion;

constexpr size_t kTenantsMax = 10'000;

std::string version_of(const std::string& json) { return std::to_string(xxh3(json) | 1); }

}  // namespace

Result<std::unique_ptr<UserOverrides>> UserOverrides::open(std::string directory,
                                                           io::FileSystem& fs,
                                                           TenantLimitsTable& limits) {
  std::unique_ptr<UserOverrides> overrides(new UserOverrides(std::move(directory), fs, limits));
  if (auto made = fs.create_directories(overrides->directory_); !made)
    return in_context("overrides", std::move(made).error());
  const auto tenants = fs.list(overrides->directory_);
  if (!tenants) return in_context("overrides", tenants.error());
  for (const std::string& tenant : *tenants) {
    const std::string path = overrides->directory_ + "/" + tenant + "/overrides.json";
    if (!tracestore::parse_tenant_id(tenant) || !fs.exists(path)) continue;
    auto json = fs.read_all(path);
    if (!json) return in_context("overrides", std::move(json).error());
    if (auto held = limits.set_own(tenant, *json); !held)
      SL_LOG_WARN("{}: {}; these limits do not hold", path, held.error().message);
    overrides->stored_.emplace(tenant, std::move(*json));
  }
  return overrides;
}

std::optional<api::tempo::StoredOverrides> UserOverrides::get(const std::string& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto at = stored_.find(tenant);
  if (at == stored_.end()) return std::nullopt;
  return api::tempo::StoredOverrides{at->second, version_of(at->second)};
}

Status UserOverrides::check_version(const std::string& tenant, const std::string& version) const {
  const auto at = stored_.find(tenant);
  const std::string there =
      at == stored_.end() ? std::string(kNoOverridesVersion) : version_of(at->second);
  if (version != there) return fail(Errc::kAlreadyExists, "version does not match");
  return {};
}

Result<std::string> UserOverrides::set(const std::string& tenant, const std::string& json,
                                       const std::optional<std::string>& version) {
  const std::lock_guard lock(mutex_);
  if (version)
    if (auto same = check_version(tenant, *version); !same)
      return std::unexpected(std::move(same).error());
  if (!stored_.contains(tenant) && stored_.size() >= kTenantsMax)
    return fail(Errc::kInvalidArgument, "at most ", kTenantsMax, " tenants may have overrides");
  if (auto fine = limits_.check_own(tenant, json); !fine)
    return std::unexpected(std::move(fine).error());
  const std::string folder = directory_ + "/" + tenant;
  if (auto made = fs_.create_directories(folder); !made)
    return std::unexpected(std::move(made).error());
  if (auto written = io::write_file_atomically(fs_, folder + "/overrides.json", json); !written)
    return std::unexpected(std::move(written).error());
  if (auto held = limits_.set_own(tenant, json); !held)
    return std::unexpected(std::move(held).error());
  stored_[tenant] = json;
  return version_of(json);
}

Status UserOverrides::remove(const std::string& tenant, const std::string& version) {
  const std::lock_guard lock(mutex_);
  if (auto same = check_version(tenant, version); !same) return same;
  if (auto gone = fs_.remove_all(directory_ + "/" + tenant); !gone) return gone;
  stored_.erase(tenant);
  limits_.remove_own(tenant);
  return {};
}

}  // namespace sightline::server
