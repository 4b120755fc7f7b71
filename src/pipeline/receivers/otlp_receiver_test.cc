#include "pipeline/receivers/otlp_receiver.h"

#include <gtest/gtest.h>

#include "base/text_codec.h"
#include "pipeline/exporters/debug_exporter.h"
#include "pipeline/graph/stage.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::pipeline {
namespace {

// Takes batches, or refuses them with the error it is told.
class Recorder final : public SpanConsumer {
 public:
  Status consume(const SharedBatch& batch) override {
    if (refuse) return fail(*refuse, "told to refuse");
    batches.push_back(batch);
    return {};
  }
  std::optional<Errc> refuse;
  std::vector<SharedBatch> batches;
};

class OtlpReceiverTest : public testing::Test {
 protected:
  net::HttpResponse post(const std::string& path, std::string body,
                         const std::string& type = "application/x-protobuf") {
    net::HttpRequest request{.method = "POST", .path = path, .body = std::move(body)};
    request.headers.set("Content-Type", type);
    return router_.dispatch(request);
  }
  void SetUp() override {
    receiver_.add_http_routes([this](const std::string& path, net::HttpHandler handler) {
      router_.add("POST", path, std::move(handler));
    });
  }

  ManualClock clock_{{1'000'000'000}};
  Telemetry telemetry_;
  Recorder next_;
  OtlpReceiver receiver_{{}, next_, clock_, telemetry_};
  net::HttpRouter router_;
};

// A caller with the metadata of one tenant, or without any.
struct Caller final : net::GrpcCaller {
  std::string_view remote() const override { return "127.0.0.1:1"; }
  std::string_view metadata(std::string_view name) const override {
    return name == "x-scope-orgid" ? org_id : std::string_view();
  }
  std::string_view org_id;
};

constexpr std::string_view kOneBadOneGood =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
  "scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"good"},
  {"traceId":"00000000000000000000000000000000","spanId":"b7ad6b7169203331","name":"bad"}]}]}]})";

TEST_F(OtlpReceiverTest, KeepsTheValidSpansAndTellsOfTheOthers) {
  const auto answer =
      post("/v1/traces", std::string(kOneBadOneGood), "application/json; charset=utf-8");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"rejectedSpans\":\"1\""), std::string::npos) << answer.body;
  ASSERT_EQ(next_.batches.size(), 1u);
  ASSERT_EQ(next_.batches[0]->spans.size(), 1u);
  EXPECT_EQ(next_.batches[0]->spans[0].name, "good");
  EXPECT_EQ(telemetry_.counter_total("sightline_receiver_rejected_spans_total"), 1u);
  ASSERT_EQ(receiver_.received().services.size(), 1u);
  EXPECT_EQ(receiver_.received().services[0].spans_total, 1u);
}

TEST_F(OtlpReceiverTest, AnswersInTheRequestsEncoding) {
  const auto json = post("/v1/traces", R"({"resourceSpans":[]})", "application/json");
  EXPECT_EQ(json.body, R"({"partialSuccess":{}})");
  const auto protobuf = post("/v1/traces", wire::otlp::testing::make_sample_request({.spans = 4}));
  EXPECT_EQ(protobuf.status, 200);
  EXPECT_EQ(protobuf.body, "");
  EXPECT_EQ(protobuf.headers.get("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(next_.batches.size(), 1u);
}

TEST_F(OtlpReceiverTest, RefusesWhatItCannotRead) {
  EXPECT_EQ(post("/v1/traces", "hello", "text/plain").status, 415);
  EXPECT_EQ(post("/v1/traces", "\xff\xff\xff").status, 400);
  const auto json = post("/v1/traces", "{", "application/json");
  EXPECT_EQ(json.status, 400);
  EXPECT_NE(json.body.find("\"message\""), std::string::npos);
  EXPECT_EQ(telemetry_.counter_total("sightline_receiver_malformed_requests_total"), 2u);
}

TEST_F(OtlpReceiverTest, ARefusalDownstreamIsRetryable) {
  next_.refuse = Errc::kUnavailable;
  const auto answer = post("/v1/traces", wire::otlp::testing::make_sample_request({.spans = 4}));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.get("Retry-After"), "1");
  next_.refuse = Errc::kResourceExhausted;
  EXPECT_EQ(post("/v1/traces", wire::otlp::testing::make_sample_request({.spans = 4})).status, 429);
  const auto handlers = receiver_.grpc_handlers();
  const auto& handler = handlers.at("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  const auto reply = handler(
      std::make_shared<const std::string>(wire::otlp::testing::make_sample_request({.spans = 4})),
      Caller());
  EXPECT_EQ(reply.code, net::GrpcCode::kResourceExhausted);
  EXPECT_TRUE(reply.retry_after.has_value());
  EXPECT_EQ(telemetry_.counter_total("otelcol_receiver_refused_spans_total"), 12u);
}

TEST_F(OtlpReceiverTest, TenantsAreToldApartByHeaderAndMetadata) {
  std::vector<std::string> seen;
  OtlpReceiver receiver({.by_tenant = [&](std::string_view org_id, const SharedBatch&) -> Status {
                          if (org_id.empty()) return fail(Errc::kInvalidArgument, "no org id");
                          seen.emplace_back(org_id);
                          return {};
                        }},
                        next_, clock_, telemetry_);
  net::HttpRouter router;
  receiver.add_http_routes([&](const std::string& path, net::HttpHandler handler) {
    router.add("POST", path, std::move(handler));
  });
  const std::string spans = wire::otlp::testing::make_sample_request({.spans = 4});
  const auto send = [&](std::string_view org_id) {
    net::HttpRequest request{.method = "POST", .path = "/v1/traces", .body = spans};
    request.headers.set("Content-Type", "application/x-protobuf");
    if (!org_id.empty()) request.headers.set("x-scope-orgid", std::string(org_id));
    return router.dispatch(request);
  };
  EXPECT_EQ(send("a").status, 200);
  const auto refused = send("");
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("no org id"), std::string::npos);
  const auto handlers = receiver.grpc_handlers();
  const auto& handler = handlers.at("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
  Caller caller;
  caller.org_id = "b";
  EXPECT_EQ(handler(std::make_shared<const std::string>(spans), caller).code, net::GrpcCode::kOk);
  caller.org_id = "";
  const auto reply = handler(std::make_shared<const std::string>(spans), caller);
  EXPECT_EQ(reply.code, net::GrpcCode::kInvalidArgument);
  EXPECT_EQ(reply.message, "no org id");
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(next_.batches.empty());
}

TEST_F(OtlpReceiverTest, MetricsAndLogsAreRejectedAloud) {
  const auto metrics = post(
      "/v1/metrics",
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"1"},{"asInt":"2"}]}}]}]}]})",
      "application/json");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(metrics.body.find("\"rejectedDataPoints\":\"2\""), std::string::npos) << metrics.body;
  const auto logs = post("/v1/logs", R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]})",
                         "application/json");
  EXPECT_NE(logs.body.find("\"rejectedLogRecords\":\"1\""), std::string::npos) << logs.body;
}

// A connector must not count what a store then refuses: the sender sends it again.
TEST(GraphInput, CountsOnlyWhatTheStoresTook) {
  Recorder store, other_store, connector, other_connector;
  RefusingEnd to_store(store), to_other_store(other_store);
  CountingEnd to_connector(connector), to_other(other_connector);
  // Two pipelines of one receiver: the first counts before the second can refuse.
  Split first({&to_connector, &to_store}), second({&to_other, &to_other_store});
  Split both({&first, &second});
  GraphInput input(both);
  const auto batch = std::make_shared<const model::SpanBatch>();
  other_store.refuse = Errc::kUnavailable;
  EXPECT_FALSE(input.consume(batch));
  other_store.refuse.reset();
  EXPECT_TRUE(input.consume(batch));
  EXPECT_EQ(connector.batches.size(), 1u);
  EXPECT_EQ(other_connector.batches.size(), 1u);
  EXPECT_EQ(store.batches.size(), 2u);
}

TEST(DebugExporter, PrintsEveryFieldOfASpan) {
  const auto batch =
      wire::otlp::decode_traces_json(
          R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
    "scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
    "name":"GET /","kind":2,"startTimeUnixNano":"1000000000","endTimeUnixNano":"1500000000","attributes":[{"key":"n","value":{"intValue":3}}],
    "events":[{"timeUnixNano":"1200000000","name":"e"}],"status":{"code":2,"message":"m"}}]}]}]})")
          .value()
          .batch;
  EXPECT_EQ(
      debug_text(*batch, config::DebugExporterConfig::Verbosity::kDetailed),
      "Traces\t{\"resource spans\": 1, \"spans\": 1}\n"
      "ResourceSpans #0\nResource SchemaURL: \nResource attributes:\n     -> service.name: Str(s)\n"
      "ScopeSpans #0\nScopeSpans SchemaURL: \nInstrumentationScope lib 1\nSpan #0\n"
      "    Trace ID       : 0af7651916cd43dd8448eb211c80319c\n    Parent ID      : \n    ID        "
      "     : b7ad6b7169203331\n"
      "    Name           : GET /\n    Kind           : Server\n    Start time     : 1970-01-01 "
      "00:00:01 +0000 UTC\n"
      "    End time       : 1970-01-01 00:00:01.5 +0000 UTC\n    Status code    : Error\n    "
      "Status message : m\n"
      "Attributes:\n     -> n: Int(3)\nEvents:\nSpanEvent #0\n     -> Name: e\n     -> Timestamp: "
      "1970-01-01 00:00:01.2 +0000 UTC\n"
      "     -> DroppedAttributesCount: 0\n");
}

}  // namespace
}  // namespace sightline::pipeline
