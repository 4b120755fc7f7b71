#include "wire/openmetrics/name_escaping.h"

#include <charconv>

#include "base/text_codec.h"
#include "model/labels.h"

namespace sightline::wire::openmetrics {
namespace {

bool is_plain(char c, bool first) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
         (!first && c >= '0' && c <= '9');
}

// One character of UTF-8, with its number.
struct Character {
  uint32_t number = 0;
  size_t bytes = 1;
};

Character character_at(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t number = bytes == 1 ? lead : lead & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes && i < text.size(); ++i)
    number = number << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  return {number, std::min(bytes, text.size())};
}

std::string with_underscores(std::string_view name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const Character c = character_at(name.substr(at));
    out += c.bytes == 1 && is_plain(name[at], at == 0) ? name[at] : '_';
    at += c.bytes;
  }
  return out;
}

std::string with_dots(std::string_view name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const Character c = character_at(name.substr(at));
    if (name[at] == '_')
      out += "__";
    else if (name[at] == '.')
      out += "_dot_";
    else if (c.bytes == 1 && is_plain(name[at], at == 0))
      out += name[at];
    else
      out += "__";
    at += c.bytes;
  }
  return out;
}

std::string with_values(std::string_view name) {
  std::string out = "U__";
  for (size_t at = 0; at < name.size();) {
    const Character c = character_at(name.substr(at));
    if (name[at] == '_') {
      out += "__";
    } else if (c.bytes == 1 && is_plain(name[at], at == 0)) {
      out += name[at];
    } else {
      char digits[12];
      out += '_';
      out.append(digits, std::to_chars(digits, digits + sizeof digits, c.number, 16).ptr);
      out += '_';
    }
    at += c.bytes;
  }
  return out;
}

}  // namespace

std::string_view escaping_name(Escaping escaping) {
  switch (escaping) {
    case Escaping::kAllowUtf8: return "allow-utf-8";
    case Escaping::kUnderscores: return "underscores";
    case Escaping::kDots: return "dots";
    case Escaping::kValues: break;
  }
  return "values";
}

std::optional<Escaping> parse_escaping(std::string_view name) {
  for (const Escaping each :
       {Escaping::kAllowUtf8, Escaping::kUnderscores, Escaping::kDots, Escaping::kValues})
    if (name == escaping_name(each)) return each;
  return std::nullopt;
}

bool is_plain_name(std::string_view name, bool is_metric) {
  return is_metric ? model::is_valid_metric_name_legacy(name)
                   : model::is_valid_label_name_legacy(name);
}

std::string escape_name(std::string_view name, Escaping escaping) {
  if (name.empty() || escaping == Escaping::kAllowUtf8) return std::string(name);
  if (!is_valid_utf8(name)) return escape_name(to_valid_utf8(name), escaping);
  if (escaping == Escaping::kDots) return with_dots(name);
  if (is_plain_name(name, true)) return std::string(name);
  return escaping == Escaping::kUnderscores ? with_underscores(name) : with_values(name);
}

}  // namespace sightline::wire::openmetrics
