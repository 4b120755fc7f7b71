#include "wire/otlp/decode_traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/otlp/encode_traces.h"
#include "wire/otlp/testing/sample_request.h"

namespace sightline::wire::otlp {
namespace {

using protozero::pbf_writer;
using ::testing::HasSubstr;
using testing::detail::put_attribute;

// One request of one scope; `write` fills the ScopeSpans message.
template <typename Write>
std::shared_ptr<const std::string> request_of(Write write) {
  auto out = std::make_shared<std::string>();
  {
    pbf_writer request(*out);
    pbf_writer resource_spans(request, 1);
    {
      pbf_writer resource(resource_spans, 1);
      put_attribute(resource, 1, "service.name", "shop");
    }
    pbf_writer scope_spans(resource_spans, 2);
    write(scope_spans);
  }
  return out;
}

void put_ids(pbf_writer& span, uint64_t n = 1) {
  testing::detail::put_id(span, 1, n, 0, 16);
  testing::detail::put_id(span, 2, n, 0, 8);
}

TEST(DecodeTraces, ReadsSomeSpansAndLeavesTheOthersTheirPlaces) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    for (uint64_t n = 1; n <= 5; ++n) {
      pbf_writer span(scope_spans, 2);
      put_ids(span, n);
      span.add_string(5, "span " + std::to_string(n));
      put_attribute(span, 9, "n", static_cast<int64_t>(n));
    }
  });
  const auto all = decode_traces(bytes);
  ASSERT_TRUE(all);
  const std::vector<uint32_t> wanted{1, 4};
  const auto some = decode_traces(bytes, {.spans = wanted});
  ASSERT_TRUE(some);
  ASSERT_EQ(some->batch->spans.size(), all->batch->spans.size());
  for (uint32_t i = 0; i < 5; ++i) {
    const model::SpanView& span = some->batch->spans[i];
    EXPECT_EQ(span.scope, 0u);
    if (i != 1 && i != 4) {
      EXPECT_TRUE(span.name.empty() && span.attributes.count == 0) << i;
      continue;
    }
    EXPECT_EQ(span.span_id, all->batch->spans[i].span_id);
    EXPECT_EQ(span.name, all->batch->spans[i].name);
    ASSERT_EQ(span.attributes.count, 1u);
    EXPECT_EQ(some->batch->of(span.attributes)[0].value.int_value, i + 1);
  }
  EXPECT_EQ(some->batch->service_name(some->batch->spans[4]), "shop");
  EXPECT_TRUE(some->batch->encoded.empty());  // it says more than these
}

TEST(DecodeTraces, ReadsEveryField) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    pbf_writer span(scope_spans, 2);
    // An event before the attributes: runs stay whole whatever the order.
    {
      pbf_writer event(span, 11);
      event.add_fixed64(1, 77);
      event.add_string(2, "retry");
      put_attribute(event, 3, "n", int64_t{3});
    }
    put_ids(span);
    span.add_string(3, "a=b");
    testing::detail::put_id(span, 4, 9, 0, 8);
    span.add_string(5, "GET /");
    span.add_uint32(6, 3);
    span.add_fixed64(7, 100);
    span.add_fixed64(8, 350);
    put_attribute(span, 9, "k1", "v1");
    {
      pbf_writer link(span, 13);
      put_ids(link, 5);
      put_attribute(link, 4, "why", "batch");
    }
    put_attribute(span, 9, "k2", int64_t{-2});
    span.add_uint32(10, 4);
    {
      pbf_writer status(span, 15);
      status.add_string(2, "boom");
      status.add_uint32(3, 2);
    }
    span.add_fixed32(16, 257);
    span.add_string(1000, "unknown field");
  });
  const auto decoded = decode_traces(bytes);
  ASSERT_TRUE(decoded);
  const model::SpanBatch& batch = *decoded->batch;
  ASSERT_EQ(batch.spans.size(), 1u);
  const model::SpanView& span = batch.spans[0];
  EXPECT_EQ(batch.service_name(span), "shop");
  EXPECT_EQ(span.name, "GET /");
  EXPECT_EQ(span.kind, model::SpanKind::kClient);
  EXPECT_EQ(span.duration_ns(), 250u);
  EXPECT_EQ(span.trace_state, "a=b");
  EXPECT_EQ(span.status, model::StatusCode::kError);
  EXPECT_EQ(span.status_message, "boom");
  EXPECT_EQ(span.dropped_attributes, 4u);
  EXPECT_EQ(span.flags, 257u);
  EXPECT_EQ(to_hex(span.parent_span_id), "0900000000000000");
  ASSERT_EQ(span.attributes.count, 2u);
  EXPECT_EQ(batch.find(span.attributes, "k2")->int_value, -2);
  ASSERT_EQ(span.events.count, 1u);
  EXPECT_EQ(batch.events_of(span)[0].name, "retry");
  EXPECT_EQ(batch.find(batch.events_of(span)[0].attributes, "n")->int_value, 3);
  ASSERT_EQ(span.links.count, 1u);
  EXPECT_EQ(batch.find(batch.links_of(span)[0].attributes, "why")->bytes, "batch");
  EXPECT_EQ(batch.encoded, *bytes);
  EXPECT_EQ(decoded->rejection_message(), "");
}

// The attributes of a request of one span, `attributes` encoded; nullopt when it is malformed.
std::optional<std::vector<std::pair<std::string, model::ValueView>>> attributes_of(
    const std::vector<std::string>& attributes, std::shared_ptr<const std::string>& kept) {
  kept = request_of([&](pbf_writer& scope_spans) {
    pbf_writer span(scope_spans, 2);
    put_ids(span);
    for (const std::string& attribute : attributes) span.add_message(9, attribute);
  });
  const auto decoded = decode_traces(kept);
  if (!decoded) return std::nullopt;
  std::vector<std::pair<std::string, model::ValueView>> read;
  for (const auto& [key, value] : decoded->batch->of(decoded->batch->spans[0].attributes))
    read.emplace_back(key, value);
  return read;
}

// Most attributes are read on a short way, which must say what the long one does, wherever a message ends.
TEST(DecodeTraces, ReadsUsualAttributesAsAnyOther) {
  std::vector<std::string> values;
  for (const size_t size :
       {0u, 1u, 6u, 124u, 125u, 126u, 127u, 128u, 129u, 300u, 16'381u, 17'000u}) {
    pbf_writer(values.emplace_back()).add_string(1, std::string(size, 'v'));
    pbf_writer(values.emplace_back()).add_bytes(7, std::string(size, 'b'));
  }
  for (unsigned bits = 0; bits < 64; ++bits) {
    const uint64_t power = uint64_t{1} << bits;
    for (const uint64_t number : {power, 0 - power, power - 1})
      pbf_writer(values.emplace_back()).add_int64(3, static_cast<int64_t>(number));
  }
  pbf_writer(values.emplace_back()).add_bool(2, true);
  pbf_writer(values.emplace_back()).add_double(4, 0.5);
  values.emplace_back();
  values.push_back(values[2] + values[4]);                 // the last one counts
  values.push_back(std::string("\x18\x81\x80\x00", 4));    // longer than it need be
  values.push_back(std::string("\x0a\x81\x00", 3) + "v");  // likewise
  for (const std::string& value : values) {
    for (const size_t key_bytes : {0u, 1u, 7u, 127u, 128u, 200u}) {
      std::string usual;
      pbf_writer attribute(usual);
      attribute.add_string(1, std::string(key_bytes, 'k'));
      attribute.add_message(2, value);
      std::string unknown_field;
      pbf_writer(unknown_field).add_uint32(15, 1);
      std::shared_ptr<const std::string> kept, kept_longer;
      const auto read = attributes_of({usual}, kept);
      const auto longer = attributes_of({usual + unknown_field}, kept_longer);
      ASSERT_EQ(read.has_value(), longer.has_value());
      ASSERT_TRUE(read);
      ASSERT_EQ(read->size(), 1u);
      EXPECT_EQ(read->front().first, longer->front().first);
      EXPECT_TRUE(read->front().second == longer->front().second) << value.size();
      if (usual.size() > 40) continue;
      for (size_t size = 0; size < usual.size(); ++size) {
        const std::string cut = usual.substr(0, size);
        const auto of_cut = attributes_of({cut}, kept);
        // Behind what is cut short inside a field, the unknown one would be swallowed: put it in front.
        const auto of_longer = attributes_of({unknown_field + cut}, kept_longer);
        ASSERT_EQ(of_cut.has_value(), of_longer.has_value()) << size;
        ASSERT_TRUE(!of_cut || of_cut->front().second == of_longer->front().second) << size;
      }
    }
  }
}

TEST(DecodeTraces, RejectsOnlyTheSpansWithoutIds) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    for (int i = 0; i < 5; ++i) {
      pbf_writer span(scope_spans, 2);
      span.add_string(5, "s" + std::to_string(i));
      put_attribute(span, 9, "i", int64_t{i});
      if (i == 1)
        testing::detail::put_id(span, 1, 0, 0, 16);  // all zero
      else if (i == 2)
        testing::detail::put_id(span, 1, 7, 0, 12);  // short
      else
        testing::detail::put_id(span, 1, 7, 0, 16);
      if (i != 3) testing::detail::put_id(span, 2, 7, 0, 8);
      if (i == 4) testing::detail::put_id(span, 4, 7, 0, 3);
    }
  });
  const auto decoded = decode_traces(bytes);
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->batch->spans.size(), 1u);
  EXPECT_EQ(decoded->batch->spans[0].name, "s0");
  EXPECT_EQ(decoded->batch->find(decoded->batch->spans[0].attributes, "i")->int_value, 0);
  EXPECT_EQ(decoded->rejected_spans(), 4u);
  EXPECT_TRUE(decoded->batch->encoded.empty());
  EXPECT_EQ(
      decoded->rejection_message(),
      "2 spans: trace_id is not 16 bytes or all zero; 1 span: span_id is not 8 bytes or all zero; "
      "1 span: parent_span_id is not 8 bytes");
  // What is left encodes to a request of that one span.
  const auto again =
      decode_traces(std::make_shared<const std::string>(encode_traces(*decoded->batch)));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->batch->spans.size(), 1u);
  EXPECT_EQ(again->batch->service_name(again->batch->spans[0]), "shop");
}

TEST(DecodeTraces, HundredThousandAttributesAreCutAndCounted) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    pbf_writer span(scope_spans, 2);
    put_ids(span);
    for (int i = 0; i < 100'000; ++i) put_attribute(span, 9, "key" + std::to_string(i), int64_t{i});
  });
  const auto decoded = decode_traces(bytes);
  ASSERT_TRUE(decoded);
  const model::SpanView& span = decoded->batch->spans[0];
  EXPECT_EQ(span.attributes.count, 1024u);
  EXPECT_EQ(span.dropped_attributes, 100'000u - 1024u);
  EXPECT_TRUE(span.encoded.empty());
  EXPECT_TRUE(decoded->batch->encoded.empty());
  EXPECT_EQ(decoded->rejected_spans(), 0u);
  const auto again =
      decode_traces(std::make_shared<const std::string>(encode_traces(*decoded->batch)));
  EXPECT_EQ(again->batch->spans[0].dropped_attributes, 100'000u - 1024u);
  EXPECT_FALSE(again->batch->encoded.empty());
}

TEST(DecodeTraces, DropsValuesNestedTooDeep) {
  std::string value;  // AnyValue
  pbf_writer(value).add_int64(3, 1);
  for (int i = 0; i < 10'000; ++i) {
    std::string list;
    pbf_writer(list).add_message(1, value);
    value.clear();
    pbf_writer(value).add_message(5, list);
  }
  const auto bytes = request_of([&](pbf_writer& scope_spans) {
    pbf_writer span(scope_spans, 2);
    put_ids(span);
    put_attribute(span, 9, "before", "x");
    {
      pbf_writer pair(span, 9);
      pair.add_string(1, "deep");
      pair.add_message(2, value);
    }
    put_attribute(span, 9, "after", "y");
  });
  const auto decoded = decode_traces(bytes);
  ASSERT_TRUE(decoded);
  const model::SpanView& span = decoded->batch->spans[0];
  EXPECT_EQ(span.attributes.count, 2u);
  EXPECT_EQ(span.dropped_attributes, 1u);
  EXPECT_NE(decoded->batch->find(span.attributes, "after"), nullptr);
}

TEST(DecodeTraces, LimitsSpansEventsAndLinks) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    for (int i = 0; i < 4; ++i) {
      pbf_writer span(scope_spans, 2);
      put_ids(span, static_cast<uint64_t>(i + 1));
      for (int e = 0; e < 3; ++e) {
        pbf_writer(span, 11).add_string(2, "e");
        pbf_writer link(span, 13);
        testing::detail::put_id(link, 1, 1, 0, e == 0 ? 4 : 16);
      }
    }
  });
  const auto decoded = decode_traces(
      bytes, {.spans_per_request_max = 2, .events_per_span_max = 1, .links_per_span_max = 1});
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->batch->spans.size(), 2u);
  EXPECT_EQ(decoded->rejected_by[static_cast<size_t>(RejectReason::kTooManySpans)], 2u);
  EXPECT_EQ(decoded->batch->spans[1].events.count, 1u);
  EXPECT_EQ(decoded->batch->spans[1].dropped_events, 2u);
  EXPECT_EQ(decoded->batch->spans[1].links.count, 1u);
  EXPECT_EQ(decoded->batch->spans[1].dropped_links, 2u);
}

TEST(DecodeTraces, NamesTheByteThatIsBroken) {
  const auto whole = request_of([](pbf_writer& scope_spans) {
    pbf_writer span(scope_spans, 2);
    put_ids(span);
    span.add_string(5, "name");
  });
  // Cut anywhere the request either ends between two fields or is refused.
  for (size_t n = 1; n < whole->size(); ++n) {
    const auto decoded = decode_traces(std::make_shared<const std::string>(whole->substr(0, n)));
    ASSERT_FALSE(decoded) << n;
    EXPECT_EQ(decoded.error().code, Errc::kInvalidArgument);
    EXPECT_THAT(decoded.error().message, HasSubstr("at byte "));
  }
  const auto decoded =
      decode_traces(std::make_shared<const std::string>("\x0a\x03\x12\x7f\x00", 5));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().message,
            "malformed OTLP protobuf at byte 4: length runs past the end of the message");
}

TEST(DecodeTraces, EmptyMessagesCostNothing) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i)
    bytes += std::string("\x0a\x02\x12\x00", 4);  // ResourceSpans of one empty ScopeSpans
  const auto decoded = decode_traces(std::make_shared<const std::string>(bytes));
  ASSERT_TRUE(decoded);
  EXPECT_TRUE(decoded->batch->resources.empty());
  EXPECT_TRUE(decoded->batch->scopes.empty());
  EXPECT_TRUE(decode_traces(std::make_shared<const std::string>())->batch->spans.empty());
}

TEST(EncodeTraces, WritesFromViewsWhatWasRead) {
  const auto bytes =
      std::make_shared<const std::string>(testing::make_sample_request({.spans = 50}));
  const auto decoded = decode_traces(bytes);
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->batch->spans.size(), 50u);
  model::SpanBatch bare = *decoded->batch;
  bare.encoded = {};
  EXPECT_EQ(encode_traces(bare), *bytes);
  for (model::SpanView& span : bare.spans) span.encoded = {};
  const auto again = decode_traces(std::make_shared<const std::string>(encode_traces(bare)));
  ASSERT_TRUE(again);
  ASSERT_EQ(again->batch->attributes.size(), bare.attributes.size());
  for (size_t i = 0; i < bare.attributes.size(); ++i) {
    EXPECT_EQ(again->batch->attributes[i].key, bare.attributes[i].key);
    EXPECT_EQ(again->batch->attributes[i].value, bare.attributes[i].value);
  }
  const std::vector<uint32_t> some = {3, 7};
  const auto part = decode_traces(std::make_shared<const std::string>(encode_traces(bare, some)));
  ASSERT_EQ(part->batch->spans.size(), 2u);
  EXPECT_EQ(part->batch->spans[1].span_id, bare.spans[7].span_id);
}

// For readers that look at some attributes alone; what goes on as it came is whole all the same.
TEST(DecodeTraces, PassesOverWhatNobodyLooksAt) {
  const auto bytes = request_of([](pbf_writer& scope_spans) {
    for (int i = 0; i < 2; ++i) {
      pbf_writer span(scope_spans, 2);
      put_ids(span);
      put_attribute(span, 9, "a", "1");
      put_attribute(span, 9, "method", "GET");
      put_attribute(span, 9, "b", int64_t{2});
      pbf_writer event(span, 11);
      event.add_string(2, "e");
    }
  });
  DecodeLimits limits;
  limits.span_attributes =
      std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"method", "code"});
  const auto decoded = decode_traces(bytes, limits);
  ASSERT_TRUE(decoded);
  const model::SpanBatch& batch = *decoded->batch;
  EXPECT_EQ(batch.encoded, *bytes);
  EXPECT_EQ(batch.service_name(batch.spans[0]), "shop");
  for (const model::SpanView& span : batch.spans) {
    ASSERT_EQ(span.attributes.count, 1u);
    EXPECT_EQ(batch.of(span.attributes)[0].value.bytes, "GET");
    EXPECT_EQ(span.dropped_attributes, 0u);
    EXPECT_EQ(span.events.count, 0u);
  }
  EXPECT_EQ(encode_traces(batch), *bytes);
}

}  // namespace
}  // namespace sightline::wire::otlp
