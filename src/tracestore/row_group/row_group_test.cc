#include <gtest/gtest.h>

#include "tracestore/codec/integer_codec.h"
#include "tracestore/row_group/row_group_decoder.h"
#include "tracestore/row_group/row_group_encoder.h"
#include "tracestore/testing_spans.h"

namespace sightline::tracestore {
namespace {

using testing::SpanSource;

constexpr TimestampNs kNow{1'700'000'000'000'000'000};

TEST(IntegerCodec, EveryEncodingGivesBackWhatWentIn) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    std::vector<uint64_t> values(1 + random.below(700));
    const uint64_t width = random.below(65);
    const uint64_t base = random.below(2) == 0 ? 0 : random.next();
    for (uint64_t& v : values) {
      v = base + (width == 0 ? 0 : random.next() >> (64 - width));
      if (seed % 3 == 0 && random.below(10) != 0) v = base;
    }
    std::string bytes;
    encode_integers(values, bytes);
    ByteReader in(bytes);
    const auto back = decode_integers(in, values.size());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, values) << "seed " << seed;
    EXPECT_TRUE(in.at_end());
    for (size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 50) {
      ByteReader torn(std::string_view(bytes).substr(0, cut));
      EXPECT_FALSE(decode_integers(torn, values.size())) << "seed " << seed << " cut " << cut;
    }
  }
}

std::vector<TraceSpans> group_by_trace(const model::SpanBatch& batch) {
  std::map<TraceId, std::vector<SpanRef>> traces;
  for (uint32_t i = 0; i < batch.spans.size(); ++i)
    traces[batch.spans[i].trace_id].push_back({&batch, i});
  std::vector<TraceSpans> result;
  for (auto& [id, spans] : traces) {
    unite_spans(spans);
    result.push_back({id, std::move(spans)});
  }
  return result;
}

std::string_view chunks_of(const RowGroupEncoder::Encoded& encoded) {
  return std::string_view(encoded.bytes).substr(encoded.zone.filter_bytes);
}

TEST(RowGroup, GivesBackEverythingOfRandomSpans) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SpanSource source(seed);
    std::vector<TraceId> ids;
    for (uint64_t i = 0, n = 1 + source.random().below(20); i < n; ++i)
      ids.push_back(source.trace_id());
    const auto batch = source.batch(ids, 1 + source.random().below(400), kNow);
    const auto traces = group_by_trace(*batch);
    const auto encoded = encode_row_group(traces);
    auto decoder = RowGroupDecoder::open(chunks_of(encoded), encoded.zone, nullptr);
    ASSERT_TRUE(decoder) << decoder.error().message;
    ASSERT_TRUE(decoder->verify());
    uint32_t row = 0;
    for (const TraceSpans& trace : traces) {
      const model::Run run{row, static_cast<uint32_t>(trace.spans.size())};
      const auto back = decoder->spans({&run, 1});
      ASSERT_TRUE(back) << "seed " << seed << ": " << back.error().message;
      for (size_t i = 0; i < trace.spans.size(); ++i) {
        model::SpanView span = (*back)->spans[i];
        span.trace_id = trace.id;
        ASSERT_EQ(testing::canonical(**back, span),
                  testing::canonical(*batch, trace.spans[i].span()))
            << "seed " << seed << " row " << row + i;
      }
      row += static_cast<uint32_t>(trace.spans.size());
    }
  }
}

TEST(RowGroup, ADamagedByteIsFoundByItsChecksum) {
  SpanSource source(7);
  const auto batch = source.batch({source.trace_id(), source.trace_id()}, 40, kNow);
  const auto traces = group_by_trace(*batch);
  auto encoded = encode_row_group(traces);
  const size_t begin = encoded.zone.filter_bytes;
  for (char& byte : std::span(encoded.bytes).subspan(begin)) {
    byte = static_cast<char>(byte ^ 0x10);
    const auto decoder = RowGroupDecoder::open(chunks_of(encoded), encoded.zone, nullptr);
    EXPECT_TRUE(!decoder || !decoder->verify());
    byte = static_cast<char>(byte ^ 0x10);
  }
}

}  // namespace
}  // namespace sightline::tracestore
