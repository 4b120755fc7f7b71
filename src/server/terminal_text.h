#pragma once
// Tables, sparklines and waterfalls for a terminal.
//   Widths   in cells: two of a wide character, none of a combining one. A waterfall is as wide as the terminal; so is a
//            table on one, which cuts what may be cut. Elsewhere a table is as wide as its content.
//   Colour   only with TerminalStyle::colour; never the only sign of anything.
//   Control characters of foreign text are shown as spaces, so that data cannot move the cursor.
//   Threads  pure functions.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/span_batch.h"

namespace sightline::server {

struct TerminalStyle {
  bool colour = false;
  size_t columns = 100;
  bool is_terminal = false;
};
// Of standard output: colour on a terminal unless NO_COLOR is set (no-color.org) or TERM is "dumb".
TerminalStyle terminal_style();

enum class Align { kLeft, kRight };
enum class Cut { kNever, kEnd, kMiddle };
struct TextColumn {
  std::string title;
  Align align = Align::kLeft;
  Cut cut = Cut::kNever;  // what is left out when the terminal is too narrow
};
// Rows under titles; the last column is not padded.
std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows,
                       const TerminalStyle& style);

// Three digits that matter: "1.23s", "250ms", "87µs".
std::string short_duration(uint64_t ns);

// One block per value, the largest a full one; NaN a space. Empty without values.
std::string sparkline(std::span<const double> values);

// A trace as an indented tree with a bar for each span, services in colours, errors marked with "!".
std::string waterfall(std::shared_ptr<const model::SpanBatch> trace, const TerminalStyle& style);

}  // namespace sightline::server
