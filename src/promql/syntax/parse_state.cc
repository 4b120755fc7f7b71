#include "promql/syntax/parse_state.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/number_text.h"
#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

void append_utf8(std::string& out, uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xc0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xe0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (rune & 0x3f));
  }
}

uint32_t digits_value(std::string_view digits, int base) {
  uint32_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return value;
}

// One escape at the front of `rest` (after the backslash); returns the bytes used.
size_t append_escape(std::string& out, std::string_view rest) {
  const char c = rest[0];
  switch (c) {
    case 'a': out += '\a'; return 1;
    case 'b': out += '\b'; return 1;
    case 'f': out += '\f'; return 1;
    case 'n': out += '\n'; return 1;
    case 'r': out += '\r'; return 1;
    case 't': out += '\t'; return 1;
    case 'v': out += '\v'; return 1;
    case 'x': out += static_cast<char>(digits_value(rest.substr(1, 2), 16)); return 3;
    case 'u': append_utf8(out, digits_value(rest.substr(1, 4), 16)); return 5;
    case 'U': append_utf8(out, digits_value(rest.substr(1, 8), 16)); return 9;
    default: break;
  }
  if (c >= '0' && c <= '7') {
    out += static_cast<char>(digits_value(rest.substr(0, 3), 8));
    return 3;
  }
  out += c;
  return 1;
}

}  // namespace

std::string position_text(std::string_view query, uint32_t offset) {
  if (query.empty()) return "unknown position";
  if (offset > query.size()) return "invalid position";
  size_t line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < offset; ++i)
    if (query[i] == '\n') ++line, line_start = i + 1;
  return std::to_string(line) + ":" + std::to_string(offset - line_start + 1);
}

Error parse_error(std::string_view query, const ParseFault& fault) {
  return {Errc::kInvalidArgument,
          position_text(query, fault.offset) + ": parse error: " + fault.message};
}

void ParseState::unexpected(std::string_view context, std::string_view expected) {
  const Token& token = peek();
  if (token.kind == TokenKind::kError) return fail_at(token.start, std::string(token.text));
  std::string message = "unexpected " + describe(token);
  if (!context.empty()) message.append(" in ").append(context);
  if (!expected.empty()) message.append(", expected ").append(expected);
  fail_at(token.start, std::move(message));
}

bool ParseState::finish(Expr& expr, uint32_t start, uint32_t end) {
  expr.position = {start, end};
  if (expr.height <= limits_.height_max) return true;
  fail_at(start,
          "expression is nested deeper than " + std::to_string(limits_.height_max) + " levels");
  return false;
}

bool ParseState::Depth::too_deep() {
  if (state_.depth_ <= state_.limits_.height_max) return false;
  state_.fail_at(state_.peek().start, "expression is nested deeper than " +
                                          std::to_string(state_.limits_.height_max) + " levels");
  return true;
}

std::string unquote(const Token& token) {
  const std::string_view inside = token.text.substr(1, token.text.size() - 2);
  if (token.text[0] == '`') return std::string(inside);
  std::string out;
  out.reserve(inside.size());
  for (size_t i = 0; i < inside.size();) {
    if (inside[i] != '\\')
      out += inside[i++];
    else
      i += 1 + append_escape(out, inside.substr(i + 1));
  }
  return out;
}

namespace {

// 0x1F and 017, as Go reads an integer; nullopt for what is none, or too large for one.
std::optional<int64_t> based_integer(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0') return std::nullopt;
  const bool hex = (digits[1] | 32) == 'x';
  const char* from = digits.data() + (hex ? 2 : 1);
  const char* end = digits.data() + digits.size();
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(from, end, value, hex ? 16 : 8);
  if (from == end || stop != end || error != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

Result<double> number_value(const Token& token) {
  if (token.kind == TokenKind::kDuration) {
    const auto d = parse_prometheus_duration(token.text);
    if (!d) return std::unexpected(d.error());
    return static_cast<double>(d->count()) / 1000;
  }
  if (token.keyword == Keyword::kInf) return std::numeric_limits<double>::infinity();
  if (token.keyword == Keyword::kNan) return std::numeric_limits<double>::quiet_NaN();
  std::string digits;
  for (const char c : token.text)
    if (c != '_') digits += c;
  if (const auto integer = based_integer(digits)) return static_cast<double>(*integer);
  const auto bad = [&](std::string_view why) {
    return fail(Errc::kInvalidArgument, "error parsing number: strconv.ParseFloat: parsing ",
                go_quote(token.text), ": ", why);
  };
  if (digits.find_first_of("xX") != std::string::npos) return bad("invalid syntax");
  const char* end = digits.data() + digits.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) return bad("invalid syntax");
  if (error == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);
  if (std::isinf(value)) return bad("value out of range");
  return value;
}

}  // namespace sightline::promql
