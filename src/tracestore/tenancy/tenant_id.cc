#include "tracestore/tenancy/tenant_id.h"

#include <algorithm>

#include "base/text_codec.h"

namespace sightline::tracestore {
namespace {

bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!-_.*'()").contains(c);
}

}  // namespace

Result<std::string> parse_tenant_id(std::string_view org_id) {
  if (org_id.empty()) return fail(Errc::kInvalidArgument, "no org id");
  const auto bad = std::ranges::find_if_not(org_id, is_allowed);
  if (bad != org_id.end())
    return fail(Errc::kInvalidArgument, "tenant ID '", org_id, "' contains unsupported character '",
                *bad, "'");
  if (org_id.size() > kTenantIdBytesMax)
    return fail(Errc::kInvalidArgument, "tenant ID is too long: max ", kTenantIdBytesMax,
                " characters");
  if (org_id == "." || org_id == "..")
    return fail(Errc::kInvalidArgument, "tenant ID is '.' or '..'");
  return std::string(org_id);
}

Result<std::vector<std::string>> parse_tenant_ids(std::string_view org_id) {
  std::vector<std::string> tenants;
  while (true) {
    const size_t bar = org_id.find('|');
    auto tenant = parse_tenant_id(org_id.substr(0, bar));
    if (!tenant) return std::unexpected(std::move(tenant).error());
    tenants.push_back(std::move(*tenant));
    if (bar == std::string_view::npos) break;
    org_id.remove_prefix(bar + 1);
  }
  std::ranges::sort(tenants);
  tenants.erase(std::ranges::unique(tenants).begin(), tenants.end());
  return tenants;
}

std::string tenant_object_prefix(std::string_view tenant) {
  std::string prefix = "tenants/";
  for (const char c : tenant) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (is_plain)
      prefix += c;
    else
      prefix += "_" + hex_encode({&c, 1});
  }
  return prefix + "/";
}

}  // namespace sightline::tracestore
