#pragma once
// The names of tenants, as X-Scope-OrgID carries them: one to write, one or several with '|'
// between to read. A name is also a directory's name, so few characters are allowed.
//   Threads  pure functions.
//   Errors   kInvalidArgument, in the peer's words.
//   Source   Tempo, "Enable multi-tenancy"; dskit's rules for tenant ids.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::tracestore {

// Whose traces those are that came while there were no tenants.
inline constexpr std::string_view kSingleTenant = "single-tenant";
inline constexpr size_t kTenantIdBytesMax = 150;

// 1 to 150 of A-Z a-z 0-9 ! - _ . * ' ( ), but neither "." nor "..".
Result<std::string> parse_tenant_id(std::string_view org_id);
// "a|b": in order, each once.
Result<std::vector<std::string>> parse_tenant_ids(std::string_view org_id);
// Where a tenant's objects lie: "tenants/team-a/". What a key may not hold, and "_", is "_" and two hex digits.
std::string tenant_object_prefix(std::string_view tenant);

}  // namespace sightline::tracestore
