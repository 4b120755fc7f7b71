#pragma once
// Holds a text to all the rules of OpenMetrics 1.0, not only to its grammar:
// families contiguous and not clashing, suffixes and values that fit the type, histograms whole and
// monotonic, timestamps that do not go back, exemplars only where they may be and not too long.
//   Errors   "line:column: what", the first fault found.
//   Source   OpenMetrics 1.0, sections "Data Model" and "Text Format"; its test cases.
#include <string_view>

#include "base/result.h"

namespace sightline::wire::openmetrics {

Status check_openmetrics(std::string_view text);

}  // namespace sightline::wire::openmetrics
