#include "traceql/syntax/lexer.h"

#include <array>
#include <limits>

#include "base/number_text.h"

namespace sightline::traceql {
namespace {

constexpr std::string_view kNameEnds = "{}()=!<>~&|^, \t\r\n";
// Longest first.
constexpr std::array<std::string_view, 38> kSymbols = {
    "!>>", "!<<", "&>>", "&<<", "&&", "||", "!=", "=~", "!~", ">=", "<=", ">>", "<<",
    "!>",  "!<",  "&>",  "&<",  "&~", "{",  "}",  "(",  ")",  ",",  "=",  "!",  "<",
    ">",   "~",   "|",   "+",   "-",  "*",  "/",  "%",  "^",  "&",  ";",  ":"};

struct ScopeWord {
  std::string_view word;
  Scope scope;
};
constexpr std::array<ScopeWord, 5> kScopeWords = {{{"span", Scope::kSpan},
                                                   {"resource", Scope::kResource},
                                                   {"event", Scope::kEvent},
                                                   {"link", Scope::kLink},
                                                   {"instrumentation", Scope::kInstrumentation}}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// "1h30m", "1.5s", "2d", "1w": Go's units and Prometheus' days, weeks, years.
std::optional<int64_t> duration_ns(std::string_view text) {
  struct Unit {
    std::string_view name;
    double ns;
  };
  static constexpr Unit kUnits[] = {{"ns", 1},          {"us", 1e3},         {"µs", 1e3},
                                    {"μs", 1e3},        {"ms", 1e6},         {"s", 1e9},
                                    {"m", 60e9},        {"h", 3600e9},       {"d", 86400e9},
                                    {"w", 7 * 86400e9}, {"y", 365 * 86400e9}};
  long double total = 0;
  while (!text.empty()) {
    size_t digits = 0;
    while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '.')) ++digits;
    const auto amount = parse_float(text.substr(0, digits));
    if (digits == 0 || !amount) return std::nullopt;
    text.remove_prefix(digits);
    size_t letters = 0;
    while (letters < text.size() && !is_digit(text[letters]) && text[letters] != '.') ++letters;
    const Unit* unit = nullptr;
    for (const Unit& u : kUnits)
      if (u.name == text.substr(0, letters)) unit = &u;
    if (unit == nullptr) return std::nullopt;
    total += static_cast<long double>(*amount) * unit->ns;
    text.remove_prefix(letters);
  }
  if (total > static_cast<long double>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return static_cast<int64_t>(total + 0.5L);
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) step();
      start_ = place_;
      if (at_ == text_.size()) {
        add({.kind = Token::Kind::kEnd});
        return std::move(tokens_);
      }
      if (auto done = token(); !done) return std::unexpected(std::move(done).error());
    }
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void step() {
    const char c = text_[at_++];
    if (c == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((static_cast<uint8_t>(c) & 0xC0) != 0x80) {  // not inside a UTF-8 sequence
      ++place_.column;
    }
  }
  void step(size_t count) {
    for (size_t i = 0; i < count; ++i) step();
  }
  void add(Token token) {
    token.place = start_;
    tokens_.push_back(std::move(token));
  }

  Status token() {
    const char c = peek();
    if (c == '"' || c == '`') return string();
    if (is_digit(c)) return number();
    if (c == '.') return dot();
    if (is_letter(c)) return word();
    for (const std::string_view symbol : kSymbols) {
      if (!text_.substr(at_).starts_with(symbol)) continue;
      step(symbol.size());
      add({.kind = Token::Kind::kSymbol, .text = std::string(symbol)});
      return {};
    }
    return parse_error(start_, "syntax error: unexpected character '" + std::string(1, c) + "'");
  }

  // The content of a quoted text that begins here, escapes resolved.
  Result<std::string> quoted() {
    const Place begin = place_;
    const char quote = peek();
    step();
    std::string out;
    while (at_ < text_.size()) {
      const char c = peek();
      if (c == quote) {
        step();
        return out;
      }
      if (c != '\\' || quote == '`') {
        out.push_back(c);
        step();
        continue;
      }
      step();
      const char escaped = peek();
      switch (escaped) {
        case 'n': out.push_back('\n'); break;
        case 't': out.push_back('\t'); break;
        case 'r': out.push_back('\r'); break;
        case 'a': out.push_back('\a'); break;
        case 'b': out.push_back('\b'); break;
        case 'f': out.push_back('\f'); break;
        case 'v': out.push_back('\v'); break;
        case '\\':
        case '"':
        case '\'':
        case '`': out.push_back(escaped); break;
        case 'u':
        case 'x': {
          if (!code_point(out, escaped == 'u' ? 4 : 2))
            return parse_error(place_, "invalid char escape");
          break;
        }
        default: return parse_error(place_, "invalid char escape");
      }
      step();
    }
    return parse_error(begin, "literal not terminated");
  }

  // \u00e9 or \x41, `at_` on the letter; leaves it on the last digit.
  bool code_point(std::string& out, size_t digits) {
    uint32_t value = 0;
    for (size_t i = 1; i <= digits; ++i) {
      const char c = peek(i);
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      value = value * 16 + static_cast<uint32_t>(digit);
    }
    step(digits);
    if (digits == 2 || value < 0x80) {
      out.push_back(static_cast<char>(value));
    } else if (value < 0x800) {
      out.push_back(static_cast<char>(0xC0 | value >> 6));
      out.push_back(static_cast<char>(0x80 | (value & 0x3F)));
    } else {
      out.push_back(static_cast<char>(0xE0 | value >> 12));
      out.push_back(static_cast<char>(0x80 | (value >> 6 & 0x3F)));
      out.push_back(static_cast<char>(0x80 | (value & 0x3F)));
    }
    return true;
  }

  Status string() {
    auto text = quoted();
    if (!text) return std::unexpected(std::move(text).error());
    add({.kind = Token::Kind::kLiteral,
         .literal = {.type = Type::kString, .text = std::move(*text)}});
    return {};
  }

  Status number() {
    size_t length = 0;
    const auto part_of_number = [](char c) {
      return is_digit(c) || is_letter(c) || c == '.' || (static_cast<uint8_t>(c) & 0x80) != 0;
    };
    while (part_of_number(peek(length))) {
      const char c = peek(length);
      const char next = peek(length + 1);
      if ((c == 'e' || c == 'E') && (next == '-' || next == '+') && is_digit(peek(length + 2)))
        ++length;
      ++length;
    }
    const std::string_view text = text_.substr(at_, length);
    Literal literal;
    if (const auto integer = parse_int(text)) {
      literal = {.type = Type::kInt, .integer = *integer};
    } else if (const auto real = parse_float(text)) {
      literal = {.type = Type::kFloat, .real = *real};
    } else if (const auto ns = duration_ns(text)) {
      literal = {.type = Type::kDuration, .integer = *ns};
    } else {
      return parse_error(start_, "syntax error: unexpected number " + std::string(text));
    }
    step(length);
    add({.kind = Token::Kind::kLiteral, .literal = std::move(literal)});
    return {};
  }

  // ".5", or an attribute without a scope.
  Status dot() {
    if (is_digit(peek(1))) {
      size_t length = 1;
      while (peek(length) != '\0' && kNameEnds.find(peek(length)) == std::string_view::npos)
        ++length;
      if (const auto real = parse_float(text_.substr(at_, length))) {
        step(length);
        add({.kind = Token::Kind::kLiteral, .literal = {.type = Type::kFloat, .real = *real}});
        return {};
      }
    }
    step();
    return attribute_name({});
  }

  Status word() {
    size_t length = 0;
    while (is_letter(peek(length)) || is_digit(peek(length))) ++length;
    const std::string_view text = text_.substr(at_, length);
    if (peek(length) == '.') {
      if (text == "parent") return parent_attribute();
      for (const ScopeWord& scope : kScopeWords) {
        if (scope.word != text) continue;
        step(length + 1);
        return attribute_name({.scope = scope.scope});
      }
    }
    if (peek(length) == ':') {
      size_t full = length + 1;
      while (is_letter(peek(full)) || is_digit(peek(full))) ++full;
      if (intrinsic_named(text_.substr(at_, full)) == Intrinsic::kNone)
        return parse_error(start_, "unknown identifier: " + std::string(text_.substr(at_, full)));
      length = full;
    }
    add({.kind = Token::Kind::kWord, .text = std::string(text_.substr(at_, length))});
    step(length);
    return {};
  }

  Status parent_attribute() {
    step(7);
    for (const ScopeWord& scope : kScopeWords) {
      const std::string prefix = std::string(scope.word) + ".";
      if (!text_.substr(at_).starts_with(prefix)) continue;
      step(prefix.size());
      return attribute_name({.scope = scope.scope, .of_parent = true});
    }
    return attribute_name({.of_parent = true});
  }

  Status attribute_name(Attribute attribute) {
    while (at_ < text_.size() && kNameEnds.find(peek()) == std::string_view::npos) {
      if (peek() != '"') {
        attribute.name.push_back(peek());
        step();
        continue;
      }
      auto part = quoted();
      if (!part) return std::unexpected(std::move(part).error());
      attribute.name += *part;
    }
    if (attribute.name.empty())
      return parse_error(start_, "syntax error: unexpected END_ATTRIBUTE, expecting IDENTIFIER");
    add({.kind = Token::Kind::kAttribute, .attribute = std::move(attribute)});
    return {};
  }

  const std::string_view text_;
  size_t at_ = 0;
  Place place_;
  Place start_;
  std::vector<Token> tokens_;
};

}  // namespace

std::unexpected<Error> parse_error(Place place, std::string_view what) {
  return fail(Errc::kInvalidArgument, "parse error at line ", place.line, ", col ", place.column,
              ": ", what);
}

Result<std::vector<Token>> lex(std::string_view query) { return Lexer(query).run(); }

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    out.push_back(c);
  }
  return out + "\"";
}

}  // namespace sightline::traceql
