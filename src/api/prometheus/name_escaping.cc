#include "api/prometheus/name_escaping.h"

#include <cstdio>

#include "model/labels.h"

namespace sightline::api::prometheus {
namespace {

constexpr std::string_view kNames[] = {"underscores", "dots", "values", "allow-utf-8"};

// The first code point of valid UTF-8, taken off `text`.
uint32_t take_code_point(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint32_t code = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length && i < text.size(); ++i) code = code << 6 | (byte(i) & 0x3fu);
  text.remove_prefix(std::min(length, text.size()));
  return code;
}

bool is_old_alphabet(uint32_t code, bool first) {
  return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || code == '_' ||
         code == ':' || (!first && code >= '0' && code <= '9');
}

void append_hex(std::string& out, uint32_t code) {
  char text[16];
  out.append(text, static_cast<size_t>(std::snprintf(text, sizeof text, "_%x_", code)));
}

}  // namespace

std::optional<NameEscaping> parse_escaping(std::string_view text) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == text) return static_cast<NameEscaping>(i);
  return std::nullopt;
}

std::string_view escaping_name(NameEscaping escaping) {
  return kNames[static_cast<size_t>(escaping)];
}

std::string escape_name(std::string_view name, NameEscaping escaping) {
  const bool is_old = model::is_valid_metric_name_legacy(name);
  if (escaping == NameEscaping::kAllowUtf8 || (is_old && escaping != NameEscaping::kDots))
    return std::string(name);
  std::string out = escaping == NameEscaping::kValues ? "U__" : "";
  for (bool first = true; !name.empty(); first = false) {
    const uint32_t code = take_code_point(name);
    if (code == '_' && escaping != NameEscaping::kUnderscores)
      out += "__";
    else if (code == '.' && escaping == NameEscaping::kDots)
      out += "_dot_";
    else if (is_old_alphabet(code, first))
      out += static_cast<char>(code);
    else if (escaping == NameEscaping::kUnderscores)
      out += '_';
    else if (escaping == NameEscaping::kDots)
      out += "__";
    else
      append_hex(out, code);
  }
  return out;
}

}  // namespace sightline::api::prometheus
