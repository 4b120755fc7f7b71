#pragma once
// Test scripts: spans in, queries, and what they answer. Indented lines belong to what is above them.
//
//   load
//     trace 1                            name of the trace: up to 16 characters, its id in ASCII
//       a "GET /" start=1s duration=250ms kind=server service=web .code=500 resource.zone="x"
//         b "query" parent=a             deeper lines are children; parent= overrides (parent=none, parent=lost)
//           event exception at=5ms .type="io"
//           link 2 c .why="retry"
//   eval { .code = 500 }                 one line per trace, newest first: spans by start; " | " between spansets
//     1: a
//   show { .code = 500 } | count() > 0   as eval, with the attributes of spans and spansets
//   fail { foo }                         the message
//   range 0s 60s 20s { } | rate()        one line per series: labels, one value per interval ("_": none)
//   instant 0s 60s { } | rate()
//   values .code                         the distinct values of an attribute ("": an empty text)
//
//   Threads  none.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::traceql {

struct ScriptOutcome {
  uint32_t passed = 0;
  uint32_t failed = 0;
  std::vector<std::string> failures;  // "line 12: { .a } ...", with expected and actual
  std::string rewritten;              // the script with its outputs as they are
};
// Fails with the line when the script itself is wrong. Every query runs once with all traces in one
// row group and once with a row group for each; an eval also in the plain evaluator (reference_evaluator.h).
Result<ScriptOutcome> run_script(std::string_view text);

}  // namespace sightline::traceql
