#pragma once
// sightline query traceql|promql|trace: asks a running Sightline (or the peer whose API it speaks) over HTTP, and
// prints a table or a waterfall.
//   Errors  what the server answered, or why it could not be reached.
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "server/command_line.h"
#include "server/terminal_text.h"

namespace sightline::server {

// The text to print.
Result<std::string> run_query(const QueryCommand& command, const Clock& clock,
                              const TerminalStyle& style);

// The bodies of answers as text; for run_query() and its tests.
Result<std::string> search_text(std::string_view json, const TerminalStyle& style);
enum class SeriesUnit { kNone, kPerSecond, kSeconds };
Result<std::string> trace_metrics_text(std::string_view json, SeriesUnit unit,
                                       const TerminalStyle& style);
Result<std::string> promql_text(std::string_view json, const TerminalStyle& style);

}  // namespace sightline::server
