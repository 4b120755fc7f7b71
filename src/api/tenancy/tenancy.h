#pragma once
// Whose traces a request reads: X-Scope-OrgID names one tenant, or several with '|' between.
//   Refused  without a name: 401 and UNAUTHENTICATED, "no org id"; a name that is none: 400 and INVALID_ARGUMENT;
//            else as the store's error says.
//   Threads  any.
//   Source   Tempo, "Enable multi-tenancy".
#include <expected>
#include <string>
#include <string_view>

#include "net/grpc_message.h"
#include "net/http.h"
#include "tracestore/tenancy/tenants.h"

namespace sightline::api {

inline constexpr std::string_view kOrgIdHeader = "X-Scope-OrgID";
inline constexpr std::string_view kOrgIdMetadata = "x-scope-orgid";

// Why a request is not answered.
struct TenancyRefusal {
  int http_status = 401;
  net::GrpcCode grpc_code = net::GrpcCode::kUnauthenticated;
  std::string message;
};

// Part of an API's description: whether a request must say whose traces it reads.
struct Tenancy {
  tracestore::Tenants* tenants =
      nullptr;          // null: there are none, and the API's traces are everybody's
  bool several = true;  // whether "a|b" may be asked for
};

std::expected<tracestore::TenantTraces, TenancyRefusal> traces_of(const Tenancy& tenancy,
                                                                  std::string_view org_id);

// Gives `answer` the API as those see it whose traces `org_id` names, or `refuse` why not. Their stores stay open
// until `answer` returns. An Api has a `tenancy`, and of_tenants(), which is itself with other traces; it may have
// as_single_tenant(), which is itself without tenants.
template <typename Api, typename Answer, typename Refuse>
auto as_tenants(const Api& api, std::string_view org_id, const Answer& answer,
                const Refuse& refuse) {
  if (api.tenancy.tenants == nullptr) {
    if constexpr (requires { api.as_single_tenant(); })
      return answer(api.as_single_tenant());
    else
      return answer(api);
  }
  const auto found = traces_of(api.tenancy, org_id);
  if (!found) return refuse(found.error());
  return answer(api.of_tenants(*found));
}

}  // namespace sightline::api
