#include <gtest/gtest.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "api/jaeger/jaeger_grpc.h"
#include "api/jaeger/jaeger_routes.h"
#include "net/testing_stream_call.h"
#include "traceql/testing/script_spans.h"
#include "traceql/testing/testing_store.h"
#include "wire/otlp/decode_traces.h"

namespace sightline::api::jaeger {
namespace {

std::shared_ptr<const model::SpanBatch> shop_spans() {
  const std::vector<traceql::ScriptLine> lines = {
      {1, 0, "trace 1"},
      {2, 1,
       R"(a "GET /slow" start=100s duration=503ms kind=server service=web .code=500 status=error message="boom" scope=lib resource.host="h1")"},
      {3, 2, R"(b "query" service=db duration=10ms kind=client .method="GET" .ok=true .ratio=0.5)"},
      {4, 3, R"(event exception at=1ms .type="io")"},
      {5, 3, "link 2 c"},
      {6, 0, "trace 2"},
      {7, 1, R"(c "GET /" start=200s duration=20ms kind=server service=web .code=200)"},
  };
  return *traceql::load_spans(lines);
}

using Call = net::testing::StreamCall;

struct Jaeger : ::testing::Test {
  Jaeger() { add_jaeger_routes(router, api); }
  net::HttpResponse get(std::string path, std::string query = "") {
    net::HttpRequest request{.method = "GET", .path = std::move(path), .query = query};
    EXPECT_TRUE(request.params.parse(query));
    return router.dispatch(request);
  }
  Call ask(const std::string& method, std::string request,
           net::GrpcCode code = net::GrpcCode::kOk) {
    Call call;
    const auto methods = jaeger_grpc_methods(api);
    const auto reply = methods.at("/jaeger.api_v3.QueryService/" + method)(
        std::make_shared<const std::string>(std::move(request)), call);
    EXPECT_EQ(reply.code, code) << reply.message;
    return call;
  }

  traceql::testing::MemoryStore store{shop_spans()};
  ManualClock clock{TimestampNs{300'000'000'000}};
  JaegerApi api{.traces = store, .clock = clock};
  net::HttpRouter router;
};

TEST_F(Jaeger, ListsServicesAndOperations) {
  EXPECT_EQ(get("/jaeger/api/services").body,
            R"({"data":["db","web"],"total":2,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/services/web/operations").body,
            R"({"data":["GET /","GET /slow"],"total":2,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(
      get("/jaeger/api/operations", "service=db").body,
      R"({"data":[{"name":"query","spanKind":"client"}],"total":1,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/operations", "service=web&spanKind=client").body,
            R"({"data":[],"total":0,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/operations").status, 400);
  EXPECT_EQ(get("/jaeger/api/operations", "service=web&spanKind=odd").status, 400);
}

TEST_F(Jaeger, ShowsATrace) {
  EXPECT_EQ(
      get("/jaeger/api/traces/31").body,
      R"({"data":[{"traceID":"00000000000000000000000000000031","spans":[)"
      R"({"traceID":"00000000000000000000000000000031","spanID":"0000000000000061","flags":0,"operationName":"GET /slow","references":[],)"
      R"("startTime":100000000,"duration":503000,"tags":[{"key":"code","type":"int64","value":500},{"key":"span.kind","type":"string","value":"server"},)"
      R"({"key":"error","type":"bool","value":true},{"key":"otel.status_code","type":"string","value":"ERROR"},)"
      R"({"key":"otel.status_description","type":"string","value":"boom"},{"key":"otel.scope.name","type":"string","value":"lib"}],)"
      R"("logs":[],"processID":"p1","warnings":null},)"
      R"({"traceID":"00000000000000000000000000000031","spanID":"0000000000000062","flags":0,"operationName":"query",)"
      R"("references":[{"refType":"CHILD_OF","traceID":"00000000000000000000000000000031","spanID":"0000000000000061"},)"
      R"({"refType":"FOLLOWS_FROM","traceID":"00000000000000000000000000000032","spanID":"0000000000000063"}],)"
      R"("startTime":100000000,"duration":10000,"tags":[{"key":"method","type":"string","value":"GET"},{"key":"ok","type":"bool","value":true},)"
      R"({"key":"ratio","type":"float64","value":0.5},{"key":"span.kind","type":"string","value":"client"}],)"
      R"("logs":[{"timestamp":100001000,"fields":[{"key":"event","type":"string","value":"exception"},{"key":"type","type":"string","value":"io"}]}],)"
      R"("processID":"p2","warnings":null}],)"
      R"("processes":{"p1":{"serviceName":"web","tags":[{"key":"host","type":"string","value":"h1"}]},"p2":{"serviceName":"db","tags":[]}},)"
      R"("warnings":null}],"total":1,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/traces/99").status, 404);
  EXPECT_EQ(
      get("/jaeger/api/traces/99").body,
      R"({"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":404,"msg":"trace not found"}]})");
  EXPECT_EQ(get("/jaeger/api/traces/zz").status, 400);
}

TEST_F(Jaeger, FindsTraces) {
  const auto found = [&](const std::string& query) {
    const auto response = get("/jaeger/api/traces", query);
    EXPECT_EQ(response.status, 200) << response.body;
    return std::pair(
        response.body.contains(R"({"traceID":"00000000000000000000000000000031","spans")"),
        response.body.contains(R"({"traceID":"00000000000000000000000000000032","spans")"));
  };
  EXPECT_EQ(found("service=web"), std::pair(true, true));
  EXPECT_EQ(found("service=web&limit=1"), std::pair(false, true));
  EXPECT_EQ(found("service=web&operation=GET%20%2Fslow"), std::pair(true, false));
  EXPECT_EQ(found("service=web&tags=%7B%22code%22%3A%22200%22%7D"), std::pair(false, true));
  EXPECT_EQ(found("service=web&tags=%7B%22error%22%3A%22true%22%7D"), std::pair(true, false));
  EXPECT_EQ(found("service=web&tag=code:500"), std::pair(true, false));
  EXPECT_EQ(found("service=db&tag=method:GET&tag=span.kind:client"), std::pair(true, false));
  EXPECT_EQ(found("service=web&minDuration=400ms"), std::pair(true, false));
  EXPECT_EQ(found("service=web&maxDuration=400ms"), std::pair(false, true));
  EXPECT_EQ(found("service=web&start=150000000&end=250000000"), std::pair(false, true));
  EXPECT_EQ(found("service=web&lookback=2m"), std::pair(false, true));
  EXPECT_EQ(found("traceID=31&traceID=32&traceID=33"), std::pair(true, true));
  EXPECT_EQ(
      get("/jaeger/api/traces").body,
      R"({"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":400,"msg":"parameter 'service' is required"}]})");
  for (const char* bad : {"service=web&start=x", "service=web&tags=%7B", "service=web&tag=x",
                          "service=web&minDuration=2s&maxDuration=1s", "service=web&limit=9999999"})
    EXPECT_EQ(get("/jaeger/api/traces", bad).status, 400) << bad;
}

TEST_F(Jaeger, CountsCallsBetweenServices) {
  EXPECT_EQ(
      get("/jaeger/api/dependencies", "endTs=300000&lookback=300000").body,
      R"({"data":[{"parent":"web","child":"db","callCount":1}],"total":1,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/dependencies", "endTs=1000&lookback=1").body,
            R"({"data":[],"total":0,"limit":0,"offset":0,"errors":null})");
  EXPECT_EQ(get("/jaeger/api/dependencies", "endTs=x").status, 400);
}

TEST_F(Jaeger, TheThirdVersionListsServicesAndOperations) {
  EXPECT_EQ(get("/jaeger/api/v3/services").body, R"({"services":["db","web"]})");
  EXPECT_EQ(get("/jaeger/api/v3/operations", "service=db").body,
            R"({"operations":[{"name":"query","spanKind":"client"}]})");
  EXPECT_EQ(get("/jaeger/api/v3/operations", "service=web&span_kind=client").body,
            R"({"operations":[]})");
  EXPECT_EQ(get("/jaeger/api/v3/operations").status, 400);
}

TEST_F(Jaeger, TheThirdVersionShowsTracesAsOtlp) {
  const auto one = get("/jaeger/api/v3/traces/31", "start_time=1970-01-01T00:00:00Z");
  EXPECT_EQ(one.status, 200);
  ASSERT_TRUE(one.body.starts_with(R"({"result":{)"));
  ASSERT_TRUE(one.body.ends_with("}"));
  const auto decoded =
      wire::otlp::decode_traces_json(std::string_view(one.body).substr(10, one.body.size() - 11));
  ASSERT_TRUE(decoded) << decoded.error().message;
  ASSERT_EQ(decoded->batch->spans.size(), 2u);
  EXPECT_EQ(decoded->batch->spans[0].name, "GET /slow");
  const auto missing = get("/jaeger/api/v3/traces/99");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body, R"({"error":{"httpCode":404,"message":"trace not found"}})");
  EXPECT_EQ(get("/jaeger/api/v3/traces/zz").status, 400);
  EXPECT_EQ(get("/jaeger/api/v3/traces/31", "start_time=yesterday").status, 400);
}

TEST_F(Jaeger, TheThirdVersionFindsTraces) {
  const std::string always =
      "query.start_time_min=1970-01-01T00:00:00Z&query.start_time_max=1970-01-02T01:00:00%2B01:00";
  const auto found = [&](const std::string& query) {
    const auto response = get("/jaeger/api/v3/traces", always + query);
    return std::pair(response.body.contains("00000000000000000000000000000031"),
                     response.body.contains(R"("name":"GET /")"));
  };
  EXPECT_EQ(found(""), std::pair(true, true));
  EXPECT_EQ(found("&query.service_name=web&query.operation_name=GET%20%2Fslow"),
            std::pair(true, false));
  EXPECT_EQ(found("&query.service_name=web&query.duration_max=400ms"), std::pair(false, true));
  EXPECT_EQ(found("&query.service_name=web&query.duration_min=400ms"), std::pair(true, false));
  EXPECT_EQ(found("&query.num_traces=1&query.service_name=web"), std::pair(false, true));
  EXPECT_EQ(found("&query.search_depth=1&query.service_name=web"), std::pair(false, true));
  const auto none = get("/jaeger/api/v3/traces", always + "&query.service_name=nobody");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.body, R"({"error":{"httpCode":404,"message":"No traces found"}})");
  EXPECT_EQ(
      get("/jaeger/api/v3/traces").body,
      R"({"error":{"httpCode":400,"message":"query.start_time_min and query.start_time_max are required"}})");
  for (const char* bad : {"&query.duration_min=x", "&query.num_traces=-1", "&query.num_traces=x",
                          "&query.search_depth=9999999"})
    EXPECT_EQ(get("/jaeger/api/v3/traces", always + bad).status, 400) << bad;
  EXPECT_EQ(get("/jaeger/api/v3/traces", "query.start_time_min=x&query.start_time_max=y").status,
            400);
}

TEST_F(Jaeger, StreamsTracesOverGrpc) {
  std::string id;
  protozero::pbf_writer(id).add_string(1, "31");
  const Call one = ask("GetTrace", id);
  ASSERT_EQ(one.messages.size(), 1u);
  const auto trace =
      wire::otlp::decode_traces(std::make_shared<const std::string>(one.messages[0]));
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->batch->spans.size(), 2u);
  std::string missing;
  protozero::pbf_writer(missing).add_string(1, "99");
  ask("GetTrace", missing, net::GrpcCode::kNotFound);
  ask("GetTrace", "\xff\xff", net::GrpcCode::kInvalidArgument);

  std::string query;
  protozero::pbf_writer(query).add_string(1, "web");
  std::string find;
  protozero::pbf_writer(find).add_message(1, query);
  EXPECT_EQ(ask("FindTraces", find).messages.size(), 2u);
  EXPECT_EQ(ask("FindTraceSummaries", find).messages.size(), 2u);
  protozero::pbf_writer(query).add_string(2, "GET /slow");
  std::string narrow;
  protozero::pbf_writer(narrow).add_message(1, query);
  EXPECT_EQ(ask("FindTraces", narrow).messages.size(), 1u);
  protozero::pbf_writer(query).add_message(10, std::string());
  std::string structured;
  protozero::pbf_writer(structured).add_message(1, query);
  ask("FindTraces", structured, net::GrpcCode::kInvalidArgument);

  std::string service;
  protozero::pbf_writer(service).add_string(1, "web");
  EXPECT_EQ(ask("GetServices", "").messages.at(0),
            std::string("\x0a\x02") + "db" + "\x0a\x03" + "web");
  EXPECT_TRUE(ask("GetOperations", service).messages.at(0).contains("GET /slow"));
  EXPECT_TRUE(ask("GetDependencies", "").messages.at(0).contains("web"));
  ask("GetOperations", "", net::GrpcCode::kInvalidArgument);
}

}  // namespace
}  // namespace sightline::api::jaeger
