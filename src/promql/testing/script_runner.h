#pragma once
// Runs a promqltest script against an engine over a store of its own.
//   Counts   one eval command counts once: it passes when all its forms do. Those are: as
//            written; with its time pinned by @, printed, parsed again and asked at other times;
//            each of them as the middle step of a range query.
//   Source   spec: promqltest engine settings, implied re-runs, comparison.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/work_pool.h"

namespace sightline::promql {

struct ScriptFailure {
  size_t line = 0;
  std::string expression;  // in the form that failed
  std::string message;     // expected, and got
};

struct ScriptReport {
  size_t passed = 0;
  std::vector<ScriptFailure> failures;
};

// kInvalidArgument when the text is no script, or a load is refused. `pool` may be null.
Result<ScriptReport> run_script(std::string_view text, Clock& clock, WorkPool* pool);

}  // namespace sightline::promql
