#include "wire/openmetrics/exposition_parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/number_text.h"
#include "wire/openmetrics/check_openmetrics.h"

namespace sightline::wire::openmetrics {
namespace {

// Writes every event as a line.
class Recorder final : public ExpositionSink {
 public:
  Status on_metadata(const ExpositionMetadata& m) override {
    static constexpr std::string_view kKinds[] = {"help", "type", "unit"};
    out += std::string(kKinds[static_cast<size_t>(m.kind)]) + " " + std::string(m.metric) + " " +
           unescape_help(m.text) + "\n";
    return {};
  }
  Status on_sample(const ExpositionSample& s) override {
    model::LabelsBuilder labels;
    if (auto status = parse_series(s.series, BoundText::kNormalized, labels); !status)
      return status;
    out += labels.build().to_string() + " = " + format_float_go(s.value);
    if (s.time) out += " @" + std::to_string(s.time->value);
    if (s.exemplar) {
      model::LabelsBuilder exemplar;
      if (auto status = parse_exemplar_labels(s.exemplar->labels, exemplar); !status) return status;
      out += " # " + exemplar.build().to_string() + " " + format_float_go(s.exemplar->value);
      if (s.exemplar->time) out += " @" + std::to_string(s.exemplar->time->value);
    }
    out += "\n";
    return {};
  }
  std::string out;
};

std::string parsed(std::string_view text, ExpositionFormat format) {
  Recorder recorder;
  const auto status = parse_exposition(text, format, recorder);
  return recorder.out + (status ? "" : "error " + status.error().message + "\n");
}

TEST(ExpositionParser, OpenMetrics) {
  EXPECT_EQ(
      parsed("# HELP a_s he\\nlp\n# TYPE a_s counter\n# UNIT a_s s\na_s_total{x=\"1\\\"\"} 5.0 "
             "1.795485383488e+09 # {trace_id=\"ab\"} 0.5 1.5\n"
             "h_bucket{le=\"1\"} 2\n{\"utf.8\",\"a b\"=\"c\"} 1\n# EOF\n",
             ExpositionFormat::kOpenMetrics),
      "help a_s he\nlp\ntype a_s counter\nunit a_s s\na_s_total{x=\"1\\\"\"} = 5 @1795485383488 # "
      "{trace_id=\"ab\"} 0.5 @1500\n"
      "h_bucket{le=\"1.0\"} = 2\nutf.8{a b=\"c\"} = 1\n");
  EXPECT_NE(parsed("# UNIT a s\na 1\n# EOF\n", ExpositionFormat::kOpenMetrics)
                .find("unit \"s\" is not a suffix of metric \"a\""),
            std::string::npos);
}

TEST(ExpositionParser, ClassicText) {
  EXPECT_EQ(
      parsed("# a comment\n#HELP\n\n# HELP  a   help text\n# TYPE a untyped\na 1 1500\r\n  b{ x = "
             "\"1\" , y=\"2\", } \t 2\nc{x=\"1\"}3\n",
             ExpositionFormat::kPrometheusText),
      "help a help text\ntype a untyped\na = 1 @1500\nb{x=\"1\", y=\"2\"} = 2\nc{x=\"1\"} = 3\n");
}

TEST(ExpositionParser, FaultsNameLineAndColumn) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"a 1\nb x\n# EOF\n", "2:3: invalid number \"x\""},
           {"a 1 zz\n# EOF\n", "1:5: invalid timestamp \"zz\""},
           {"a{x=\"1\n# EOF\n", "1:7: the labels' closing brace is missing"},
           {"a 1\n", "2:1: the text does not end with # EOF"},
           {"a 1\n# EOF\nb 1\n", "3:1: text after # EOF"},
           {"# TYPE a what\n# EOF\n", "1:10: invalid metric type \"what\""}}) {
    const std::string out = parsed(text, ExpositionFormat::kOpenMetrics);
    EXPECT_NE(out.find("error " + error), std::string::npos) << out;
  }
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(CheckOpenMetrics, AgreesWithThePublicCases) {
  const auto corpus =
      std::filesystem::path(SIGHTLINE_SOURCE_DIR) / "../shared/conformance/openmetrics";
  if (!std::filesystem::is_directory(corpus))
    GTEST_SKIP() << "LOUDLY: the OpenMetrics cases are not at " << corpus;
  size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    if (!std::filesystem::exists(entry.path() / "metrics")) continue;
    const bool should_parse =
        read(entry.path() / "test.json").find("\"shouldParse\": true") != std::string::npos ||
        read(entry.path() / "test.json").find("\"shouldParse\":true") != std::string::npos;
    const auto status = check_openmetrics(read(entry.path() / "metrics"));
    EXPECT_EQ(status.has_value(), should_parse)
        << entry.path().filename() << (status ? "" : " " + status.error().message);
    ++cases;
  }
  EXPECT_GT(cases, 50u);
}

TEST(CheckOpenMetrics, TakesWhatTheRealCollectorWrote) {
  const auto golden = std::filesystem::path(SIGHTLINE_SOURCE_DIR) /
                      "../shared/golden/otelcol-metrics.openmetrics.txt";
  if (!std::filesystem::exists(golden)) GTEST_SKIP() << "LOUDLY: not at " << golden;
  const auto status = check_openmetrics(read(golden));
  EXPECT_TRUE(status) << status.error().message;
}

// Cases beyond the public ones: {text, whether it is OpenMetrics}.
TEST(CheckOpenMetrics, HoldsToTheRules) {
  for (const auto& [text, good] : std::vector<std::pair<std::string, bool>>{
           {"# EOF\n", true},
           {"# EOF", true},
           {"", false},
           {"\n# EOF\n", false},
           {"# EOF \n", false},
           {"a 1\n# EOF\n\n", false},
           {"a{} 1\n# EOF\n", true},
           {"a {} 1\n# EOF\n", false},
           {"a{x=\"1\",} 1\n# EOF\n", false},
           {"a{ x=\"1\"} 1\n# EOF\n", false},
           {"a{x=\"1\"y=\"2\"} 1\n# EOF\n", false},
           {"a{,} 1\n# EOF\n", false},
           {"# TYPE a counter\na 1\n# EOF\n", false},
           {"# TYPE a counter\na_total 1\n# TYPE b gauge\nb 1\n# TYPE a counter\n# EOF\n", false},
           {"# TYPE a info\na_info{x=\"1\"} 1\n# EOF\n", true},
           {"# TYPE a stateset\na{a=\"x\"} 1\na{a=\"y\"} 0\n# EOF\n", true},
           {"# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\n# EOF\n", false},
           {"# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 2\n# EOF\n", true},
           {"# TYPE a histogram\na_bucket{le=\"Inf\"} 1\n# EOF\n", false},
           {"# TYPE a histogram\na_bucket 1\n# EOF\n", false},
           {"# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"1\"} 1\n# EOF\n", false},
           {"# TYPE a gauge\na 1 1\na 1\n# EOF\n", false},
           {"# TYPE a_s gauge\n# UNIT a_s s\na_s 1\n# EOF\n", true},
           {"# UNIT a s\na 1\n# EOF\n", false},
           {"# TYPE a summary\na{quantile=\"1.5\"} 1\n# EOF\n", false},
           {"# TYPE a counter\na_total 1 # {} 1\n# EOF\n", true},
           {"# TYPE a counter\na_total 1 1 # {x=\"y\"} 1 1\n# EOF\n", true},
           {"# TYPE a counter\na_total 1 # {x=\"y\",} 1\n# EOF\n", false},
           {"a 1e5\nb infinity\nc -inf\nd nan\n# EOF\n", true},
           {"a 1 1.5e3\n# EOF\n", true},
           {"a 1\r\n# EOF\n", false},
           {"# comment\n# EOF\n", false}}) {
    const auto status = check_openmetrics(text);
    EXPECT_EQ(status.has_value(), good) << text << (status ? "" : status.error().message);
  }
}

}  // namespace
}  // namespace sightline::wire::openmetrics
