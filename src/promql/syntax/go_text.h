#pragma once
// Text as the peer's language prints it in messages.
//   Rune    a character of UTF-8. What is none counts as one byte, and reads as U+FFFD.
//   Source  Go, packages fmt (%q, %#U) and strconv.
#include <string>
#include <string_view>

#include "model/labels.h"

namespace sightline::promql {

inline constexpr std::string_view kReplacementRune = "\xef\xbf\xbd";

// Bytes of the rune at the front of `rest`, which is not empty.
size_t rune_bytes(std::string_view rest);
// It, or kReplacementRune, also for an empty rest.
std::string_view first_rune(std::string_view rest);

std::string go_quote(std::string_view text);       // %q of a string
std::string go_quote_rune(std::string_view rune);  // %q of a rune
std::string go_name_rune(std::string_view rune);   // %#U: U+0071 'q'

// {a="b", c="d"}, the name among the others, as the peer's messages print labels.
std::string labels_text(const model::Labels& labels);

}  // namespace sightline::promql
