#include "api/tenancy/tenancy.h"

namespace sightline::api {
namespace {

TenancyRefusal refusal_of(Error error) {
  TenancyRefusal refusal{500, net::GrpcCode::kInternal, std::move(error.message)};
  switch (error.code) {
    case Errc::kInvalidArgument:
      refusal.http_status = 400;
      refusal.grpc_code = net::GrpcCode::kInvalidArgument;
      break;
    case Errc::kResourceExhausted:
      refusal.http_status = 429;
      refusal.grpc_code = net::GrpcCode::kResourceExhausted;
      break;
    case Errc::kUnavailable:
      refusal.http_status = 503;
      refusal.grpc_code = net::GrpcCode::kUnavailable;
      break;
    default: break;
  }
  return refusal;
}

}  // namespace

std::expected<tracestore::TenantTraces, TenancyRefusal> traces_of(const Tenancy& tenancy,
                                                                  std::string_view org_id) {
  if (org_id.empty()) return std::unexpected(TenancyRefusal{.message = "no org id"});
  auto traces = tenancy.tenants->reader(org_id);
  if (!traces) return std::unexpected(refusal_of(std::move(traces).error()));
  if (traces->tenants.size() > 1 && !tenancy.several)
    return std::unexpected(refusal_of({Errc::kInvalidArgument, "multi-tenant query unsupported"}));
  return std::move(*traces);
}

}  // namespace sightline::api
