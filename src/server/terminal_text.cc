#include "server/terminal_text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/number_text.h"
#include "tracestore/row_group/span_row_group.h"
#include "tracestore/trace_spans.h"

namespace sightline::server {
namespace {

using tracestore::kNoRow;

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kPalette[] = {"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m",
                                         "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m"};

bool is_continuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// The code point that begins at `at`; what is no UTF-8 counts as itself.
uint32_t code_point(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  uint32_t point = first < 0xC0   ? first
                   : first < 0xE0 ? first & 0x1F
                   : first < 0xF0 ? first & 0x0F
                                  : first & 7;
  for (++at; at < text.size() && is_continuation(text[at]); ++at)
    point = point << 6 | (static_cast<uint8_t>(text[at]) & 0x3F);
  return point;
}

// Cells of a terminal that a character takes: East Asian Wide and emoji two, marks that join the one before none.
size_t cells_of(uint32_t point) {
  struct Range {
    uint32_t first, last;
  };
  static constexpr Range kNone[] = {
      {0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
  static constexpr Range kWide[] = {{0x1100, 0x115F}, {0x2E80, 0xA4CF},   {0xAC00, 0xD7A3},
                                    {0xF900, 0xFAFF}, {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                                    {0xFFE0, 0xFFE6}, {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}};
  const auto is_in = [&](const Range& r) { return point >= r.first && point <= r.last; };
  if (point < 0x300) return 1;
  if (std::ranges::any_of(kNone, is_in)) return 0;
  return std::ranges::any_of(kWide, is_in) ? 2 : 1;
}

size_t width_of(std::string_view text) {
  size_t cells = 0;
  for (size_t i = 0; i < text.size(); ++i)
    if (!is_continuation(text[i])) cells += cells_of(code_point(text, i));
  return cells;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

// As much as fits into `width` cells, with an ellipsis in the last one when something is cut off.
std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  size_t end = 0, taken = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    taken += cells_of(code_point(text, i));
    if (taken >= width) break;
    for (end = i + 1; end < text.size() && is_continuation(text[end]);) ++end;
  }
  return width == 0 ? std::string() : std::string(text.substr(0, end)) + "…";
}

std::string shortened(std::string text, size_t width, Cut how) {
  if (how == Cut::kNever || width_of(text) <= width) return text;
  if (how == Cut::kEnd) return cut(text, width);
  // Half of it from either end.
  const size_t tail = width / 2;
  size_t begin = text.size(), taken = 0;
  for (size_t i = text.size(); i-- > 0;) {
    if (is_continuation(text[i])) continue;
    taken += cells_of(code_point(text, i));
    if (taken > tail) break;
    begin = i;
  }
  return cut(text, width - tail) + text.substr(begin);
}

std::string padded(std::string text, size_t width, Align align) {
  const size_t used = width_of(text);
  if (used >= width) return text;
  return align == Align::kLeft ? text + std::string(width - used, ' ')
                               : std::string(width - used, ' ') + text;
}

std::string coloured(std::string_view colour, const std::string& text, const TerminalStyle& style) {
  return style.colour ? std::string(colour) + text + std::string(kReset) : text;
}

// From `begin` to `end` of the whole, both within [0, 1], in eighths of a cell; always something to see.
std::string bar(double begin, double end, size_t cells) {
  static constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto first = std::min(static_cast<size_t>(begin * static_cast<double>(cells)), cells - 1);
  const double last = end * static_cast<double>(cells);
  std::string out(first, ' ');
  const double wanted = std::max(last - static_cast<double>(first), 0.125);
  const auto whole = static_cast<size_t>(wanted);
  for (size_t i = 0; i < whole; ++i) out += "█";
  return out.append(kEighths[static_cast<size_t>((wanted - static_cast<double>(whole)) * 8)]);
}

// Takes from the widest of those that may be cut until all fit, or nothing is left to take.
void narrow(const std::vector<TextColumn>& columns, size_t width, std::vector<size_t>& widths) {
  constexpr size_t kLeastWidth = 8;
  size_t total = 2 * (widths.size() - 1);
  for (const size_t w : widths) total += w;
  for (; total > width; --total) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i)
      if (columns[i].cut != Cut::kNever && widths[i] > kLeastWidth &&
          (widest == nullptr || widths[i] > *widest))
        widest = &widths[i];
    if (widest == nullptr) return;
    --*widest;
  }
}

class Waterfall {
 public:
  Waterfall(std::shared_ptr<const model::SpanBatch> trace, const TerminalStyle& style)
      : batch_(*trace), style_(style), group_(rows_of(*trace), {trace}) {
    const auto left = group_.nested_left();
    for (uint32_t row = 0; row < group_.row_count(); ++row) order_.push_back(row);
    std::ranges::sort(order_, {}, [&](uint32_t row) { return left[row]; });
  }

  std::string text() {
    std::vector<std::string> labels = tree_labels();
    const tracestore::TraceRows& trace = group_.traces()[0];
    const double total = static_cast<double>(
        std::max<uint64_t>(trace.end.value - std::min(trace.start, trace.end).value, 1));
    size_t label_width = 0;
    for (const std::string& label : labels) label_width = std::max(label_width, width_of(label));
    label_width = std::min(label_width, style_.columns / 2);
    const size_t cells = std::max<size_t>(
        style_.columns > label_width + 14 ? style_.columns - label_width - 14 : 10, 10);
    std::string out = header(trace);
    for (size_t i = 0; i < order_.size(); ++i) {
      const uint32_t row = order_[i];
      const model::SpanView& span = group_.rows()[row].span();
      const bool failed = span.status == model::StatusCode::kError;
      const std::string_view colour = failed ? kRed : colour_of(service_of(span));
      out +=
          coloured(colour, padded(cut(labels[i], label_width), label_width, Align::kLeft), style_);
      out += failed ? coloured(kRed, " !", style_) : "  ";
      out += padded(short_duration(span.duration_ns()), 8, Align::kRight) + "  ";
      const double begin = static_cast<double>(span.start.value - trace.start.value) / total;
      const double end = begin + static_cast<double>(span.duration_ns()) / total;
      out += coloured(colour, bar(begin, std::min(end, 1.0), cells), style_) + "\n";
      if (failed && !span.status_message.empty())
        out += coloured(kRed, "    " + cut(printable(span.status_message), style_.columns - 4),
                        style_) +
               "\n";
    }
    return out;
  }

 private:
  static std::vector<tracestore::TraceSpans> rows_of(const model::SpanBatch& batch) {
    tracestore::TraceSpans spans{.id = batch.spans.front().trace_id};
    for (uint32_t i = 0; i < batch.spans.size(); ++i) spans.spans.push_back({&batch, i});
    tracestore::unite_spans(spans.spans);
    return {spans};
  }

  std::string service_of(const model::SpanView& span) const {
    const std::string_view service = batch_.service_name(span);
    return service.empty() ? "unknown_service" : printable(service);
  }
  std::string_view colour_of(const std::string& service) {
    const auto [at, added] = colours_.try_emplace(service, colours_.size());
    return kPalette[at->second % std::size(kPalette)];
  }

  // "├ service: name", one line per span in the order of the tree; a span whose parent is not there begins with "?".
  std::vector<std::string> tree_labels() {
    const auto parents = group_.parent_row();
    std::vector<std::string> prefixes(group_.row_count());  // of a row's children
    std::vector<uint32_t> children(group_.row_count(), 0);
    for (const uint32_t parent : parents)
      if (parent != kNoRow) ++children[parent];
    std::vector<std::string> labels;
    for (const uint32_t row : order_) {
      const model::SpanView& span = group_.rows()[row].span();
      std::string label;
      if (parents[row] == kNoRow) {
        label = span.parent_span_id.is_valid() ? "? " : "";
      } else {
        const bool last = --children[parents[row]] == 0;
        label = prefixes[parents[row]] + (last ? "└ " : "├ ");
        prefixes[row] = prefixes[parents[row]] + (last ? "  " : "│ ");
      }
      labels.push_back(label + service_of(span) + ": " + printable(span.name));
    }
    return labels;
  }

  std::string header(const tracestore::TraceRows& trace) {
    std::map<std::string, size_t> services;
    size_t errors = 0;
    for (const auto& ref : group_.rows()) {
      ++services[service_of(ref.span())];
      if (ref.span().status == model::StatusCode::kError) ++errors;
    }
    std::string out = coloured(kBold, "trace " + to_hex(trace.id), style_);
    out += "  " + short_duration(trace.end.value - std::min(trace.start, trace.end).value) + "  " +
           std::to_string(group_.row_count()) + (group_.row_count() == 1 ? " span  " : " spans  ") +
           std::to_string(services.size()) + (services.size() == 1 ? " service  " : " services  ");
    if (errors > 0)
      out += coloured(kRed, std::to_string(errors) + (errors == 1 ? " error" : " errors"), style_) +
             "  ";
    return out + coloured(kDim, format_rfc3339(trace.start.value), style_) + "\n";
  }

  const model::SpanBatch& batch_;
  const TerminalStyle style_;
  tracestore::SpanRowGroup group_;
  std::vector<uint32_t> order_;
  std::map<std::string, size_t> colours_;
};

}  // namespace

TerminalStyle terminal_style() {
  TerminalStyle style;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  style.colour = isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0') &&
                 (terminal == nullptr || std::string_view(terminal) != "dumb");
  style.is_terminal = isatty(STDOUT_FILENO) != 0;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
    style.columns = size.ws_col;
  return style;
}

// Three digits that matter: "1.23s", "250ms", "87µs".
std::string short_duration(uint64_t ns) {
  struct Unit {
    double ns;
    std::string_view name;
  };
  static constexpr Unit kUnits[] = {{60e9, "m"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}};
  for (const Unit& unit : kUnits) {
    const double amount = static_cast<double>(ns) / unit.ns;
    if (amount < 1) continue;
    const double scale = amount >= 100 ? 1 : amount >= 10 ? 10 : 100;
    return format_float_plain(std::round(amount * scale) / scale) + std::string(unit.name);
  }
  return std::to_string(ns) + "ns";
}

std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows,
                       const TerminalStyle& style) {
  std::vector<size_t> widths;
  for (const TextColumn& column : columns) widths.push_back(width_of(column.title));
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(printable(row[i])));
  if (style.is_terminal) narrow(columns, style.columns, widths);
  const auto line = [&](const auto& cell) {
    std::string out;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) out += "  ";
      const bool last = i + 1 == columns.size() && columns[i].align == Align::kLeft;
      const std::string text = shortened(cell(i), widths[i], columns[i].cut);
      out += last ? text : padded(text, widths[i], columns[i].align);
    }
    return out;
  };
  std::string out = coloured(kBold, line([&](size_t i) { return columns[i].title; }), style) + "\n";
  for (const auto& row : rows)
    out +=
        line([&](size_t i) { return i < row.size() ? printable(row[i]) : std::string(); }) + "\n";
  return out;
}

std::string sparkline(std::span<const double> values) {
  static constexpr std::string_view kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  double low = 0, high = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  std::string out;
  for (const double v : values) {
    if (!std::isfinite(v)) {
      out += ' ';
      continue;
    }
    const double share = high > low ? (v - low) / (high - low) : 0;
    out.append(kBlocks[std::min<size_t>(static_cast<size_t>(share * 8), 7)]);
  }
  return out;
}

std::string waterfall(std::shared_ptr<const model::SpanBatch> trace, const TerminalStyle& style) {
  if (trace->spans.empty()) return "";
  return Waterfall(std::move(trace), style).text();
}

}  // namespace sightline::server
