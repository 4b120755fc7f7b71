#pragma once
// Writes metric families as an exposition: OpenMetrics 1.0 text, or the classic
// Prometheus text format 0.0.4, which has no exemplars.
//   Form      as the Go client libraries write it: labels sorted with le last, counters as name_total, floats of
//             OpenMetrics with ".0", bucket counts as integers, OpenMetrics times in seconds, classic ones in ms.
//   Left out  an exemplar whose labels exceed kExemplarLabelCharsMax; invalid UTF-8 becomes U+FFFD.
//   Threads   pure functions.
//   Source    OpenMetrics 1.0 "Text format"; Prometheus text format 0.0.4.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/metric_family.h"
#include "wire/openmetrics/exposition_parser.h"
#include "wire/openmetrics/name_escaping.h"

namespace sightline::wire::openmetrics {

// Names that are not plain ones are written as `escaping` says: quoted, or as other names.
std::string write_exposition(std::span<const model::MetricFamily> families, ExpositionFormat format,
                             Escaping escaping = Escaping::kUnderscores);

// A point's samples as text without their times: those are put in where it is used, so that the text can be kept.
struct RenderedPoint {
  std::string text;
  std::vector<uint32_t> times;  // places in the text, ascending, at which a time belongs
};
// The lines before a family's points.
std::string write_family_head(const model::MetricFamily& family, ExpositionFormat format,
                              Escaping escaping = Escaping::kUnderscores);
// Writes points of one family, which outlives it and of which only the head is looked at.
class PointRenderer {
 public:
  PointRenderer(const model::MetricFamily& family, ExpositionFormat format,
                Escaping escaping = Escaping::kUnderscores);
  ~PointRenderer();
  RenderedPoint render(const model::MetricPoint& point);

 private:
  struct State;
  std::unique_ptr<State> state_;
};
// A time as it stands behind a value: " 1.795485383488e+09".
std::string time_text(TimestampMs time, ExpositionFormat format);
void append_rendered(std::string& out, const RenderedPoint& point, std::string_view time);

struct NegotiatedFormat {
  ExpositionFormat format = ExpositionFormat::kPrometheusText;
  std::string content_type;
  Escaping escaping = Escaping::kUnderscores;
};
// What to answer a client that sent this Accept header; `open_metrics` says whether OpenMetrics may be chosen.
NegotiatedFormat negotiate_exposition(std::string_view accept, bool open_metrics);

}  // namespace sightline::wire::openmetrics
