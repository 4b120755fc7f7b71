// Search, tags, values and metrics through the router, over a small store.
#include <gtest/gtest.h>

#include "api/tempo/search_routes.h"
#include "api/tempo/tempo_routes.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"

namespace sightline::api::tempo {
namespace {

std::shared_ptr<const model::SpanBatch> demo_spans() {
  const std::vector<traceql::ScriptLine> lines = {
      {1, 0, "trace 1"},
      {2, 1,
       R"(a "GET /slow" start=100s duration=503ms kind=server service=demo .code=500 status=error resource.host="h1")"},
      {3, 2, R"(b "work" service=demo duration=10ms .method="GET")"},
      {4, 3, R"(event exception at=1ms .type="io")"},
      {5, 0, "trace 2"},
      {6, 1, R"(c "GET /" start=200s duration=20ms kind=server service=demo .code=200)"},
  };
  return *traceql::load_spans(lines);
}

struct QueryRoutes : ::testing::Test {
  QueryRoutes() { add_tempo_routes(router, {.traces = store, .clock = clock}); }
  net::HttpResponse get(std::string path, std::string query = "") {
    net::HttpRequest request{.method = "GET", .path = std::move(path), .query = query};
    EXPECT_TRUE(request.params.parse(query));
    return router.dispatch(request);
  }
  std::string body(std::string path, std::string query = "") {
    return get(std::move(path), std::move(query)).body;
  }

  traceql::testing::MemoryStore store{demo_spans()};
  ManualClock clock{TimestampNs{300'000'000'000}};
  net::HttpRouter router;
};

constexpr std::string_view kSlow =
    R"({"traceID":"00000000000000000000000000000031","rootServiceName":"demo","rootTraceName":"GET /slow",)"
    R"("startTimeUnixNano":"100000000000","durationMs":503)";
constexpr std::string_view kSpanset =
    R"({"spans":[{"spanID":"0000000000000061","name":"GET /slow","startTimeUnixNano":"100000000000",)"
    R"("durationNanos":"503000000"}],"matched":1})";
constexpr std::string_view kServices = R"("serviceStats":{"demo":{"spanCount":2,"errorCount":1}}})";

TEST_F(QueryRoutes, SearchAnswersLikeThePeer) {
  const std::string expected =
      R"({"traces":[)" + std::string(kSlow) + R"(,"spanSet":)" + std::string(kSpanset) +
      R"(,"spanSets":[)" + std::string(kSpanset) + "]," + std::string(kServices) +
      R"(],"metrics":{"inspectedTraces":2,"inspectedBytes":"100","completedJobs":1,"totalJobs":1}})";
  EXPECT_EQ(body("/api/search", "q=%7Bname%3D%22GET%20%2Fslow%22%7D"), expected);
  EXPECT_EQ(
      body("/api/search", "q=%7Bname%3D%22none%22%7D"),
      R"({"traces":[],"metrics":{"inspectedTraces":2,"inspectedBytes":"100","completedJobs":1,"totalJobs":1}})");
}

TEST_F(QueryRoutes, SearchByTagsAnswersTracesWithoutSpansets) {
  const std::string expected =
      R"({"traces":[)" + std::string(kSlow) + "," + std::string(kServices) + R"(],"metrics")";
  for (const char* query : {"tags=code%3D500", "tags=status.code%3Derror%20host%3Dh1",
                            "minDuration=400ms", "code=500", "tags=name%3D%22GET%20%2Fslow%22"})
    EXPECT_TRUE(body("/api/search", query).starts_with(expected)) << query << "\n"
                                                                  << body("/api/search", query);
}

TEST_F(QueryRoutes, SearchRefusesInThePeersWords) {
  const auto refused = [&](std::string query, std::string_view text) {
    const auto response = get("/api/search", query);
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_EQ(response.body, text);
  };
  refused("q=%7Bfoo",
          "invalid TraceQL query: parse error at line 1, col 2: unknown identifier: foo");
  refused("q=%7B%7D&tags=a%3Db", "invalid request: can't specify tags and q in the same query");
  refused("limit=0", "invalid limit: must be a positive number");
  refused("spss=101", "spans per span set exceeds 100. received 101");
  refused("start=10&end=5", "http parameter start must be before end. received start=10 end=5");
  refused("minDuration=2s&maxDuration=1s", "invalid maxDuration: must be greater than minDuration");
}

TEST_F(QueryRoutes, SearchKeepsToLimitAndTime) {
  EXPECT_TRUE(body("/api/search", "q=%7B%7D&limit=1").contains("00000032"));
  EXPECT_FALSE(body("/api/search", "q=%7B%7D&limit=1").contains("00000031"));
  EXPECT_TRUE(body("/api/search", "q=%7B%7D&start=50&end=150").contains("00000031"));
  EXPECT_FALSE(body("/api/search", "q=%7B%7D&start=50&end=150").contains("00000032"));
}

TEST_F(QueryRoutes, TagsAreListedByScope) {
  EXPECT_EQ(body("/api/search/tags"),
            R"({"tagNames":["code","host","method","service.name","type"],"metrics":{}})");
  EXPECT_EQ(body("/api/v2/search/tags", "scope=span"),
            R"({"scopes":[{"name":"span","tags":["code","method"]}],"metrics":{}})");
  EXPECT_EQ(body("/api/v2/search/tags", "scope=span&q=%7Bname%3D%22work%22%7D"),
            R"({"scopes":[{"name":"span","tags":["method"]}],"metrics":{}})");
  EXPECT_EQ(body("/api/v2/search/tags", "scope=bogus"), "invalid scope: bogus");
  EXPECT_TRUE(body("/api/v2/search/tags")
                  .ends_with(R"("trace:rootService","traceDuration"]}],"metrics":{}})"));
}

TEST_F(QueryRoutes, TagValuesHaveTypes) {
  EXPECT_EQ(
      body("/api/v2/search/tag/span.code/values"),
      R"({"tagValues":[{"type":"int","value":"200"},{"type":"int","value":"500"}],"metrics":{"inspectedBytes":"100"}})");
  EXPECT_EQ(
      body("/api/v2/search/tag/resource.service.name/values",
           "q=%7Bname%3D%22work%22%20%26%26%20%7D"),
      R"({"tagValues":[{"type":"string","value":"demo"}],"metrics":{"inspectedBytes":"100"}})");
  EXPECT_EQ(body("/api/v2/search/tag/resource%252Ehost/values"),
            R"({"tagValues":[{"type":"string","value":"h1"}],"metrics":{"inspectedBytes":"100"}})");
  EXPECT_EQ(
      body("/api/v2/search/tag/status/values"),
      R"({"tagValues":[{"type":"keyword","value":"error"},{"type":"keyword","value":"unset"},{"type":"keyword","value":"ok"}],"metrics":{}})");
  EXPECT_EQ(body("/api/v2/search/tag/duration/values"), R"({"tagValues":[],"metrics":{}})");
  EXPECT_EQ(body("/api/search/tag/service.name/values"),
            R"({"tagValues":["demo"],"metrics":{"inspectedBytes":"100"}})");
  EXPECT_EQ(get("/api/v2/search/tag/service.name/values").status, 400);
}

TEST_F(QueryRoutes, MetricsOverARange) {
  const std::string range = "q=%7Bkind%3Dserver%7D%7Crate()by(name)&start=100&end=200&step=50";
  EXPECT_EQ(
      body("/api/metrics/query_range", range),
      R"({"series":[{"labels":[{"key":"name","value":{"stringValue":"GET /"}}],)"
      R"("samples":[{"timestampMs":"100000"},{"timestampMs":"150000"},{"timestampMs":"200000","value":0.02}],)"
      R"("exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"00000000000000000000000000000032"}},)"
      R"({"key":"kind","value":{"stringValue":"server"}},{"key":"name","value":{"stringValue":"GET /"}}],"value":0.02,"timestampMs":"200000"}]},)"
      R"({"labels":[{"key":"name","value":{"stringValue":"GET /slow"}}],)"
      R"("samples":[{"timestampMs":"100000","value":0.02},{"timestampMs":"150000"},{"timestampMs":"200000"}],)"
      R"("exemplars":[{"labels":[{"key":"trace:id","value":{"stringValue":"00000000000000000000000000000031"}},)"
      R"({"key":"kind","value":{"stringValue":"server"}},{"key":"name","value":{"stringValue":"GET /slow"}}],"value":0.02,"timestampMs":"100000"}]}],)"
      R"("metrics":{"inspectedTraces":2,"inspectedBytes":"100","completedJobs":1,"totalJobs":1}})");
  EXPECT_EQ(body("/api/metrics/query_range", "q=%7B%7D"), "not a metrics query");
  EXPECT_EQ(body("/api/metrics/query_range", "q=%7B%7D%7Crate()&start=5&end=5"),
            "end must be greater than start");
  EXPECT_TRUE(body("/api/metrics/query_range", "q=%7B%7D%7Crate()&start=0&end=1000&step=1ms")
                  .starts_with("step of 1ms is too small, minimum step for given range is 100ms"));
  EXPECT_TRUE(
      body("/api/metrics/query", "q=%7B%7D%7Ccount_over_time()&start=1970-01-01T00:00:50Z&end=250")
          .starts_with(
              R"({"series":[{"labels":[{"key":"__name__","value":{"stringValue":"count_over_time"}}],"value":3}],"metrics")"));
}

TEST_F(QueryRoutes, ATraceCanBeFiltered) {
  const std::string part = body("/api/v2/traces/31", "q=%7Bname%3D%22work%22%7D");
  EXPECT_TRUE(part.contains(R"("name":"work")"));
  EXPECT_FALSE(part.contains("GET /slow"));
  EXPECT_TRUE(part.ends_with(
      R"("status":"PARTIAL","message":"Trace filtered, only a subset of spans matching the filter is returned"})"));
}

TEST_F(QueryRoutes, AFilteredTraceCanKeepItsTree) {
  const auto names = [&](const std::string& options) {
    const std::string part = body("/api/v2/traces/31", "q=%7Bname%3D%22work%22%7D" + options);
    return std::pair(part.contains("GET /slow"), part.contains(R"("name":"work")"));
  };
  EXPECT_EQ(names(""), std::pair(false, true));
  EXPECT_EQ(names("&keep_hierarchy=true"), std::pair(true, true));
  EXPECT_EQ(names("&keep_hierarchy=true&ancestor_depth=0"), std::pair(false, true));
  EXPECT_EQ(names("&keep_hierarchy=true&ancestor_depth=1"), std::pair(true, true));
  const std::string below = body("/api/v2/traces/31", "q=%7Bkind%3Dserver%7D&match_depth=1");
  EXPECT_TRUE(below.contains(R"("name":"work")"));
  EXPECT_FALSE(body("/api/v2/traces/31", "q=%7Bkind%3Dserver%7D").contains(R"("name":"work")"));
  EXPECT_EQ(get("/api/v2/traces/31", "q=%7B%7D&match_depth=x").status, 400);
  EXPECT_EQ(get("/api/v2/traces/31", "q=%7B%7D&match_depth=-2").status, 400);
  EXPECT_EQ(get("/api/v2/traces/31", "q=%7B%7D&keep_hierarchy=maybe").status, 400);
}

TEST_F(QueryRoutes, NumbersAreRefusedInThePeersWords) {
  EXPECT_EQ(body("/api/search", "limit=x"),
            "invalid limit: strconv.Atoi: parsing \"x\": invalid syntax");
  EXPECT_EQ(body("/api/search", "start=x&end=5"),
            "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
  EXPECT_EQ(body("/api/search", "start=5"), "please provide both start and end times or neither");
}

TEST(Tags, BecomeAFilter) {
  EXPECT_EQ(*traceql_of_tags(""), "{ }");
  EXPECT_EQ(*traceql_of_tags(R"(a=b c="d e")"), R"({ ."a" = "b" && ."c" = "d e" })");
  EXPECT_EQ(*traceql_of_tags("n=5"), R"({ (."n" = "5" || ."n" = 5) })");
  EXPECT_FALSE(traceql_of_tags("a"));
  EXPECT_FALSE(traceql_of_tags("a=\"b"));
}

TEST_F(QueryRoutes, WhatIsTooMuchIsRefusedOrSaid) {
  net::HttpRouter small;
  add_tempo_routes(
      small,
      {.traces = store, .clock = clock, .options = {.search_spans_max = 100, .tag_values_max = 1}});
  const auto ask = [&](std::string path, const std::string& query) {
    net::HttpRequest request{.method = "GET", .path = std::move(path)};
    EXPECT_TRUE(request.params.parse(query));
    return small.dispatch(request);
  };
  const auto refused = ask("/api/search", "q={}&limit=51&spss=2");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, "limit 51 with 2 spans per span set asks for more than 100 spans");
  EXPECT_EQ(ask("/api/search", "q={}&limit=50&spss=2").status, 200);
  for (const char* path : {"/api/v2/search/tag/span.code/values", "/api/search/tag/code/values"})
    EXPECT_EQ(ask(path, "").headers.get("Warning"),
              "199 - \"only 1 values are shown, there may be more: narrow q\"");
  EXPECT_EQ(get("/api/v2/search/tag/span.code/values").headers.get("Warning"), "");
  // Ranges without sense.
  for (const char* range : {"start=20&end=10", "start=10&end=10", "start=-5&end=10", "start=5",
                            "start=1e3&end=2e3", "start=1&end=99999999999999999999"})
    EXPECT_EQ(get("/api/search", "q={}&" + std::string(range)).status, 400) << range;
  for (const char* range : {"start=20&end=10", "start=now&end=10", "since=-1h", "since=x",
                            "start=1&end=100&step=0", "start=1&end=100&step=-5s",
                            "start=1&end=2000000000&step=1ms", "start=1&end=2&exemplars=-1"})
    EXPECT_EQ(get("/api/metrics/query_range", "q={}|rate()&" + std::string(range)).status, 400)
        << range;
  // A regular expression that would not fit, and nesting without end.
  EXPECT_EQ(get("/api/search", "q={name=~%22(((a{1,100}){1,100}){1,100})%22}").status, 400);
  EXPECT_EQ(
      get("/api/search", "q={" + std::string(5000, '(') + "true" + std::string(5000, ')') + "}")
          .status,
      400);
}

}  // namespace
}  // namespace sightline::api::tempo
