#pragma once
// Writes metric families as an exposition: OpenMetrics 1.0 text, or the classic
// Prometheus text format 0.0.4, which has no exemplars.
//   Form      as the Go client libraries write it: labels sorted with le last, counters as name_total, floats of
//             OpenMetrics with ".0", bucket counts as integers, OpenMetrics times in seconds, classic ones in ms.
//   Left out  an exemplar whose labels exceed kExemplarLabelCharsMax; invalid UTF-8 becomes U+FFFD.
//   Threads   pure functions.
//   Source    OpenMetrics 1.0 "Text format"; Prometheus text format 0.0.4.
#include <span>
#include <string>
#include <string_view>

#include "model/metric_family.h"
#include "wire/openmetrics/exposition_parser.h"
#include "wire/openmetrics/name_escaping.h"

namespace sightline::wire::openmetrics {

// Names that are not plain ones are written as `escaping` says: quoted, or as other names.
std::string write_exposition(std::span<const model::MetricFamily> families, ExpositionFormat format,
                             Escaping escaping = Escaping::kUnderscores);

struct NegotiatedFormat {
  ExpositionFormat format = ExpositionFormat::kPrometheusText;
  std::string content_type;
  Escaping escaping = Escaping::kUnderscores;
};
// What to answer a client that sent this Accept header; `open_metrics` says whether OpenMetrics may be chosen.
NegotiatedFormat negotiate_exposition(std::string_view accept, bool open_metrics);

}  // namespace sightline::wire::openmetrics
