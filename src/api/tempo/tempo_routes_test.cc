#include "api/tempo/tempo_routes.h"

#include <gtest/gtest.h>

namespace sightline::api::tempo {
namespace {

// Holds at most one trace.
class OneTrace final : public tracestore::Queryable {
 public:
  std::optional<model::SpanBatch> trace;

  Result<std::unique_ptr<tracestore::Querier>> querier() const override {
    return std::make_unique<View>(*this);
  }

 private:
  struct View final : tracestore::Querier {
    explicit View(const OneTrace& s) : store(s) {}
    Result<std::optional<model::SpanBatch>> find(const TraceId& id) const override {
      if (store.trace && store.trace->spans[0].trace_id == id) return store.trace;
      return std::nullopt;
    }
    Status scan(const tracestore::ScanRequest&,
                const std::function<bool(tracestore::RowGroup&)>&) const override {
      return {};
    }
    Result<std::vector<std::vector<std::string>>> attribute_keys(
        const tracestore::KeysRequest& request) const override {
      return std::vector<std::vector<std::string>>(request.scopes.size());
    }
    uint64_t inspected_bytes() const override { return 7; }
    const OneTrace& store;
  };
};

struct TempoRoutes : ::testing::Test {
  TempoRoutes() {
    add_tempo_routes(router, {.traces = store, .clock = clock, .ready = [this] { return ready; }});
    model::SpanBatch batch;
    batch.resources.push_back({});
    batch.scopes.push_back({});
    model::SpanView span{.trace_id = *parse_trace_id("0000000000000000000000000000abcd"),
                         .span_id = *parse_span_id("00000000000000ff")};
    span.name = "GET /";
    span.start = {5};
    span.end = {9};
    batch.spans.push_back(span);
    store.trace = std::move(batch);
  }
  net::HttpResponse get(std::string path, std::string query = "", std::string accept = "") {
    net::HttpRequest request{.method = "GET", .path = std::move(path), .query = query};
    EXPECT_TRUE(request.params.parse(query));
    if (!accept.empty()) request.headers.add("Accept", accept);
    return router.dispatch(request);
  }

  bool ready = true;
  OneTrace store;
  ManualClock clock{TimestampNs{1'700'000'000'000'000'000}};
  net::HttpRouter router;
};

TEST_F(TempoRoutes, AnswerTheProbesOfClients) {
  EXPECT_EQ(get("/api/echo").body, "echo\n");
  EXPECT_EQ(get("/ready").body, "ready\n");
  EXPECT_EQ(
      get("/api/status/buildinfo").body,
      R"({"version":"2.9.0","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""})");
  ready = false;
  EXPECT_EQ(get("/ready").status, 503);
}

TEST_F(TempoRoutes, ShowTheirStatus) {
  EXPECT_EQ(get("/status/version").body, "tempo, version 2.9.0 (branch: , revision: )\n");
  EXPECT_TRUE(get("/status/services").body.contains("Running"));
  EXPECT_TRUE(get("/status/endpoints").body.contains("/api/v2/search/tag/{tag}/values\n"));
  EXPECT_EQ(get("/status/config").body, "{}\n");
  for (const char* section : {"runtime_config", "usage-stats", "overrides"})
    EXPECT_EQ(get("/status/" + std::string(section)).status, 200);
  EXPECT_EQ(get("/status/nothing").status, 404);
  EXPECT_TRUE(get("/status").body.contains("---\nservices\n"));
  ready = false;
  EXPECT_FALSE(get("/status/services").body.contains("Running"));
}

TEST_F(TempoRoutes, MoveBelowTheirPrefix) {
  net::HttpRouter prefixed;
  add_tempo_routes(prefixed, {.traces = store, .clock = clock, .prefix = "/tempo"});
  for (const auto& [path, status] : {std::pair("/tempo/api/echo", 200),
                                     {"/api/echo", 404},
                                     {"/ready", 200},
                                     {"/tempo/api/v2/traces/abcd", 200}}) {
    net::HttpRequest request{.method = "GET", .path = path};
    EXPECT_EQ(prefixed.dispatch(request).status, status) << path;
  }
}

TEST_F(TempoRoutes, MayBeReadByPagesOfAllowedOrigins) {
  net::HttpRouter shared;
  add_tempo_routes(shared,
                   {.traces = store, .clock = clock, .cors_origin = "https?://a\\.example"});
  const auto allowed = [&](net::HttpRouter& asked, const char* method, const char* origin) {
    net::HttpRequest request{.method = method, .path = "/api/search"};
    request.headers.add("Origin", origin);
    const auto response = asked.dispatch(request);
    EXPECT_EQ(response.status, request.method == "GET" ? 200 : 204);
    return std::string(response.headers.get("Access-Control-Allow-Origin"));
  };
  for (const char* method : {"GET", "OPTIONS"}) {
    EXPECT_EQ(allowed(shared, method, "http://a.example"), "http://a.example");
    EXPECT_EQ(allowed(shared, method, "http://a.example.evil"), "");
    EXPECT_EQ(allowed(router, method, "http://a.example"), "");
  }
}

TEST_F(TempoRoutes, FindATraceByShortAndLongId) {
  for (const char* id : {"abcd", "ABCD", "0000000000000000000000000000abcd"}) {
    const auto v1 = get("/api/traces/" + std::string(id));
    EXPECT_EQ(v1.status, 200);
    EXPECT_TRUE(v1.body.starts_with(R"({"batches":[)")) << v1.body;
    const auto v2 = get("/api/v2/traces/" + std::string(id));
    EXPECT_TRUE(v2.body.starts_with(R"({"trace":{"resourceSpans":[)")) << v2.body;
    EXPECT_TRUE(v2.body.ends_with(R"("metrics":{"inspectedBytes":"7"}})")) << v2.body;
    EXPECT_EQ(get("/api/v2/traces/" + std::string(id), "", "application/protobuf")
                  .headers.get("Content-Type"),
              "application/protobuf");
  }
}

TEST_F(TempoRoutes, SayThatATraceIsNotThere) {
  EXPECT_EQ(get("/api/traces/1").status, 404);
  EXPECT_EQ(get("/api/traces/1").body, "");
  EXPECT_EQ(get("/api/v2/traces/1").body, R"({"trace":{},"metrics":{}})");
  const auto bad = get("/api/traces/zz");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body,
            "trace IDs can only contain hex characters: invalid character 'z' at position 1");
  EXPECT_EQ(get("/api/traces/1", "start=10&end=5").body,
            "http parameter start must be before end. received start=10 end=5");
  EXPECT_EQ(get("/api/traces/1", "start=x&end=5").status, 400);
}

TEST_F(TempoRoutes, SayThatATraceIsTooLargeToShow) {
  const model::SpanView one = store.trace->spans[0];
  for (uint8_t i = 1; i < 100; ++i) {
    model::SpanView span = one;
    span.span_id.bytes[0] = i;
    store.trace->spans.push_back(span);
  }
  net::HttpRouter small;
  add_tempo_routes(small, {.traces = store, .clock = clock, .options = {.trace_bytes_max = 1000}});
  const auto ask = [&](const char* path, const char* accept) {
    net::HttpRequest request{.method = "GET", .path = path};
    request.headers.add("Accept", accept);
    return small.dispatch(request).body;
  };
  constexpr std::string_view kMessage =
      "Trace exceeds maximum size of 1000 bytes, a partial trace is returned";
  const std::string json = ask("/api/v2/traces/abcd", "application/json");
  EXPECT_TRUE(json.ends_with(R"(,"status":"PARTIAL","message":")" + std::string(kMessage) + "\"}"))
      << json;
  size_t shown = 0;
  for (size_t at = 0; (at = json.find("\"spanId\"", at)) != std::string::npos; ++at) ++shown;
  EXPECT_GT(shown, 5u);
  EXPECT_LT(shown, 50u);
  const std::string v1 = ask("/api/traces/abcd", "application/protobuf");
  EXPECT_LE(v1.size(), 1000u);
  EXPECT_GT(v1.size(), 900u);
  const std::string v2 = ask("/api/v2/traces/abcd", "application/protobuf");
  EXPECT_TRUE(v2.ends_with("\x18\x01\x22" + std::string(1, static_cast<char>(kMessage.size())) +
                           std::string(kMessage)));
  EXPECT_TRUE(v2.contains(v1));
}

}  // namespace
}  // namespace sightline::api::tempo
