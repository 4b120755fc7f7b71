#pragma once
// Series as test scripts write them: labels, then values over equal steps.
//   Format  `metric{a="b"} 1 2 _ 3+2x4 stale {{schema:0 count:3 buckets:[1 2]}}x2`
//   Source  spec: the promqltest script format, series lines and start timestamps.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "promql/value.h"

namespace sightline::promql {

// One position of a sequence.
struct ScriptValue {
  bool omitted = false;
  double value = 0;
  HistogramPtr histogram;   // null: a float
  bool hint_given = false;  // the text names a counter reset hint
};

struct ScriptSeries {
  model::Labels labels;
  std::vector<ScriptValue> values;
};

Result<ScriptSeries> parse_script_series(std::string_view line);
// A line whose labels end in "@st"; offsets from each sample's own time, in ms.
bool is_start_time_line(std::string_view line);
struct ScriptStartTimes {
  model::Labels labels;
  std::vector<std::optional<int64_t>> offsets_ms;
};
Result<ScriptStartTimes> parse_start_times(std::string_view line);

// {{schema:0 sum:5 count:2 buckets:[1 1]}}: a histogram as scripts write it.
std::string script_text(const model::Histogram& h);

}  // namespace sightline::promql
