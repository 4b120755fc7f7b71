#include "wire/tempo/trace_answer.h"

#include <gtest/gtest.h>

#include "wire/otlp/decode_traces.h"

namespace sightline::wire::tempo {
namespace {

std::shared_ptr<const model::SpanBatch> decode(std::string_view json) {
  return otlp::decode_traces_json(json).value().batch;
}

constexpr std::string_view kTrace = R"({"resourceSpans":[{"resource":{"attributes":[
  {"key":"service.name","value":{"stringValue":"shop \"a\""}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":[{
  "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","parentSpanId":"00f067aa0ba902b7","name":"GET /","kind":2,
  "startTimeUnixNano":"5","endTimeUnixNano":"7","attributes":[{"key":"n","value":{"intValue":"-3"}},{"key":"d","value":{"doubleValue":0.5}},
  {"key":"b","value":{"boolValue":false}},{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":1}]}}},
  {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}}],
  "events":[{"timeUnixNano":"6","name":"e"}],"droppedAttributesCount":2,"status":{"code":2,"message":"boom"}}]}]}]})";

constexpr std::string_view kExpected =
    R"([{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop \"a\""}}]},"scopeSpans":[{"scope":{"name":"lib"},)"
    R"("spans":[{"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"t61rcWkgMzE=","parentSpanId":"APBnqgupArc=","name":"GET /",)"
    R"("kind":"SPAN_KIND_SERVER","startTimeUnixNano":"5","endTimeUnixNano":"7","attributes":[{"key":"n","value":{"intValue":"-3"}},)"
    R"({"key":"d","value":{"doubleValue":0.5}},{"key":"b","value":{"boolValue":false}},)"
    R"({"key":"list","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":"1"}]}}},)"
    R"({"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":true}}]}}}],"droppedAttributesCount":2,)"
    R"("events":[{"timeUnixNano":"6","name":"e"}],"status":{"message":"boom","code":"STATUS_CODE_ERROR"}}]}]}])";

TEST(TraceAnswer, Json) {
  const auto batch = decode(kTrace);
  EXPECT_EQ(trace_json_v1(*batch), "{\"batches\":" + std::string(kExpected) + "}");
  EXPECT_EQ(trace_json_v2(*batch, 42), "{\"trace\":{\"resourceSpans\":" + std::string(kExpected) +
                                           "},\"metrics\":{\"inspectedBytes\":\"42\"}}");
  EXPECT_EQ(trace_json_v2({}, 0), R"({"trace":{},"metrics":{}})");
}

TEST(TraceAnswer, ProtobufIsOtlp) {
  const auto batch = decode(kTrace);
  const auto again =
      otlp::decode_traces(std::make_shared<const std::string>(trace_protobuf_v1(*batch)));
  ASSERT_TRUE(again);
  EXPECT_EQ(trace_json_v1(*again->batch), trace_json_v1(*batch));
}

TEST(TraceAnswer, DamagedNestedValuesAreEmpty) {
  std::string out;
  append_value_json(out, {.kind = model::ValueKind::kArray, .bytes = "\x0a\x7fshort"});
  EXPECT_EQ(out, "{}");
  // A text's field that holds a number, and a number's that holds a text.
  for (const std::string_view bytes : {"\x0a\x02\x08\x05", "\x0a\x03\x1a\x01x"}) {
    out.clear();
    append_value_json(out, {.kind = model::ValueKind::kArray, .bytes = bytes});
    EXPECT_EQ(out, "{}");
  }
}

}  // namespace
}  // namespace sightline::wire::tempo
