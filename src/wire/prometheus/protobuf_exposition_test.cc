#include "wire/prometheus/protobuf_exposition.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/number_text.h"
#include "wire/prometheus/exposed_histogram.h"
#include "wire/prometheus/testing/family_message.h"

namespace sightline::wire::prometheus {
namespace {

using namespace testing;  // the builders of messages

std::string text_of(const model::Histogram& h) {
  std::string out = "histogram schema=" + std::to_string(h.schema) +
                    " count=" + format_float_go(h.count) + " sum=" + format_float_go(h.sum) +
                    " zero=" + format_float_go(h.zero_count) +
                    "<=" + format_float_go(h.zero_threshold);
  const auto side = [&](std::string_view name, const auto& spans, const auto& buckets) {
    for (const model::BucketSpan& s : spans)
      (((out += " ") += name) += std::to_string(s.offset) + "+") += std::to_string(s.length);
    for (const double b : buckets) out += " " + format_float_go(b);
  };
  side("pos:", h.positive_spans, h.positive_buckets);
  side("neg:", h.negative_spans, h.negative_buckets);
  if (h.reset_hint == model::ResetHint::kGauge) out += " gauge";
  return out;
}

// What an exposition holds, line by line.
class Lines final : public FamilySink {
 public:
  Status on_family(const FamilyHead& head) override {
    text += "# " + std::string(head.name) + " " + std::string(model::metric_type_name(head.type));
    if (!head.unit.empty()) text += " unit=" + std::string(head.unit);
    if (!head.help.empty()) text += " help=" + std::string(head.help);
    text += "\n";
    return {};
  }
  Status on_sample(const FamilySample& sample) override {
    model::LabelsBuilder labels;
    sample.read_labels(labels);
    const std::string named = labels.build().to_string();
    text += named + " ";
    text +=
        sample.histogram != nullptr ? text_of(*sample.histogram) : format_float_go(sample.value);
    if (sample.time) text += " @" + std::to_string(sample.time->value);
    if (sample.created) text += " created=" + std::to_string(sample.created->value);
    for (const model::Exemplar& e : sample.exemplars)
      text += " # " + e.all_labels().to_string() + " " + format_float_go(e.value) +
              (e.has_time ? " @" + std::to_string(e.time.value) : "");
    text += "\n";
    EXPECT_TRUE(keys.emplace(std::string(sample.series), named).second) << named;
    return {};
  }
  std::string text;
  std::map<std::string, std::string> keys;  // must not repeat
};

std::string read(const std::string& body, HistogramReading reading = {}) {
  Lines lines;
  const auto status = decode_protobuf_exposition(body, reading, lines);
  return status ? lines.text : lines.text + "error: " + status.error().message;
}

std::string value(double v) {
  return message([&](Writer& w) { w.add_double(1, v); });
}

TEST(ProtobufExposition, PlainFamiliesWithTimesExemplarsAndCreatedTimes) {
  const std::string counter = message([](Writer& w) {
    w.add_double(1, 5);
    w.add_message(2, exemplar("0af7651916cd43dd8448eb211c80319c", 0.5, 1014));
    w.add_message(3, time(900, 250'000'000));
  });
  const std::string body =
      family("a_seconds_total", kCounter, {metric({{"x", "1"}}, 3, counter)}, "Help.", "seconds") +
      family("g", kGauge, {metric({}, 2, value(-1.5), 1234), metric({{"b", "\n"}}, 2, value(2))}) +
      family("u", kUntyped, {metric({}, 5, value(7))}) + family("empty", kGauge, {});
  EXPECT_EQ(read(body),
            "# a_seconds_total counter unit=seconds help=Help.\n"
            "a_seconds_total{x=\"1\"} 5 created=900250 # "
            "{trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.5 @1014500\n"
            "# g gauge\n"
            "g -1.5 @1234\n"
            "g{b=\"\\n\"} 2\n"
            "# u unknown\n"
            "u 7\n");
}

TEST(ProtobufExposition, SummariesAndClassicHistogramsBecomeTheSeriesOfTheText) {
  const std::string summary = message([](Writer& w) {
    w.add_uint64(1, 3);
    w.add_double(2, 6.5);
    w.add_message(3, message([](Writer& q) {
                    q.add_double(1, 1);
                    q.add_double(2, 4);
                  }));
    w.add_message(4, time(1, 0));
  });
  const std::string histogram = message([](Writer& w) {
    w.add_uint64(1, 3);
    w.add_double(2, 6.5);
    w.add_message(3, message([](Writer& b) {
                    b.add_uint64(1, 2);
                    b.add_double(2, 1);
                    b.add_message(3, exemplar("0af7651916cd43dd8448eb211c80319c", 0.5, 0));
                  }));
  });
  EXPECT_EQ(
      read(family("s", kSummary, {metric({}, 4, summary)}) +
           family("h", kHistogram, {metric({{"a", "b"}}, 7, histogram)})),
      "# s summary\n"
      "s_count 3 created=1000\n"
      "s_sum 6.5 created=1000\n"
      "s{quantile=\"1.0\"} 4 created=1000\n"
      "# h histogram\n"
      "h_count{a=\"b\"} 3\n"
      "h_sum{a=\"b\"} 6.5\n"
      "h_bucket{a=\"b\", le=\"1.0\"} 2 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.5\n"
      "h_bucket{a=\"b\", le=\"+Inf\"} 3\n");
}

TEST(ProtobufExposition, ANativeHistogramIsOneSampleWithItsExemplarsInOrderOfTime) {
  const std::string body = family("h", kHistogram, {metric({}, 7, native_histogram())});
  EXPECT_EQ(read(body, {.native = true}),
            "# h histogram\n"
            "h histogram schema=0 count=6 sum=12.5 zero=1<=0.001 pos:0+1 pos:1+1 2 3 "
            "created=900000 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.75 @1010500 # "
            "{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 3.5 @1011500\n");
  // Not wanted, it is a classic one without buckets.
  EXPECT_EQ(read(body),
            "# h histogram\n"
            "h_count 6 created=900000\n"
            "h_sum 12.5 created=900000\n"
            "h_bucket{le=\"+Inf\"} 6 created=900000\n");
}

TEST(ProtobufExposition, FloatHistogramsOfBothSignsAndGauges) {
  const std::string histogram = message([](Writer& w) {
    w.add_double(4, 4.5);
    w.add_double(2, -3);
    w.add_sint32(5, 3);
    w.add_double(6, 0.5);
    w.add_double(8, 1);
    w.add_message(9, span(-2, 2));
    const double below[] = {0.5, 1};
    w.add_packed_double(11, std::begin(below), std::end(below));
    w.add_message(12, span(5, 0));
    w.add_message(12, span(2, 1));
    w.add_double(14, 2);
  });
  EXPECT_EQ(read(family("h", kGaugeHistogram, {metric({}, 7, histogram)}), {.native = true}),
            "# h gaugehistogram\n"
            "h histogram schema=3 count=4.5 sum=-3 zero=1<=0.5 pos:7+1 2 neg:-2+2 0.5 1 gauge\n");
}

TEST(ProtobufExposition, BothKindsAtOnceWhenAskedFor) {
  std::string histogram = native_histogram();
  Writer more(histogram);
  more.add_message(3, message([](Writer& b) {
                     b.add_uint64(1, 6);
                     b.add_double(2, std::numeric_limits<double>::infinity());
                   }));
  const std::string body = family("h", kHistogram, {metric({}, 7, histogram)});
  const auto count = [&](HistogramReading reading) {
    const std::string text = read(body, reading);
    return std::ranges::count(text, '\n') - 1;
  };
  EXPECT_EQ(count({.native = true}), 1);
  EXPECT_EQ(count({.native = true, .classic_beside_native = true}), 4);
  EXPECT_EQ(count({.classic_beside_native = true}), 3);
}

TEST(ProtobufExposition, ASpanOfNoBucketsSaysThatAHistogramIsNative) {
  const std::string none = message([](Writer& w) { w.add_message(12, span(0, 0)); });
  EXPECT_EQ(read(family("h", kHistogram, {metric({}, 7, none)}), {.native = true}),
            "# h histogram\nh histogram schema=0 count=0 sum=0 zero=0<=0\n");
  EXPECT_EQ(read(family("h", kHistogram, {metric({}, 7, "")}), {.native = true}),
            "# h histogram\nh_count 0\nh_sum 0\nh_bucket{le=\"+Inf\"} 0\n");
}

TEST(ProtobufExposition, ClassicBucketsLendANativeHistogramTheirExemplars) {
  const std::string histogram = message([](Writer& w) {
    w.add_uint64(1, 1);
    w.add_message(12, span(0, 1));
    w.add_sint64(13, 1);
    for (const int64_t at : {1000, 0})
      w.add_message(3, message([&](Writer& b) {
                      b.add_uint64(1, 1);
                      b.add_double(2, at == 0 ? 2 : 1);
                      b.add_message(3, exemplar("0af7651916cd43dd8448eb211c80319c", 1, at));
                    }));
  });
  EXPECT_EQ(read(family("h", kHistogram, {metric({}, 7, histogram)}), {.native = true}),
            "# h histogram\n"
            "h histogram schema=0 count=1 sum=0 zero=0<=0 pos:0+1 1 # "
            "{trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 1 @1000500\n");
}

TEST(ProtobufExposition, FinerResolutionsThanTheStoreHoldsAreReduced) {
  const std::string histogram = message([](Writer& w) {
    w.add_uint64(1, 3);
    w.add_sint32(5, 9);
    w.add_message(12, span(1, 2));
    const int64_t deltas[] = {1, 1};
    w.add_packed_sint64(13, std::begin(deltas), std::end(deltas));
  });
  EXPECT_EQ(read(family("h", kHistogram, {metric({}, 7, histogram)}), {.native = true}),
            "# h histogram\nh histogram schema=8 count=3 sum=0 zero=0<=0 pos:1+1 3\n");
}

TEST(ProtobufExposition, AFaultSaysAtWhichByte) {
  const std::string good = family("a", kGauge, {metric({}, 2, value(1))});
  ASSERT_EQ(good.size(), 19u);
  EXPECT_EQ(read(good + good.substr(0, 10)),
            "# a gauge\na 1\nerror: byte 20: length runs past the end of the message");
  std::string cut = good;  // the value's length says one byte more than there is
  cut[9] = 10;
  EXPECT_EQ(read(cut), "# a gauge\nerror: byte 10: length runs past the end of the message");
  EXPECT_EQ(read(family("a", kGauge, {metric({{"", "v"}}, 2, value(1))})),
            "# a gauge\nerror: byte 8: invalid label name \"\" of metric \"a\"");
  EXPECT_EQ(read(good + family("a\xff", kGauge, {metric({}, 2, value(1))})),
            "# a gauge\na 1\nerror: byte 20: invalid metric name \"a\xef\xbf\xbd\"");
  EXPECT_EQ(read(family("a", 9, {metric({}, 2, value(1))})),
            "error: byte 1: unknown metric type 9 of metric \"a\"");
  EXPECT_EQ(read(family("a", kGauge, {metric({{"x", "1"}, {"x", "2"}}, 2, value(1))})),
            "# a gauge\nerror: byte 8: label \"x\" of metric \"a\" is there twice");
  const std::string integer = message([](Writer& w) { w.add_uint64(1, 1); });
  EXPECT_EQ(read(family("a", kGauge, {metric({}, 2, integer)})),
            "# a gauge\nerror: byte 11: a field has the wrong wire type");
  const std::string late = message([](Writer& w) {
    w.add_double(1, 1);
    w.add_message(3, time(int64_t{1} << 60, 0));
  });
  EXPECT_NE(read(family("a", kCounter, {metric({}, 3, late)})).find("a timestamp is out of range"),
            std::string::npos);
}

class Nothing final : public FamilySink {
 public:
  Status on_family(const FamilyHead&) override { return {}; }
  Status on_sample(const FamilySample&) override { return {}; }
};

// What is wrong with one metric of a family, without its place.
std::string fault_of(int type, const std::string& metric_bytes) {
  Nothing sink;
  const auto status =
      decode_protobuf_exposition(family("m", type, {metric_bytes}), {.native = true}, sink);
  return status ? "" : status.error().message.substr(status.error().message.find(": ") + 2);
}

TEST(ProtobufExposition, WhatIsTooManyIsRefused) {
  const auto of = [](uint32_t field, size_t count, const std::string& each) {
    return message([&](Writer& w) {
      for (size_t i = 0; i < count; ++i) w.add_message(field, each);
    });
  };
  const auto histogram = [&](const std::string& bytes) {
    return fault_of(kHistogram, metric({}, 7, bytes));
  };
  EXPECT_EQ(histogram(of(3, kClassicBucketsMax, "")), "");
  EXPECT_EQ(histogram(of(3, kClassicBucketsMax + 1, "")), "a histogram has too many buckets");
  EXPECT_EQ(histogram(of(16, kHistogramExemplarsMax, "")), "");
  EXPECT_EQ(histogram(of(16, kHistogramExemplarsMax + 1, "")),
            "a histogram has too many exemplars");
  EXPECT_EQ(histogram(of(12, kNativeBucketsMax + 1, "")), "a native histogram has too many spans");
  const std::string deltas(kNativeBucketsMax + 1, '\0');
  EXPECT_EQ(histogram(message([&](Writer& w) { w.add_message(13, deltas); })),
            "a native histogram has too many buckets");
  EXPECT_EQ(fault_of(kSummary, metric({}, 4, of(3, kQuantilesMax + 1, ""))),
            "a summary has too many quantiles");
  EXPECT_EQ(fault_of(kGauge, of(1, kMetricLabelsMax + 1, label("a", "b"))),
            "a metric has too many labels");
}

TEST(ProtobufExposition, TheTypeMayComeLastAndUnknownFieldsArePassedOver) {
  std::string bytes = message([](Writer& w) {
    w.add_message(4, metric({}, 3, value(3)));
    w.add_string(99, "new");
    w.add_string(1, "late");
    w.add_enum(3, kCounter);
  });
  std::string body;
  append_sized(body, bytes);
  EXPECT_EQ(read(body), "# late counter\nlate 3\n");
}

}  // namespace
}  // namespace sightline::wire::prometheus
