#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/otlp/decode_traces.h"
#include "wire/otlp/encode_traces.h"
#include "wire/otlp/encode_traces_json.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::wire::otlp {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kRequest = R"({"resourceSpans":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{
  "traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"","name":"GET \u00fc",
  "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":"SPAN_KIND_SERVER",
  "droppedAttributesCount":2,"unknown":{"x":[1,2]},"traceState":null,
  "attributes":[{"key":"i","value":{"intValue":"-9223372036854775808"}},{"key":"n","value":{"intValue":7}},
    {"key":"d","value":{"doubleValue":0.5}},{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"b","value":{"boolValue":true}},
    {"key":"raw","value":{"bytesValue":"AQID"}},{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"a"},{}]}}},
    {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":1}}]}}},{"key":"none","value":{}}],
  "events":[{"timeUnixNano":"5","name":"e"}],"links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}],
  "status":{"code":2,"message":"no"},"flags":257}]}]}]})";

TEST(DecodeTracesJson, ReadsWhatSendersWrite) {
  const auto decoded = decode_traces_json(kRequest);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 1u);
  const model::SpanView& span = batch.spans[0];
  EXPECT_EQ(to_hex(span.trace_id), "5b8efff798038103d269b633813fc60c");
  EXPECT_FALSE(span.parent_span_id.is_valid());
  EXPECT_EQ(span.name, "GET \xc3\xbc");
  EXPECT_EQ(span.kind, model::SpanKind::kServer);
  EXPECT_EQ(span.status, model::StatusCode::kError);
  EXPECT_EQ(span.duration_ns(), 1'000'000'000u);
  EXPECT_EQ(span.flags, 257u);
  EXPECT_EQ(span.dropped_attributes, 2u);
  EXPECT_EQ(span.attributes.count, 9u);
  EXPECT_EQ(batch.find(span.attributes, "i")->int_value, INT64_MIN);
  EXPECT_EQ(batch.find(span.attributes, "raw")->bytes, "\x01\x02\x03");
  EXPECT_TRUE(std::isnan(batch.find(span.attributes, "nan")->double_value));
  // Two values: the string and the empty one.
  EXPECT_EQ(batch.find(span.attributes, "list")->bytes,
            std::string_view("\x0a\x03\x0a\x01\x61\x0a\x00", 7));
  EXPECT_EQ(span.events.count, 1u);
  EXPECT_EQ(span.links.count, 1u);
  EXPECT_EQ(batch.service_name(span), "shop");
  EXPECT_EQ(batch.scopes[0].version, "1");
}

TEST(DecodeTracesJson, RejectsSpansAsProtobufDoes) {
  const auto decoded = decode_traces_json(
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"","spanId":"eee19b7ec3c1b174"},
         {"traceId":"00000000000000000000000000000000","spanId":"eee19b7ec3c1b174"},
         {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]})");
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->rejected_spans(), 2u);
  EXPECT_EQ(decoded->batch->spans.size(), 1u);
}

TEST(DecodeTracesJson, ErrorsNameThePlace) {
  const auto message = [](std::string_view json) {
    const auto decoded = decode_traces_json(json);
    return decoded ? std::string("accepted") : decoded.error().message;
  };
  EXPECT_EQ(message("{}"), "accepted");
  EXPECT_EQ(
      message(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{},{"kind":"SPAN_KIND_X"}]}]}]})"),
      "OTLP JSON: resourceSpans[0].scopeSpans[0].spans[1].kind: unknown enum name");
  EXPECT_EQ(message(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xy"}]}]}]})"),
            "OTLP JSON: resourceSpans[0].scopeSpans[0].spans[0].traceId: expected an even number "
            "of hex digits");
  EXPECT_EQ(
      message(R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]})"),
      "OTLP JSON: resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano: expected a whole "
      "number in range");
  EXPECT_EQ(message("[]"), "OTLP JSON: expected an object");
  EXPECT_THAT(message(R"({"resourceSpans":[{"scopeSpans":})"),
              HasSubstr("malformed JSON near byte "));
  EXPECT_THAT(message(""), HasSubstr("malformed JSON"));
  EXPECT_THAT(message("{\"a\":\"\xff\"}"), HasSubstr("malformed JSON"));
}

// What is written as JSON reads back as the same request.
TEST(EncodeTracesJson, ReadsBackAsTheSameSpans) {
  const auto request =
      std::make_shared<const std::string>(testing::make_sample_request({.spans = 40}));
  const auto batch = decode_traces(request).value().batch;
  const std::string json = encode_traces_json(*batch);
  const auto again = decode_traces_json(json);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->batch->spans.size(), batch->spans.size());
  EXPECT_EQ(encode_traces_json(*again->batch), json);
  EXPECT_NE(json.find("\"traceId\":\"" + to_hex(batch->spans[0].trace_id)), std::string::npos);
}

}  // namespace
}  // namespace sightline::wire::otlp
