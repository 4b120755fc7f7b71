#include "wire/prometheus/encode_write_request.h"

#include <gtest/gtest.h>

#include "wire/prometheus/remote_write.h"

namespace sightline::wire::prometheus {
namespace {

// What a request holds, as text.
class Lines final : public WriteSink {
 public:
  Status on_series(const WriteSeries& series) override {
    std::vector<model::LabelView> labels;
    EXPECT_TRUE(series.read_labels(labels));
    for (const auto& label : labels)
      text += std::string(label.name) + "=" + std::string(label.value) + " ";
    for (const auto& s : series.samples)
      text += std::to_string(s.value) + "@" + std::to_string(s.time.value) + " ";
    for (const auto& e : series.exemplars) {
      text += "# ";
      for (const auto& label : e.labels)
        text += std::string(label.name) + "=" + std::string(label.value) + " ";
      text += std::to_string(e.value) + "@" + std::to_string(e.time.value) + " ";
    }
    for (const auto& h : series.histograms) histograms.push_back(h.histogram);
    if (series.has_metadata) text += "help=" + series.metadata.help + " ";
    text += "\n";
    return {};
  }
  Status on_metadata(std::string_view metric, const model::MetricMetadata& metadata) override {
    text += "metadata " + std::string(metric) + " " + metadata.help + "\n";
    return {};
  }
  std::string text;
  std::vector<model::Histogram> histograms;
};

SentSeries some_series() {
  SentSeries series{.labels = model::make_labels({{"__name__", "m"}, {"a", "b"}}),
                    .samples = {{1.5, {1000}}},
                    .metadata = {model::MetricType::kCounter, "", "h"}};
  series.exemplars.push_back(
      {.labels = model::make_labels({{"k", "v"}}), .value = 2, .time = {999}});
  model::Histogram h{.schema = 3, .zero_threshold = 0.001, .zero_count = 1, .count = 4, .sum = 9};
  h.positive_spans = {{-2, 1}, {3, 1}};
  h.positive_buckets = {1, 2};
  series.histograms.push_back({h, {1000}});
  return series;
}

TEST(EncodeWriteRequest, Version1ReadsAsItWasWritten) {
  const std::vector<SentSeries> series = {some_series()};
  const std::vector<SentMetadata> metadata = {{"m", series[0].metadata}};
  Lines lines;
  ASSERT_TRUE(decode_write_request(encode_write_request(series, metadata), lines));
  EXPECT_EQ(lines.text, "__name__=m a=b 1.500000@1000 # k=v 2.000000@999 \nmetadata m h\n");
  ASSERT_EQ(lines.histograms.size(), 1u);
  EXPECT_EQ(lines.histograms[0], series[0].histograms[0].histogram);
}

TEST(EncodeWriteRequest, Version2ReadsAsItWasWritten) {
  const std::vector<SentSeries> series = {some_series(), some_series()};
  Lines lines;
  ASSERT_TRUE(decode_write_request_2(encode_write_request_2(series), lines));
  const std::string one = "__name__=m a=b 1.500000@1000 # k=v 2.000000@999 help=h \n";
  EXPECT_EQ(lines.text, one + one);
  ASSERT_EQ(lines.histograms.size(), 2u);
  EXPECT_EQ(lines.histograms[1], series[1].histograms[0].histogram);
}

// Integer histograms and float histograms are read as the same, but only one may hold halves.
TEST(EncodeWriteRequest, HistogramsOfWholeCountsAreIntegers) {
  for (const double last : {7.0, 7.5}) {
    std::vector<SentSeries> series = {some_series()};
    model::Histogram& h = series[0].histograms[0].histogram;
    h.positive_buckets = {9, last};
    h.negative_spans = {{1, 2}};
    h.negative_buckets = {5, 2};
    const std::string request = encode_write_request(series, {});
    Lines lines;
    ASSERT_TRUE(decode_write_request(request, lines));
    EXPECT_EQ(lines.histograms.at(0), h);
    EXPECT_EQ(request.find("\x08\x04\x19") != std::string::npos, last == 7);  // count_int: 4
  }
}

}  // namespace
}  // namespace sightline::wire::prometheus
