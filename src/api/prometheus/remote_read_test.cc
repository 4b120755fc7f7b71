#include "api/prometheus/remote_read.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/protobuf_reader.h"
#include "model/sample.h"
#include "net/compression.h"
#include "tsdb/prometheus/prometheus_chunk.h"
#include "tsdb/prometheus/prometheus_histogram_chunk.h"
#include "tsdb/testing_store.h"

namespace sightline::api::prometheus {
namespace {

using model::Histogram;
using model::make_labels;
using model::ResetHint;

struct Chunk {
  int64_t min = 0;
  int64_t max = 0;
  uint64_t encoding = 0;
  std::string_view data;
};

Chunk read_chunk(std::string_view bytes) {
  Chunk out;
  for (ProtobufReader r(bytes); r.next();) switch (r.tag()) {
      case protobuf_varint(1): out.min = static_cast<int64_t>(r.varint()); break;
      case protobuf_varint(2): out.max = static_cast<int64_t>(r.varint()); break;
      case protobuf_varint(3): out.encoding = r.varint(); break;
      case protobuf_bytes(4): out.data = r.bytes(); break;
      default: r.skip();
    }
  return out;
}

// The chunks of all frames, whose checksums hold.
std::vector<Chunk> chunks_of(std::string_view body) {
  std::vector<Chunk> out;
  ByteReader in(body);
  while (!in.at_end()) {
    const uint64_t length = in.uvarint();
    const uint32_t sum = __builtin_bswap32(in.le<uint32_t>());
    const std::string_view message = in.bytes(length);
    EXPECT_TRUE(in.ok());
    if (!in.ok()) return out;
    EXPECT_EQ(sum, crc32c(message));
    for (ProtobufReader frame(message); frame.next();) {
      if (frame.tag() != protobuf_bytes(1)) {
        frame.skip();
        continue;
      }
      for (ProtobufReader series(frame.bytes()); series.next();)
        if (series.tag() == protobuf_bytes(2))
          out.push_back(read_chunk(series.bytes()));
        else
          series.skip();
    }
  }
  return out;
}

class RemoteReadTest : public testing::Test {
 protected:
  RemoteReadTest() {
    add_remote_read(router_,
                    std::make_shared<const PrometheusApi>(PrometheusApi{
                        .engine = engine_, .store = store_.db(), .clock = store_.clock()}));
  }

  void append(int64_t time, double value, const std::optional<Histogram>& histogram) {
    auto appender = store_.db().appender();
    const auto id = appender->series(make_labels({{"__name__", "m"}}));
    ASSERT_TRUE(id);
    ASSERT_TRUE(histogram ? appender->append_histogram(*id, {time}, *histogram)
                          : appender->append(*id, {time}, value));
    ASSERT_TRUE(appender->commit());
  }

  // All there is of m, as streamed chunks.
  std::string streamed() {
    std::string matcher("\x12\x08__name__\x1a\x01m", 13);
    std::string query("\x08\x00\x10", 3);
    append_uvarint(query, static_cast<uint64_t>(tsdb::kTestStart) * 2);
    query += "\x1a" + std::string(1, static_cast<char>(matcher.size())) + matcher;
    const std::string request =
        "\x0a" + std::string(1, static_cast<char>(query.size())) + query + "\x10\x01";
    net::HttpRequest http{.method = "POST", .path = "/api/v1/read"};
    http.body = net::snappy_compress(request);
    net::HttpResponse response = router_.dispatch(http);
    EXPECT_EQ(response.status, 200);
    return response.take_whole_body();
  }

  tsdb::TestingStore store_{{.future_max_ms = 0}};
  promql::Engine engine_{store_.db(), store_.clock(), nullptr};
  net::HttpRouter router_;
};

Histogram histogram_of(double count, double zero = 1) {
  return {.schema = 0,
          .zero_threshold = 0.001,
          .zero_count = zero,
          .count = count,
          .sum = count * 2,
          .positive_spans = {{0, 2}},
          .positive_buckets = {1, count - zero - 1}};
}

TEST_F(RemoteReadTest, NativeHistogramsAreStreamedAsTheChunksOfTheirKind) {
  int64_t time = tsdb::kTestStart;
  append(time, 0.5, {});
  for (int i = 0; i < 150; ++i) append(time += 15'000, 0, histogram_of(10 + i));
  append(time += 15'000, 0, histogram_of(5));          // began anew
  append(time += 15'000, 0, histogram_of(7.5, 1.25));  // no whole numbers
  append(time += 15'000, 0, histogram_of(9.5, 1.25));
  const std::string body = streamed();
  std::vector<uint64_t> encodings;
  tsdb::SampleColumns got;
  for (const Chunk& chunk : chunks_of(body)) {
    encodings.push_back(chunk.encoding);
    const size_t before = got.histogram_times.size();
    ASSERT_TRUE(
        chunk.encoding == tsdb::kXorEncoding
            ? tsdb::decode_xor_chunk(chunk.data, got)
            : tsdb::decode_histogram_chunk(static_cast<uint8_t>(chunk.encoding), chunk.data, got));
    EXPECT_EQ(chunk.min, chunk.encoding == 1 ? got.times.front() : got.histogram_times[before]);
    EXPECT_EQ(chunk.max, chunk.encoding == 1 ? got.times.back() : got.histogram_times.back());
  }
  EXPECT_EQ(encodings, (std::vector<uint64_t>{1, 2, 2, 2, 3}));
  const tsdb::SampleColumns stored = store_.read(make_labels({{"__name__", "m"}}));
  EXPECT_EQ(got.times, stored.times);
  EXPECT_EQ(got.values, stored.values);
  EXPECT_EQ(got.histogram_times, stored.histogram_times);
  ASSERT_EQ(got.histograms.size(), 153u);
  for (size_t i = 0; i < got.histograms.size(); ++i)
    EXPECT_EQ(*got.histograms[i], *stored.histograms[i]) << i;
  EXPECT_EQ(got.histograms[150]->reset_hint, ResetHint::kReset);
}

}  // namespace
}  // namespace sightline::api::prometheus
