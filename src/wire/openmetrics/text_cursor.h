#pragma once
// Walks one line of an exposition. A take_x() that fails leaves the cursor where the
// fault is, so that column() can name it.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline::wire::openmetrics {

class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  std::string_view text() const { return text_; }
  size_t offset() const { return at_; }
  size_t column() const { return at_ + 1; }
  bool at_end() const { return at_ >= text_.size(); }
  bool at_any(std::string_view characters) const {
    return !at_end() && characters.find(text_[at_]) != std::string_view::npos;
  }
  void skip(size_t n) { at_ = std::min(at_ + n, text_.size()); }
  void skip_blanks() {
    while (at_any(" \t")) ++at_;
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view take_until(std::string_view characters) {
    const size_t end = std::min(text_.find_first_of(characters, at_), text_.size());
    const std::string_view taken = text_.substr(at_, end - at_);
    at_ = end;
    return taken;
  }

  // [a-zA-Z_:][a-zA-Z0-9_:]* or a quoted string without escapes.
  Result<std::string_view> take_metric_name();
  Result<std::string> take_label_name();  // [a-zA-Z_][a-zA-Z0-9_]*
  Result<std::string> take_quoted();      // "...", with \\, \" and \n
  // Moves past name{...}; the inside is only scanned for its end.
  Status skip_series();
  // Moves past {...}, minding quotes. The cursor is at the opening brace.
  Status skip_braces();

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// A decimal number, Inf or NaN in any case; neither hex nor "_".
Result<double> parse_number(std::string_view text);

}  // namespace sightline::wire::openmetrics
