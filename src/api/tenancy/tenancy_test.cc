#include "api/tenancy/tenancy.h"

#include <gtest/gtest.h>

#include "tracestore/tenancy/federation.h"
#include "tracestore/tenancy/tenant_id.h"

namespace sightline::api {
namespace {

// Names are checked, traces there are none.
struct NamedTenants final : tracestore::Tenants {
  Result<std::shared_ptr<tracestore::TraceWriter>> writer(std::string_view) override {
    return fail(Errc::kUnavailable, "nobody writes here");
  }
  Result<tracestore::TenantTraces> reader(std::string_view org_id) override {
    if (refuse) return fail(*refuse, "told to refuse");
    auto names = tracestore::parse_tenant_ids(org_id);
    if (!names) return std::unexpected(std::move(names).error());
    return tracestore::TenantTraces{std::move(*names), tracestore::federate({})};
  }
  std::optional<Errc> refuse;
};

TEST(Tenancy, NamesTheTenantsOrSaysWhyNot) {
  NamedTenants tenants;
  EXPECT_EQ(traces_of({.tenants = &tenants}, "b|a")->tenants, (std::vector<std::string>{"a", "b"}));
  const auto refused = [&](std::string_view org_id, bool several = true) {
    const auto traces = traces_of({.tenants = &tenants, .several = several}, org_id);
    EXPECT_FALSE(traces);
    return traces ? TenancyRefusal{} : traces.error();
  };
  EXPECT_EQ(refused("").http_status, 401);
  EXPECT_EQ(refused("").message, "no org id");
  EXPECT_EQ(refused("").grpc_code, net::GrpcCode::kUnauthenticated);
  EXPECT_EQ(refused("a|").http_status, 400);
  EXPECT_EQ(refused("a/b").grpc_code, net::GrpcCode::kInvalidArgument);
  EXPECT_EQ(refused("a|b", false).message, "multi-tenant query unsupported");
  tenants.refuse = Errc::kResourceExhausted;
  EXPECT_EQ(refused("a").http_status, 429);
  tenants.refuse = Errc::kUnavailable;
  EXPECT_EQ(refused("a").grpc_code, net::GrpcCode::kUnavailable);
  tenants.refuse = Errc::kIo;
  EXPECT_EQ(refused("a").http_status, 500);
}

}  // namespace
}  // namespace sightline::api
