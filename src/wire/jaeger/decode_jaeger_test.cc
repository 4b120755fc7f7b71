#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>

#include "model/value_text.h"
#include "wire/jaeger/decode_proto.h"
#include "wire/jaeger/decode_thrift.h"

namespace sightline::wire::jaeger {
namespace {

using protozero::pbf_writer;

// Writes Thrift's binary protocol.
class Thrift {
 public:
  Thrift& field(uint8_t type, uint16_t id) { return byte(type).number(id, 2); }
  Thrift& byte(uint8_t value) { return bytes.push_back(static_cast<char>(value)), *this; }
  Thrift& number(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) byte(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }
  Thrift& i32(uint16_t id, uint32_t value) { return field(8, id).number(value, 4); }
  Thrift& i64(uint16_t id, uint64_t value) { return field(10, id).number(value, 8); }
  Thrift& text(uint16_t id, std::string_view value) {
    field(11, id).number(value.size(), 4);
    bytes += value;
    return *this;
  }
  Thrift& list(uint16_t id, uint32_t count) { return field(15, id).byte(12).number(count, 4); }
  Thrift& tag(std::string_view key, std::string_view value) {
    return text(1, key).i32(2, 0).text(3, value).byte(0);
  }
  std::string bytes;
};

Result<DecodedJaeger> decode(const std::string& bytes, const JaegerLimits& limits = {}) {
  return decode_thrift_batch(std::make_shared<const std::string>(bytes), limits);
}

// What a span is, in one line.
std::string line_of(const model::SpanBatch& batch, const model::SpanView& span) {
  std::string out = std::string(batch.service_name(span)) + " " + std::string(span.name) + " " +
                    to_hex(span.trace_id) + " " + to_hex(span.span_id) + " parent " +
                    (span.parent_span_id.is_valid() ? to_hex(span.parent_span_id) : "-") + " " +
                    std::string(span_kind_name(span.kind)) + " " +
                    std::string(status_code_name(span.status)) + " " +
                    std::string(span.status_message) + " " + std::to_string(span.start.value) +
                    "+" + std::to_string(span.duration_ns());
  for (const auto& a : batch.of(span.attributes))
    out += " " + std::string(a.key) + "=" + model::value_text(a.value);
  for (const auto& e : batch.events_of(span)) {
    out += " event " + std::string(e.name) + "@" + std::to_string(e.time.value);
    for (const auto& a : batch.of(e.attributes))
      out += " " + std::string(a.key) + "=" + model::value_text(a.value);
  }
  for (const auto& l : batch.links_of(span))
    out += " link " + to_hex(l.span_id) + " " + model::value_text(batch.of(l.attributes)[0].value);
  return out;
}

std::string whole_batch() {
  Thrift t;
  t.list(2, 2);
  t.i64(1, 7).i64(2, 1).i64(3, 9).i64(4, 0).text(5, "GET /");
  t.list(6, 2);
  t.i32(1, 1).i64(2, 7).i64(3, 1).i64(4, 5).byte(0);  // follows from
  t.i32(1, 0).i64(2, 7).i64(3, 1).i64(4, 4).byte(0);  // child of: the parent
  t.i32(7, 1).i64(8, 1'000).i64(9, 20);
  t.list(10, 4);
  t.tag("span.kind", "server");
  t.text(1, "error").i32(2, 2).field(2, 5).byte(1).byte(0);
  t.tag("otel.status_description", "broken");
  t.text(1, "n").i32(2, 3).i64(6, 42).byte(0);
  t.list(11, 1).i64(1, 1'005).list(2, 2);
  t.tag("event", "retry").tag("k", "v");
  t.byte(0);            // of the log
  t.byte(0);            // of the span
  t.i64(3, 9).byte(0);  // no trace id
  t.field(12, 1).text(1, "cart").list(2, 1).tag("hostname", "h").byte(0);
  t.field(13, 99).byte(11).byte(8).number(1, 4).number(1, 4).byte('x').number(3,
                                                                              4);  // a map, skipped
  t.byte(0);
  return t.bytes;
}

TEST(JaegerThrift, ASpanWithEverything) {
  const auto decoded = decode(whole_batch());
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(decoded->rejected, 1u);
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 1u);
  EXPECT_EQ(line_of(batch, batch.spans[0]),
            "cart GET / 00000000000000010000000000000007 0000000000000009 parent 0000000000000004 "
            "SPAN_KIND_SERVER STATUS_CODE_ERROR broken 1000000+20000 n=42 event retry@1005000 k=v "
            "link 0000000000000005 follows_from");
  EXPECT_EQ(batch.spans[0].flags, 1u);
  const auto* host = batch.find(batch.resource_of(batch.spans[0]).attributes, "host.name");
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->bytes, "h");
}

TEST(JaegerThrift, EveryCutIsAnErrorAndNoCrash) {
  const std::string whole = whole_batch();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(decode(whole.substr(0, size))) << size;
}

TEST(JaegerThrift, LengthsThatDoNotFitAreRefusedAtOnce) {
  EXPECT_FALSE(decode(Thrift().list(2, 0xffffffff).bytes));
  EXPECT_FALSE(decode(Thrift().field(11, 9).number(0x7fffffff, 4).bytes));
  EXPECT_FALSE(decode(Thrift().field(13, 9).byte(2).byte(2).number(0x7fffffff, 4).bytes));
  Thrift deep;
  for (int i = 0; i < 1000; ++i) deep.field(12, 9);
  EXPECT_FALSE(decode(deep.bytes));
}

TEST(JaegerThrift, WhatIsBeyondTheLimitsIsCounted) {
  const auto decoded = decode(whole_batch(), {.spans_max = 1, .tags_max = 3});
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->batch->spans.size(), 1u);
  EXPECT_EQ(decoded->batch->spans[0].dropped_attributes, 1u);
  EXPECT_EQ(decoded->rejected, 1u);
}

TEST(JaegerProto, ProcessesOfTheBatchAndOfASpan) {
  std::string bytes;
  {
    pbf_writer request(bytes);
    pbf_writer batch(request, 1);
    for (const bool own : {false, true}) {
      pbf_writer span(batch, 1);
      span.add_bytes(1, std::string(15, '\0') + '\7');
      span.add_bytes(2, std::string(7, '\0') + (own ? '\2' : '\1'));
      span.add_string(3, "op");
      {
        pbf_writer start(span, 6);
        start.add_int64(1, 1);
        start.add_int32(2, 5);
      }
      {
        pbf_writer duration(span, 7);
        duration.add_int32(2, 100);
      }
      for (const auto& [key, value] :
           {std::pair{"otel.scope.name", "lib"}, std::pair{"http.status_code", "503"},
            std::pair{"w3c.tracestate", "a=b"}}) {
        pbf_writer tag(span, 8);
        tag.add_string(1, key);
        tag.add_string(3, value);
      }
      if (own) {
        pbf_writer process(span, 10);
        process.add_string(1, "other");
      }
    }
    pbf_writer process(batch, 2);
    process.add_string(1, "cart");
  }
  const auto decoded = decode_post_spans(std::make_shared<const std::string>(bytes));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 2u);
  EXPECT_EQ(line_of(batch, batch.spans[0]),
            "cart op 00000000000000000000000000000007 0000000000000001 parent - "
            "SPAN_KIND_UNSPECIFIED STATUS_CODE_ERROR  1000000005+100 http.status_code=503");
  EXPECT_EQ(batch.service_name(batch.spans[1]), "other");
  EXPECT_EQ(batch.scope_of(batch.spans[0]).name, "lib");
  EXPECT_EQ(batch.spans[0].trace_state, "a=b");
  EXPECT_FALSE(decode_post_spans(std::make_shared<const std::string>("\x0a\x7f")));
}

}  // namespace
}  // namespace sightline::wire::jaeger
