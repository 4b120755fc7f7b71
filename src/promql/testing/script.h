#pragma once
// A promqltest script as commands: clear, load, eval.
//   Errors  kInvalidArgument with the line number in front.
//   Source  spec: the promqltest script format.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "promql/testing/sample_sequence.h"

namespace re2 {
class RE2;
}

namespace sightline::promql {

struct LoadCommand {
  int64_t step_ms = 0;
  bool with_custom_buckets = false;  // load_with_nhcb
  struct Line {
    ScriptSeries series;
    std::vector<std::optional<int64_t>> start_offsets_ms;  // empty: none given
  };
  std::vector<Line> lines;
};

// What a message must be.
struct Expectation {
  std::string text;  // exact, unless `pattern`
  std::shared_ptr<const re2::RE2> pattern;
  bool any = false;
  bool holds(const std::string& message) const;
};

struct EvalCommand {
  size_t line = 0;  // from 1
  std::string expression;
  bool is_range = false;
  int64_t start_ms = 0;  // an instant query is asked at end_ms
  int64_t end_ms = 0;
  int64_t step_ms = 0;
  bool ordered = false;
  std::optional<Expectation> fail;
  std::vector<Expectation> warnings;
  std::vector<Expectation> infos;
  bool no_warnings = false;
  bool no_infos = false;
  std::optional<std::string> text;  // expect string
  bool is_raw = false;              // expect range vector: start, end and step are its grid
  std::optional<double> scalar;
  std::vector<ScriptSeries> series;
};

struct ScriptCommand {
  size_t line = 0;
  std::optional<LoadCommand> load;
  std::optional<EvalCommand> eval;  // neither: clear
};

Result<std::vector<ScriptCommand>> parse_script(std::string_view text);

}  // namespace sightline::promql
