#include "wire/zipkin/decode_spans.h"

#include <gtest/gtest.h>

#include "model/value_text.h"

namespace sightline::wire::zipkin {
namespace {

constexpr std::string_view kTwoSpans =
    R"([{"traceId":"4d1e00c0db9010db","id":"86154a4ba6e91385","parentId":"4d1e00c0db9010db","kind":"CLIENT","name":"get",
  "timestamp":1472470996199000,"duration":207000,"localEndpoint":{"serviceName":"frontend","ipv4":"127.0.0.1"},
  "remoteEndpoint":{"serviceName":"backend","ipv4":"192.168.99.101","port":9000},"annotations":[{"timestamp":1472470996238000,"value":"foo"}],
  "tags":{"http.path":"/api","clnt/finagle.version":"6.45.0","n":"5","error":"boom"}},
  {"traceId":"0000000000000000","id":"1","name":"bad"},{"traceId":"4d1e00c0db9010db86154a4ba6e91385","id":"86154a4ba6e91386","shared":true,"tags":{"span.kind":"internal"}}])";

TEST(ZipkinSpans, EveryFieldOfASpan) {
  const auto decoded = decode_zipkin_spans(kTwoSpans, true);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->rejected, 1u);
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 2u);
  const model::SpanView& span = batch.spans[0];
  EXPECT_EQ(to_hex(span.trace_id), "00000000000000004d1e00c0db9010db");
  EXPECT_EQ(to_hex(span.parent_span_id), "4d1e00c0db9010db");
  EXPECT_EQ(batch.service_name(span), "frontend");
  EXPECT_EQ(span.kind, model::SpanKind::kClient);
  EXPECT_EQ(span.duration_ns(), 207'000'000u);
  EXPECT_EQ(span.status, model::StatusCode::kError);
  EXPECT_EQ(model::value_text(*batch.find(span.attributes, "error")), "boom");
  EXPECT_EQ(span.status_message, "");
  EXPECT_EQ(batch.events_of(span)[0].name, "foo");
  EXPECT_EQ(model::value_text(*batch.find(span.attributes, "service.peer.name")), "backend");
  EXPECT_EQ(model::value_text(*batch.find(span.attributes, "network.peer.address")),
            "192.168.99.101");
  EXPECT_EQ(model::value_text(*batch.find(span.attributes, "network.local.address")), "127.0.0.1");
  EXPECT_EQ(batch.find(span.attributes, "net.peer.port")->int_value, 9000);
  EXPECT_EQ(batch.find(span.attributes, "n")->kind, model::ValueKind::kInt);
  EXPECT_EQ(batch.spans[1].kind, model::SpanKind::kInternal);
  EXPECT_EQ(batch.service_name(batch.spans[1]), "");
  EXPECT_EQ(decode_zipkin_spans(kTwoSpans, false)->batch->find(span.attributes, "n")->kind,
            model::ValueKind::kString);
}

TEST(ZipkinSpans, TagsOfScopesResourcesAndStatuses) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"1000000000000001","timestamp":1,"localEndpoint":{"serviceName":"a","port":80},"tags":{"otel.scope.name":"lib","otel.scope.version":"2","host.name":"h","otel.status_code":"STATUS_CODE_OK","span.kind":"internal"}},
      {"traceId":"4d1e00c0db9010db","id":"1000000000000002","kind":"CLIENT","localEndpoint":{"serviceName":"a"},"tags":{"otel.library.name":"old","host.name":"h","otel.status_code":"ERROR","otel.status_description":"bad","span.kind":"x"}},
      {"traceId":"4d1e00c0db9010db","id":"1000000000000003","timestamp":1,"localEndpoint":{"serviceName":"a"},"tags":{"otel.status_code":"OK","error":"true","span.kind":"client"}}])",
      false);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 3u);
  EXPECT_EQ(batch.resources.size(), 2u);
  const auto& [one, two, three] = std::tie(batch.spans[0], batch.spans[1], batch.spans[2]);
  EXPECT_EQ(batch.scope_of(one).name, "lib");
  EXPECT_EQ(batch.scope_of(one).version, "2");
  EXPECT_EQ(batch.scope_of(two).name, "old");
  EXPECT_EQ(batch.scope_of(three).name, "");
  EXPECT_EQ(model::value_text(*batch.find(batch.resource_of(two).attributes, "host.name")), "h");
  EXPECT_EQ(one.status, model::StatusCode::kOk);
  EXPECT_EQ(one.kind, model::SpanKind::kInternal);
  EXPECT_EQ(batch.find(one.attributes, "span.kind"), nullptr);
  EXPECT_EQ(batch.find(one.attributes, "net.host.port")->int_value, 80);
  EXPECT_EQ(two.status, model::StatusCode::kError);
  EXPECT_EQ(two.status_message, "bad");
  EXPECT_NE(batch.find(two.attributes, "span.kind"), nullptr);
  EXPECT_NE(batch.find(two.attributes, "otel.zipkin.absentField.startTime"), nullptr);
  EXPECT_EQ(three.status, model::StatusCode::kError);
  EXPECT_EQ(three.kind, model::SpanKind::kUnspecified);
  EXPECT_EQ(three.attributes.count, 0u);
}

TEST(ZipkinSpans, EventsWithAttributesAreUnpacked) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"1000000000000001","annotations":[
        {"timestamp":1,"value":"exception|{\"exception.type\":\"E|F\",\"n\":5,\"whole\":2.0,\"half\":0.5,\"yes\":true,\"list\":[1]}|3"},
        {"timestamp":2,"value":"bare|null|1"},{"timestamp":3,"value":"a|b"},{"timestamp":4,"value":"a|{b|0"},{"timestamp":5,"value":"a|{}|-1"}]}])",
      false);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  const auto events = batch.events_of(batch.spans.at(0));
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].name, "exception");
  EXPECT_EQ(events[0].dropped_attributes, 3u);
  ASSERT_EQ(events[0].attributes.count, 5u);  // a list has no form here
  EXPECT_EQ(model::value_text(*batch.find(events[0].attributes, "exception.type")), "E|F");
  EXPECT_EQ(batch.find(events[0].attributes, "n")->kind, model::ValueKind::kInt);
  EXPECT_EQ(batch.find(events[0].attributes, "whole")->int_value, 2);
  EXPECT_EQ(batch.find(events[0].attributes, "half")->double_value, 0.5);
  EXPECT_EQ(batch.find(events[0].attributes, "yes")->kind, model::ValueKind::kBool);
  EXPECT_EQ(events[1].name, "bare");
  EXPECT_EQ(events[1].dropped_attributes, 1u);
  EXPECT_EQ(events[2].name, "a|b");  // a bar alone is no such form
  EXPECT_EQ(events[3].name, "a|{b|0");
  EXPECT_EQ(events[4].name, "a|{}|-1");
}

TEST(ZipkinSpans, LinksAreUnpacked) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"1000000000000001","parentId":"1000000000000001","tags":{
        "otlp.link.1":"\"4d1e00c0db9010db86154a4ba6e91385\"|\"86154a4ba6e91386\"||null|0","otlp.link.0":"4d1e00c0db9010db86154a4ba6e91384|86154a4ba6e91385|a=b|{\"k\":\"x|y\"}|2",
        "otlp.link.3":"4d1e00c0db9010db86154a4ba6e91385|86154a4ba6e91386||{}|0","otlp.link.01":"x"}},
      {"traceId":"4d1e00c0db9010db","id":"1000000000000002","tags":{"otlp.link.0":"4d1e|86154a4ba6e91385||{}|0","otlp.link.1":"4d1e00c0db9010db86154a4ba6e91385|86154a4ba6e91386||{}|0"}}])",
      false);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 2u);
  EXPECT_FALSE(batch.spans[0].parent_span_id.is_valid());  // its own parent
  const auto links = batch.links_of(batch.spans[0]);
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(to_hex(links[0].trace_id), "4d1e00c0db9010db86154a4ba6e91384");
  EXPECT_EQ(to_hex(links[0].span_id), "86154a4ba6e91385");
  EXPECT_EQ(links[0].trace_state, "a=b");
  EXPECT_EQ(links[0].dropped_attributes, 2u);
  EXPECT_EQ(model::value_text(*batch.find(links[0].attributes, "k")), "x|y");
  EXPECT_EQ(to_hex(links[1].span_id), "86154a4ba6e91386");
  // What is behind a gap, and what is no link, is an attribute.
  EXPECT_NE(batch.find(batch.spans[0].attributes, "otlp.link.3"), nullptr);
  EXPECT_NE(batch.find(batch.spans[0].attributes, "otlp.link.01"), nullptr);
  EXPECT_NE(batch.find(batch.spans[1].attributes, "otlp.link.0"), nullptr);
  EXPECT_EQ(batch.spans[1].links.count, 1u);
}

TEST(ZipkinSpans, WhatTheServiceNameWasMadeOf) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"1000000000000001","localEndpoint":{"serviceName":"f"},"tags":{"otlp.service.name.source":"faas.name"}},
      {"traceId":"4d1e00c0db9010db","id":"1000000000000002","localEndpoint":{"serviceName":"f"}}])",
      false);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  EXPECT_EQ(batch.service_name(batch.spans[0]), "");
  EXPECT_NE(batch.find(batch.resource_of(batch.spans[0]).attributes, "faas.name"), nullptr);
  EXPECT_EQ(batch.spans[0].attributes.count, 1u);  // of the absent start
  EXPECT_EQ(batch.service_name(batch.spans[1]), "f");
}

TEST(ZipkinSpans, NumbersInTagsArePlainDecimals) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"1000000000000001","tags":{"a":"-5","b":"1.50","c":"+5","d":"1e5","e":"1.-5","f":".5","g":"5.","h":"-","i":"0x10"}}])",
      true);
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto kind_of = [&](std::string_view key) {
    return decoded->batch->find(decoded->batch->spans[0].attributes, key)->kind;
  };
  EXPECT_EQ(kind_of("a"), model::ValueKind::kInt);
  EXPECT_EQ(kind_of("b"), model::ValueKind::kDouble);
  for (const std::string_view key : {"c", "d", "e", "f", "g", "h", "i"})
    EXPECT_EQ(kind_of(key), model::ValueKind::kString) << key;
}

TEST(ZipkinSpans, SaysWhatIsWrong) {
  const auto fault = [](std::string_view json) {
    const auto decoded = decode_zipkin_spans(json, false);
    return decoded ? "accepted" : decoded.error().message;
  };
  EXPECT_NE(fault("{").find("not JSON"), std::string::npos);
  EXPECT_NE(fault("{}").find("a list of spans"), std::string::npos);
  EXPECT_NE(fault("[1]").find("must be an object"), std::string::npos);
  EXPECT_NE(fault(R"([{"traceId":5}])").find("span 0: traceId must be a string"),
            std::string::npos);
  EXPECT_NE(fault(R"([{"tags":{"a":1}}])").find("tags.a must be a string"), std::string::npos);
  EXPECT_EQ(fault("[]"), "accepted");
}

TEST(ZipkinSpans, IsBounded) {
  const auto decoded = decode_zipkin_spans(
      R"([{"traceId":"4d1e00c0db9010db","id":"86154a4ba6e91385","tags":{"a":"1","b":"2"},"annotations":[{"value":"x"},{"value":"y"}]},
    {"traceId":"4d1e00c0db9010db","id":"86154a4ba6e91386"}])",
      false, {.spans_max = 1, .tags_max = 1, .annotations_max = 1});
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->rejected, 1u);
  EXPECT_EQ(decoded->batch->spans[0].dropped_attributes, 1u);
  EXPECT_EQ(decoded->batch->spans[0].dropped_events, 1u);
}

}  // namespace
}  // namespace sightline::wire::zipkin
