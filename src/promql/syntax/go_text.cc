#include "promql/syntax/go_text.h"

#include <cstdint>
#include <cstdio>

#include "base/text_codec.h"

namespace sightline::promql {
namespace {

// The letter behind the backslash of an ASCII character that has such a form; 0 when it has none.
char escape_letter(char c) {
  constexpr std::string_view kEscaped = "\a\b\t\n\v\f\r\"\\";
  constexpr std::string_view kLetters = "abtnvfr\"\\";
  const size_t at = kEscaped.find(c);
  return at == std::string_view::npos ? '\0' : kLetters[at];
}

uint32_t code_point(std::string_view rune) {
  uint32_t code = static_cast<uint8_t>(rune[0]);
  if (rune.size() > 1) code &= 0x7fu >> rune.size();
  for (size_t i = 1; i < rune.size(); ++i)
    code = code << 6 | (static_cast<uint8_t>(rune[i]) & 0x3fu);
  return code;
}

// Controls, and the spaces that are easily overlooked.
bool is_printed(uint32_t code) {
  return code >= 0x20 && (code < 0x7f || code > 0xa0) && code != 0xad &&
         (code < 0x2000 || code > 0x200f) && (code < 0x2028 || code > 0x202f) && code != 0xfeff;
}

}  // namespace

size_t rune_bytes(std::string_view rest) {
  const auto b = static_cast<unsigned char>(rest[0]);
  const size_t n = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc0 ? 2 : 1;
  return n <= rest.size() && is_valid_utf8(rest.substr(0, n)) ? n : 1;
}

std::string_view first_rune(std::string_view rest) {
  if (rest.empty()) return kReplacementRune;
  if (static_cast<unsigned char>(rest[0]) < 0x80) return rest.substr(0, 1);
  const size_t bytes = rune_bytes(rest);
  return bytes == 1 ? kReplacementRune : rest.substr(0, bytes);
}

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const std::string_view rune = text.substr(i, rune_bytes(text.substr(i)));
    i += rune.size();
    const uint32_t code = code_point(rune);
    char buffer[12];
    if (const char letter = escape_letter(rune[0]); letter != '\0')
      out += {'\\', letter};
    else if (rune.size() == 1 && (code >= 0x80 || !is_printed(code)))
      out.append(buffer,
                 static_cast<size_t>(std::snprintf(buffer, sizeof buffer, "\\x%02x", code)));
    else if (!is_printed(code))
      out.append(buffer,
                 static_cast<size_t>(std::snprintf(buffer, sizeof buffer, "\\u%04x", code)));
    else
      out += rune;
  }
  return out + "\"";
}

std::string go_quote_rune(std::string_view rune) {
  if (rune == "'") return R"('\'')";
  if (rune == "\"") return R"('"')";
  const std::string quoted = go_quote(rune);
  return "'" + quoted.substr(1, quoted.size() - 2) + "'";
}

std::string go_name_rune(std::string_view rune) {
  const uint32_t code = code_point(rune);
  char text[16];
  std::snprintf(text, sizeof text, "U+%04X", code);
  return is_printed(code) ? std::string(text) + " '" + std::string(rune) + "'" : text;
}

std::string labels_text(const model::Labels& labels) {
  std::string out = "{";
  for (const model::LabelView label : labels) {
    if (out.size() > 1) out += ", ";
    out += model::is_valid_label_name_legacy(label.name) ? std::string(label.name)
                                                         : go_quote(label.name);
    out += "=" + go_quote(label.value);
  }
  return out + "}";
}

}  // namespace sightline::promql
