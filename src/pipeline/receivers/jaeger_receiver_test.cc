#include "pipeline/receivers/jaeger_receiver.h"

#include <gtest/gtest.h>

namespace sightline::pipeline {
namespace {

class Recorder final : public SpanConsumer {
 public:
  Status consume(const SharedBatch& batch) override {
    if (refuse) return fail(*refuse, "told to refuse");
    spans += batch->spans.size();
    return {};
  }
  std::optional<Errc> refuse;
  size_t spans = 0;
};

// A Batch of one span in Thrift's binary protocol.
std::string one_span() {
  using namespace std::string_literals;
  return "\x0c\x00\x01\x0b\x00\x01\x00\x00\x00\x03svc\x00"
         "\x0f\x00\x02\x0c\x00\x00\x00\x01"
         "\x0a\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07"
         "\x0a\x00\x03\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00"s;
}

TEST(JaegerReceiver, AnswersAsThePeerDoes) {
  config::JaegerReceiverConfig config;
  config.thrift_http.emplace();
  const config::OtelcolConfig all;
  Recorder next;
  Telemetry telemetry;
  const auto receiver = JaegerReceiver::create(config, all, "jaeger", next, telemetry);
  ASSERT_TRUE(receiver) << receiver.error().message;
  const auto post = [&](std::string body, const std::string& type = "application/x-thrift") {
    net::HttpRequest request{.method = "POST", .path = "/api/traces", .body = std::move(body)};
    request.headers.set("Content-Type", type);
    return (*receiver)->handle_http(request);
  };
  EXPECT_EQ(post(one_span()).status, 202);
  EXPECT_EQ(next.spans, 1u);
  EXPECT_EQ(post(one_span(), "application/json").status, 400);
  EXPECT_EQ(post("nonsense").status, 400);
  next.refuse = Errc::kUnavailable;
  const auto refused = post(one_span());
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  const auto bad = (*receiver)->handle_grpc(std::make_shared<const std::string>("\x0a\x7f"));
  EXPECT_EQ(bad.code, net::GrpcCode::kInvalidArgument);
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_accepted_spans_total"), 1u);
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_refused_spans_total"), 1u);
  EXPECT_EQ(telemetry.counter_total("sightline_receiver_malformed_requests_total"), 2u);
}

}  // namespace
}  // namespace sightline::pipeline
