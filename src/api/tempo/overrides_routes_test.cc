#include "api/tempo/overrides_routes.h"

#include <gtest/gtest.h>

#include <map>

#include "api/tempo/tempo_routes.h"
#include "model/span_batch.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::tempo {
namespace {

TEST(MergeJson, FollowsRfc7386) {
  EXPECT_EQ(*merge_json(R"({"a":"b","c":{"d":"e","f":"g"}})", R"({"a":"z","c":{"f":null}})"),
            R"({"a":"z","c":{"d":"e"}})");
  EXPECT_EQ(*merge_json(R"({"a":[{"b":"c"}]})", R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(*merge_json(R"({"a":"foo"})", R"({"b":{"c":null,"d":1}})"),
            R"({"a":"foo","b":{"d":1}})");
  EXPECT_EQ(*merge_json(R"({"a":1})", R"({"a":{"b":2}})"), R"({"a":{"b":2}})");
  EXPECT_EQ(*merge_json("", R"({"a":null})"), "{}");
  EXPECT_FALSE(merge_json("", "[1]"));
  EXPECT_FALSE(merge_json("", "{"));
}

class MemoryOverrides final : public OverridesStore {
 public:
  std::optional<StoredOverrides> get(const std::string& tenant) const override {
    const auto at = kept.find(tenant);
    if (at == kept.end()) return std::nullopt;
    return at->second;
  }
  Result<std::string> set(const std::string& tenant, const std::string& json,
                          const std::optional<std::string>& version) override {
    if (json.contains("bad")) return fail(Errc::kInvalidArgument, "unknown key \"bad\"");
    if (version && *version != version_of(tenant))
      return fail(Errc::kAlreadyExists, "version does not match");
    kept[tenant] = {json, std::to_string(++writes)};
    return kept[tenant].version;
  }
  Status remove(const std::string& tenant, const std::string& version) override {
    if (version != version_of(tenant)) return fail(Errc::kAlreadyExists, "version does not match");
    kept.erase(tenant);
    return {};
  }
  std::string in_force(const std::string& tenant) const override {
    return "{\"of\":\"" + tenant + "\"}";
  }
  std::string version_of(const std::string& tenant) const {
    return kept.contains(tenant) ? kept.at(tenant).version : std::string(kNoOverridesVersion);
  }
  std::map<std::string, StoredOverrides> kept;
  int writes = 0;
};

struct Overrides : ::testing::Test {
  Overrides() { add_tempo_routes(router, {.traces = store, .clock = clock, .overrides = &kept}); }
  net::HttpResponse ask(const std::string& method, const std::string& body = "",
                        const std::string& if_match = "", const std::string& query = "") {
    net::HttpRequest request{.method = method, .path = "/api/overrides", .query = query};
    EXPECT_TRUE(request.params.parse(query));
    request.body = body;
    if (!if_match.empty()) request.headers.add("If-Match", if_match);
    return router.dispatch(request);
  }
  traceql::testing::MemoryStore store{std::make_shared<model::SpanBatch>()};
  ManualClock clock{TimestampNs{1}};
  MemoryOverrides kept;
  net::HttpRouter router;
};

TEST_F(Overrides, AreSetChangedAndRemoved) {
  EXPECT_EQ(ask("GET").status, 404);
  EXPECT_EQ(ask("DELETE", "", "1").status, 404);
  EXPECT_EQ(ask("POST", "{}").status, 428);
  EXPECT_EQ(ask("POST", "{}", "7").status, 412);
  const auto made = ask("POST", R"({ "read" : {"max_search_duration":"1h"} })", "0");
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(made.headers.get("ETag"), "1");
  EXPECT_EQ(ask("GET").body, R"({"read":{"max_search_duration":"1h"}})");
  EXPECT_EQ(ask("GET").headers.get("ETag"), "1");
  const auto patched = ask("PATCH", R"({"ingestion":{"rate_limit_bytes":5},"read":null})");
  EXPECT_EQ(patched.body, R"({"ingestion":{"rate_limit_bytes":5}})");
  EXPECT_EQ(patched.headers.get("ETag"), "2");
  EXPECT_EQ(ask("PATCH", R"({"bad":1})").status, 400);
  EXPECT_EQ(ask("PATCH", "no").status, 400);
  EXPECT_EQ(ask("GET", "", "", "scope=merged").body, R"({"of":"single-tenant"})");
  EXPECT_EQ(ask("GET", "", "", "scope=some").status, 400);
  EXPECT_EQ(ask("DELETE").status, 428);
  EXPECT_EQ(ask("DELETE", "", "1").status, 412);
  EXPECT_EQ(ask("DELETE", "", "2").status, 200);
  EXPECT_EQ(ask("GET").status, 404);
  EXPECT_EQ(ask("GET", "", "", "scope=merged").headers.get("ETag"), "0");
}

TEST(NoOverrides, AreNotThere) {
  const traceql::testing::MemoryStore store(std::make_shared<model::SpanBatch>());
  ManualClock clock{TimestampNs{1}};
  net::HttpRouter router;
  add_tempo_routes(router, {.traces = store, .clock = clock});
  net::HttpRequest request{.method = "GET", .path = "/api/overrides"};
  EXPECT_EQ(router.dispatch(request).status, 404);
}

}  // namespace
}  // namespace sightline::api::tempo
