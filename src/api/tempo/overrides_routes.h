#pragma once
// /api/overrides: the limits a tenant sets for itself. GET what is set, or with scope=merged what is in force; POST
// replaces, PATCH merges (RFC 7386), DELETE removes. A version (ETag, If-Match) keeps two writers apart.
//   Answers  404 without a store or when nothing is set, 412 for another version, 428 without If-Match.
//   Threads  any.
//   Source   Tempo, "User-configurable overrides".
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace sightline::api::tempo {

struct TempoApi;

struct StoredOverrides {
  std::string json;     // an object
  std::string version;  // of these contents
};
// The version of nothing.
inline constexpr std::string_view kNoOverridesVersion = "0";

// Where the overrides of tenants are kept.
//   Errors   kInvalidArgument: what is wrong with them; kAlreadyExists: another version is there.
//   Threads  any.
class OverridesStore {
 public:
  virtual ~OverridesStore() = default;
  virtual std::optional<StoredOverrides> get(const std::string& tenant) const = 0;
  // Replaces those of `version` and returns the new one's; no version: whatever is there.
  virtual Result<std::string> set(const std::string& tenant, const std::string& json,
                                  const std::optional<std::string>& version) = 0;
  virtual Status remove(const std::string& tenant, const std::string& version) = 0;
  // What holds for the tenant, whoever set it.
  virtual std::string in_force(const std::string& tenant) const = 0;
};

// `patch` applied to `json` by RFC 7386; both JSON, and `json` may be empty.
Result<std::string> merge_json(std::string_view json, std::string_view patch);

void add_overrides_route(net::HttpRouter& router, const std::shared_ptr<const TempoApi>& api);

}  // namespace sightline::api::tempo
