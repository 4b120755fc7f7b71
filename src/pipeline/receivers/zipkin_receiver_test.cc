#include "pipeline/receivers/zipkin_receiver.h"

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

TEST(ZipkinReceiver, AnswersAsTheProtocolSays) {
  const config::ZipkinReceiverConfig config;
  const config::OtelcolConfig all;
  Recorder next;
  Telemetry telemetry;
  const auto receiver = ZipkinReceiver::create(config, all, "zipkin", next, telemetry);
  ASSERT_TRUE(receiver) << receiver.error().message;
  const auto post = [&](std::string body) {
    net::HttpRequest request{.method = "POST", .path = "/api/v2/spans", .body = std::move(body)};
    return (*receiver)->router().dispatch(request);
  };
  const std::string one =
      R"([{"traceId":"4d1e00c0db9010db","id":"86154a4ba6e91385"},{"traceId":"x","id":"y"}])";
  EXPECT_EQ(post(one).status, 202);
  EXPECT_EQ(next.spans, 1u);
  EXPECT_EQ(telemetry.counter_total("sightline_receiver_rejected_spans_total"), 1u);
  EXPECT_EQ(post("{}").status, 400);
  next.refuse = Errc::kUnavailable;
  const auto refused = post(one);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "1");
  EXPECT_EQ(telemetry.counter_total("otelcol_receiver_refused_spans_total"), 1u);
}

}  // namespace
}  // namespace sightline::pipeline
