#pragma once
// Reads an exposition: OpenMetrics 1.0 text or the classic Prometheus text
// format 0.0.4, as a scrape brings it in. One pass, no copies: events hold views into the text.
//   Lenient   as far as Prometheus' own parser is: metadata may come in any order or be absent, families may be
//             split. OpenMetrics must end with "# EOF". check_openmetrics.h holds text to all the rules.
//   Errors    kInvalidArgument "line:column: what"; a sink's error is passed on.
//   Limits    none of its own: time and memory are linear in the text, which the caller bounds.
//   Threads   pure functions.
//   Source    OpenMetrics 1.0 "Text format" ABNF; Prometheus text format 0.0.4; UTF-8 names in quotes.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"
#include "model/sample.h"

namespace sightline::wire::openmetrics {

enum class ExpositionFormat { kPrometheusText, kOpenMetrics };

struct ExpositionExemplar {
  std::string_view labels;  // inside the braces, as written
  double value = 0;
  std::optional<TimestampMs> time;
};

struct ExpositionSample {
  std::string_view series;  // name and labels as written: a key for the caller's cache
  double value = 0;
  std::string_view value_text;
  std::optional<TimestampMs> time;
  std::optional<ExpositionExemplar> exemplar;
  uint32_t line = 0;  // from 1
};

enum class MetadataKind { kHelp, kType, kUnit };
struct ExpositionMetadata {
  MetadataKind kind = MetadataKind::kHelp;
  std::string_view metric;
  std::string_view text;  // HELP still escaped: see unescape_help()
  uint32_t line = 0;
};

class ExpositionSink {
 public:
  virtual ~ExpositionSink() = default;
  virtual Status on_metadata(const ExpositionMetadata& metadata) = 0;
  virtual Status on_sample(const ExpositionSample& sample) = 0;
};

Status parse_exposition(std::string_view text, ExpositionFormat format, ExpositionSink& sink);

// Whether the values of `le` and `quantile` are rewritten as OpenMetrics numbers ("1" -> "1.0"), as
// Prometheus does for everything it scrapes.
enum class BoundText { kAsWritten, kNormalized };

// The label set of ExpositionSample::series, `__name__` included.
Status parse_series(std::string_view series, BoundText bounds, model::LabelsBuilder& out);
// The label set of ExpositionExemplar::labels.
Status parse_exemplar_labels(std::string_view labels, model::LabelsBuilder& out);

std::string unescape_help(std::string_view text);
// "counter", ...; the classic format's "untyped" is unknown. nullopt for any other word.
std::optional<model::MetricType> parse_metric_type(std::string_view word, ExpositionFormat format);

}  // namespace sightline::wire::openmetrics
