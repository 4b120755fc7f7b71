#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/glob.h"
#include "base/ids.h"
#include "base/number_text.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "base/text_codec.h"
#include "base/work_pool.h"

namespace sightline {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(Ids, ReadBackFromHex) {
  const auto id = parse_trace_id("0af7651916cd43dd8448EB211C80319c");
  ASSERT_TRUE(id);
  EXPECT_EQ(to_hex(*id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_FALSE(parse_trace_id("0af7"));
  EXPECT_FALSE(parse_span_id("zzzzzzzzzzzzzzzz"));
  EXPECT_FALSE(TraceId{}.is_valid());
}

TEST(Checksum, KnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // RFC 3720 appendix B.4
  EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789"));
}

TEST(Checksum, LongInputsAreTheSumOfTheirBytes) {
  Random random(7);
  std::string bytes;
  for (const size_t size : {6143u, 6144u, 6145u, 12'288u, 20'000u}) {
    while (bytes.size() < size) bytes.push_back(static_cast<char>(random.next()));
    uint32_t byte_by_byte = 5;
    for (const char& c : bytes) byte_by_byte = crc32c({&c, 1}, byte_by_byte);
    EXPECT_EQ(crc32c(bytes, 5), byte_by_byte) << size;
  }
}

TEST(Base64, EncodesAndDecodes) {
  for (const auto& [raw, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    EXPECT_EQ(base64_encode(raw), text);
    EXPECT_EQ(base64_decode(text), raw);
  }
  EXPECT_FALSE(base64_decode("Z"));
  EXPECT_FALSE(base64_decode("Zm9v!"));
}

TEST(Utf8, FindsInvalidSequences) {
  EXPECT_TRUE(is_valid_utf8("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"));
  EXPECT_FALSE(is_valid_utf8("\xc0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_valid_utf8("a\xe2\x82"));
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b"),
            "a\xef\xbf\xbd"
            "b");
  std::string json;
  append_json_escaped(json, "a\"\\\n\x01\xff\xc3\xbc");
  EXPECT_EQ(json, "a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xbc");
}

TEST(Bytes, ReaderStopsAtTheEnd) {
  std::string out;
  append_uvarint(out, 300);
  append_svarint(out, -5);
  append_sized(out, "abc");
  ByteReader reader(out);
  EXPECT_EQ(reader.uvarint(), 300u);
  EXPECT_EQ(reader.svarint(), -5);
  EXPECT_EQ(reader.sized(), "abc");
  EXPECT_TRUE(reader.at_end());
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_FALSE(reader.ok());
  ByteReader liar(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 11));
  EXPECT_EQ(liar.sized(), "");
  EXPECT_FALSE(liar.ok());
}

TEST(NumberText, FloatsLikeThePeers) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(format_float_plain(1e21), "1000000000000000000000");
  EXPECT_EQ(format_float_plain(1e-7), "0.0000001");
  EXPECT_EQ(format_float_plain(5e-324).size(), 2u + 324);
  EXPECT_EQ(format_float_plain(-1e30), "-1000000000000000000000000000000");
  EXPECT_EQ(format_float_json(12345678901234567890.0), "12345678901234567000");
  EXPECT_EQ(format_float_json(9007199254740993.0), "9007199254740992");
  EXPECT_EQ(format_float_go(1e21), "1e+21");
  EXPECT_EQ(format_float_go(0.00001), "1e-05");
  EXPECT_EQ(format_float_go(100000), "100000");
  EXPECT_EQ(format_float_go(1000000), "1e+06");
  EXPECT_EQ(format_float_go(1795485383.488), "1.795485383488e+09");
  EXPECT_EQ(format_float_openmetrics(5), "5.0");
  EXPECT_EQ(format_float_openmetrics(0.25), "0.25");
  EXPECT_EQ(format_float_openmetrics(inf), "+Inf");
  EXPECT_EQ(format_float_json(1e-7), "1e-07");
  EXPECT_EQ(format_float_json(0.00001), "0.00001");
  EXPECT_EQ(format_float_json(-inf), "-Inf");
  std::string out;
  append_timestamp_json(out, 1435781451781);
  EXPECT_EQ(out, "1435781451.781");
  out.clear();
  append_timestamp_json(out, -1500);
  EXPECT_EQ(out, "-1.500");
}

TEST(NumberText, ParsesFloats) {
  EXPECT_EQ(parse_float("1e3").value(), 1000);
  EXPECT_EQ(parse_float("-0x1p-1").value(), -0.5);
  EXPECT_TRUE(std::isinf(parse_float("+Inf").value()));
  EXPECT_TRUE(std::isnan(parse_float("nan").value()));
  EXPECT_FALSE(parse_float("1_0"));
  EXPECT_FALSE(parse_float(""));
  EXPECT_FALSE(parse_float("--1"));
  EXPECT_FALSE(parse_float("nan(1)"));
}

TEST(NumberText, Durations) {
  EXPECT_EQ(parse_go_duration("1h30m").value(), nanoseconds(5'400'000'000'000));
  EXPECT_EQ(parse_go_duration("1.5s").value(), nanoseconds(1'500'000'000));
  EXPECT_EQ(parse_go_duration("-2us").value(), nanoseconds(-2'000));
  EXPECT_FALSE(parse_go_duration("5"));
  EXPECT_FALSE(parse_go_duration("5d"));
  EXPECT_EQ(format_go_duration(nanoseconds(5'400'000'000'000)), "1h30m0s");
  EXPECT_EQ(format_go_duration(milliseconds(2)), "2ms");
  EXPECT_EQ(parse_prometheus_duration("1h30m").value(), milliseconds(5'400'000));
  EXPECT_EQ(parse_prometheus_duration("1m500ms").value(), milliseconds(60'500));
  EXPECT_FALSE(parse_prometheus_duration("30m1h"));
  EXPECT_FALSE(parse_prometheus_duration("1.5s"));
  EXPECT_EQ(format_prometheus_duration(milliseconds(5'400'000)), "1h30m");
  EXPECT_EQ(format_prometheus_duration(milliseconds(86'400'000)), "1d");
  EXPECT_EQ(format_rfc3339(1795485488486689704), "2026-11-24T01:58:08.486689704Z");
}

TEST(Telemetry, WritesText) {
  Telemetry telemetry;
  telemetry.counter("spans_total", "Spans.", {{"reason", "a\"b"}}).add(2);
  telemetry.counter("spans_total", "Spans.", {{"reason", "a\"b"}}).add(1);
  telemetry.gauge("depth", "Depth.").set(1.5);
  EXPECT_EQ(
      telemetry.text(),
      "# HELP depth Depth.\n# TYPE depth gauge\ndepth 1.5\n"
      "# HELP spans_total Spans.\n# TYPE spans_total counter\nspans_total{reason=\"a\\\"b\"} 3\n");
  EXPECT_EQ(telemetry.counter_total("spans_total"), 3u);
}

TEST(WorkPool, RunsEverythingOnce) {
  std::atomic<int> sum{0};
  {
    WorkPool pool({.thread_count = 3});
    for (int round = 0; round < 50; ++round)
      pool.parallel_for(20, [&](size_t i) { sum += static_cast<int>(i); });
    ASSERT_TRUE(pool.submit(WorkPriority::kBackground, [&] { sum += 1; }));
  }
  EXPECT_EQ(sum.load(), 50 * 190 + 1);
}

TEST(Random, UuidHasVersionFour) {
  Random random(7);
  const std::string uuid = random.uuid();
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
}

TEST(NumberText, PlainNumbersReadBackAndAreShortest) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    const double v = i % 2 == 0 ? std::bit_cast<double>(random())
                                : static_cast<double>(random() % 100'000) /
                                      static_cast<double>(1 + random() % 1000);
    if (!std::isfinite(v)) continue;
    const std::string text = format_float_plain(v);
    ASSERT_EQ(std::bit_cast<uint64_t>(*parse_float(text)), std::bit_cast<uint64_t>(v)) << text;
    if (std::fabs(v) >= 0x1p53) continue;  // beyond, to_chars does not stop at the shortest
    char expected[400];
    ASSERT_EQ(
        text,
        std::string(
            expected,
            std::to_chars(expected, expected + sizeof expected, v, std::chars_format::fixed).ptr));
  }
}

TEST(Glob, AsARegularExpression) {
  EXPECT_EQ(glob_to_regexp("k8s.*").value(), "k8s\\.[^.]*");
  EXPECT_EQ(glob_to_regexp("**.id?").value(), ".*\\.id[^.]");
  EXPECT_EQ(glob_to_regexp("[a-z][!0-9][.*]").value(), "[a-z][^0-9][\\.\\*]");
  EXPECT_EQ(glob_to_regexp("{http,db.{a,b}}.x,y\\*}").value(), "(?:http|db\\.(?:a|b))\\.x,y\\*\\}");
  for (const char* broken : {"[a", "[]", "[!]", "{a", "{a,{b}"})
    EXPECT_FALSE(glob_to_regexp(broken));
}

}  // namespace
}  // namespace sightline
