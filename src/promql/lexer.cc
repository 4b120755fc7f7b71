#include "promql/lexer.h"

#include <array>
#include <cstdio>

#include "base/text_codec.h"

namespace sightline::promql {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

struct Word {
  std::string_view text;
  Keyword keyword;
};
constexpr Word kWords[] = {{"and", Keyword::kAnd},
                           {"or", Keyword::kOr},
                           {"unless", Keyword::kUnless},
                           {"atan2", Keyword::kAtan2},
                           {"sum", Keyword::kSum},
                           {"avg", Keyword::kAvg},
                           {"count", Keyword::kCount},
                           {"min", Keyword::kMin},
                           {"max", Keyword::kMax},
                           {"group", Keyword::kGroup},
                           {"stddev", Keyword::kStddev},
                           {"stdvar", Keyword::kStdvar},
                           {"topk", Keyword::kTopk},
                           {"bottomk", Keyword::kBottomk},
                           {"count_values", Keyword::kCountValues},
                           {"quantile", Keyword::kQuantile},
                           {"limitk", Keyword::kLimitk},
                           {"limit_ratio", Keyword::kLimitRatio},
                           {"offset", Keyword::kOffset},
                           {"by", Keyword::kBy},
                           {"without", Keyword::kWithout},
                           {"on", Keyword::kOn},
                           {"ignoring", Keyword::kIgnoring},
                           {"group_left", Keyword::kGroupLeft},
                           {"group_right", Keyword::kGroupRight},
                           {"bool", Keyword::kBool},
                           {"anchored", Keyword::kAnchored},
                           {"smoothed", Keyword::kSmoothed},
                           {"fill", Keyword::kFill},
                           {"fill_left", Keyword::kFillLeft},
                           {"fill_right", Keyword::kFillRight},
                           {"start", Keyword::kStart},
                           {"end", Keyword::kEnd},
                           {"step", Keyword::kStep},
                           {"range", Keyword::kRange},
                           {"inf", Keyword::kInf},
                           {"nan", Keyword::kNan}};

Keyword keyword_of(std::string_view word) {
  if (word.size() > 12) return Keyword::kNone;
  std::array<char, 12> lower{};
  for (size_t i = 0; i < word.size(); ++i)
    lower[i] = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + 32) : word[i];
  const std::string_view folded(lower.data(), word.size());
  for (const Word& known : kWords)
    if (known.text == folded) return known.keyword;
  return Keyword::kNone;
}

// Bytes of the UTF-8 character at the front of `rest`; 1 for an invalid one.
size_t rune_bytes(std::string_view rest) {
  const auto b = static_cast<unsigned char>(rest[0]);
  const size_t n = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc0 ? 2 : 1;
  return n <= rest.size() && is_valid_utf8(rest.substr(0, n)) ? n : 1;
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  TokenList run() {
    while (!done_) next();
    return std::move(list_);
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0';
  }
  bool at_end() const { return at_ >= query_.size(); }

  void emit(TokenKind kind, size_t start, Keyword keyword = Keyword::kNone) {
    list_.tokens.push_back({kind, keyword, static_cast<uint32_t>(start), static_cast<uint32_t>(at_),
                            query_.substr(start, at_ - start)});
  }
  void error(size_t start, std::string message) {
    list_.messages.push_back(std::move(message));
    const size_t end = std::max(at_, start);
    list_.tokens.push_back({TokenKind::kError, Keyword::kNone, static_cast<uint32_t>(start),
                            static_cast<uint32_t>(end), list_.messages.back()});
    done_ = true;
  }
  std::string rune_quoted() const {
    const std::string_view rest = query_.substr(at_);
    return "'" + std::string(rest.substr(0, rune_bytes(rest))) + "'";
  }
  // U+0071 'q'
  std::string rune_named() const {
    const std::string quoted = rune_quoted();
    const std::string_view rune = std::string_view(quoted).substr(1, quoted.size() - 2);
    uint32_t code = static_cast<uint8_t>(rune[0]);
    if (rune.size() > 1) code &= 0x7fu >> rune.size();
    for (size_t i = 1; i < rune.size(); ++i)
      code = code << 6 | (static_cast<uint8_t>(rune[i]) & 0x3fu);
    char text[16];
    std::snprintf(text, sizeof text, "U+%04X ", code);
    return text + quoted;
  }
  void one(TokenKind kind, size_t bytes = 1) {
    const size_t start = at_;
    at_ += bytes;
    emit(kind, start);
  }

  void skip_space() {
    while (!at_end()) {
      const char c = peek();
      if (c == '#') {
        while (!at_end() && peek() != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  void next() {
    skip_space();
    if (at_end()) return finish();
    if (in_braces_) return next_in_braces();
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '`') return raw();
    if (is_alpha(c) || (c == ':' && !in_brackets_)) return word();
    if (!punctuation(c) && !operation(c)) error(at_, "unexpected character: " + rune_quoted());
  }

  void finish() {
    if (in_braces_) return error(at_, "unexpected end of input inside braces");
    if (paren_depth_ > 0) return error(at_, "unclosed left parenthesis");
    if (in_brackets_) return error(at_, "unclosed left bracket");
    emit(TokenKind::kEof, at_);
    done_ = true;
  }

  bool punctuation(char c) {
    switch (c) {
      case '(':
        ++paren_depth_;
        one(TokenKind::kLeftParen);
        return true;
      case ')':
        if (paren_depth_ == 0) return error(at_, "unexpected right parenthesis ')'"), true;
        --paren_depth_;
        one(TokenKind::kRightParen);
        return true;
      case '{':
        in_braces_ = true;
        one(TokenKind::kLeftBrace);
        return true;
      case '}': error(at_, "unexpected right brace '}'"); return true;
      case '[':
        if (in_brackets_) return error(at_, "unexpected left bracket '['"), true;
        in_brackets_ = true;
        one(TokenKind::kLeftBracket);
        return true;
      case ']':
        if (!in_brackets_) return error(at_, "unexpected right bracket ']'"), true;
        in_brackets_ = false;
        one(TokenKind::kRightBracket);
        return true;
      case ',': one(TokenKind::kComma); return true;
      case ':': one(TokenKind::kColon); return true;
      case '@': one(TokenKind::kAt); return true;
      default: return false;
    }
  }

  bool operation(char c) {
    const char d = peek(1);
    switch (c) {
      case '+': one(TokenKind::kAdd); return true;
      case '-': one(TokenKind::kSub); return true;
      case '*': one(TokenKind::kMul); return true;
      case '/': one(TokenKind::kDiv); return true;
      case '%': one(TokenKind::kMod); return true;
      case '^': one(TokenKind::kPow); return true;
      case '=':
        if (d == '=') return one(TokenKind::kEqual, 2), true;
        if (d == '~') {
          ++at_;
          return error(at_ - 1, "unexpected character after '=': '~'"), true;
        }
        one(TokenKind::kAssign);
        return true;
      case '!':
        if (d == '=') return one(TokenKind::kNotEqual, 2), true;
        ++at_;
        if (at_end()) return error(at_ - 1, "unexpected character after '!': end of input"), true;
        return error(at_ - 1, "unexpected character after '!': " + rune_quoted()), true;
      case '<':
        one(d == '='   ? TokenKind::kLessEqual
            : d == '/' ? TokenKind::kTrimUpper
                       : TokenKind::kLess,
            d == '=' || d == '/' ? 2 : 1);
        return true;
      case '>':
        one(d == '='   ? TokenKind::kGreaterEqual
            : d == '/' ? TokenKind::kTrimLower
                       : TokenKind::kGreater,
            d == '=' || d == '/' ? 2 : 1);
        return true;
      default: return false;
    }
  }

  void next_in_braces() {
    const char c = peek();
    const char d = peek(1);
    if (is_alpha(c)) {
      const size_t start = at_;
      while (is_alnum(peek())) ++at_;
      return emit(TokenKind::kIdentifier, start);
    }
    switch (c) {
      case '"':
      case '\'': return quoted(c);
      case '`': return raw();
      case ',': return one(TokenKind::kComma);
      case '}': in_braces_ = false; return one(TokenKind::kRightBrace);
      case '{': return error(at_, "unexpected left brace '{'");
      case '=':
        return one(d == '~' ? TokenKind::kRegexEqual : TokenKind::kAssign, d == '~' ? 2 : 1);
      case '!':
        if (d == '~') return one(TokenKind::kRegexNotEqual, 2);
        if (d == '=') return one(TokenKind::kNotEqual, 2);
        ++at_;
        if (at_end()) return error(at_ - 1, "unexpected end of input inside braces");
        return error(at_ - 1, "unexpected character after '!' inside braces: " + rune_quoted());
      default: return error(at_, "unexpected character inside braces: " + rune_quoted());
    }
  }

  void word() {
    const size_t start = at_;
    bool colon = false;
    while (is_alnum(peek()) || (peek() == ':' && !in_brackets_)) {
      colon = colon || peek() == ':';
      ++at_;
    }
    const std::string_view text = query_.substr(start, at_ - start);
    if (colon) return emit(TokenKind::kMetricIdentifier, start);
    emit(TokenKind::kIdentifier, start, keyword_of(text));
  }

  void quoted(char quote) {
    const size_t start = at_++;
    for (;;) {
      if (at_end()) return error(start, "unterminated quoted string");
      const char c = query_[at_++];
      if (c == quote) return emit(TokenKind::kString, start);
      if (c == '\n') return error(start, "unterminated quoted string");
      if (c == '\\') {
        if (at_end()) return error(start, "escape sequence not terminated");
        if (!escape(quote, start)) return;
      }
    }
  }

  // `start`: of the text around it, where the peer says an unknown escape is.
  bool escape(char quote, size_t start) {
    const char c = query_[at_];
    int digits = 0;
    uint32_t base = 16;
    uint32_t max = 255;
    switch (c) {
      case 'a':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
      case 'v':
      case '\\': ++at_; return true;
      case '0':
      case '1':
      case '2':
      case '3':
      case '4':
      case '5':
      case '6':
      case '7': digits = 3, base = 8; break;
      case 'x': ++at_, digits = 2; break;
      case 'u': ++at_, digits = 4, max = 0x10ffff; break;
      case 'U': ++at_, digits = 8, max = 0x10ffff; break;
      default:
        if (c == quote) return ++at_, true;
        error(start, "unknown escape sequence " + rune_named());
        return false;
    }
    uint64_t value = 0;
    for (; digits > 0; --digits, ++at_) {
      const char d = peek();
      const bool ok = !at_end() && (base == 8 ? d >= '0' && d <= '7' : is_hex(d));
      if (!ok) {
        error(at_, at_end() ? "escape sequence not terminated"
                            : "illegal character " + rune_quoted() + " in escape sequence");
        return false;
      }
      value = value * base + static_cast<uint64_t>(is_digit(d) ? d - '0' : (d | 32) - 'a' + 10);
    }
    if (value > max || (value >= 0xd800 && value < 0xe000)) {
      error(at_, "escape sequence is an invalid Unicode code point");
      return false;
    }
    return true;
  }

  void raw() {
    const size_t start = at_++;
    while (!at_end() && peek() != '`') ++at_;
    if (at_end()) return error(start, "unterminated raw string");
    ++at_;
    emit(TokenKind::kString, start);
  }

  // Digits with single '_' between them; true when there was at least one digit.
  bool digits(bool hex) {
    bool any = false;
    for (;;) {
      const char c = peek();
      if (hex ? is_hex(c) : is_digit(c)) {
        any = true;
        ++at_;
      } else if (c == '_' && any && (hex ? is_hex(peek(1)) : is_digit(peek(1)))) {
        ++at_;
      } else {
        return any;
      }
    }
  }

  void number() {
    const size_t start = at_;
    if (duration()) return emit(TokenKind::kDuration, start);
    at_ = start;
    bool ok = true;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
      at_ += 2;
      ok = digits(true);
    } else {
      digits(false);
      if (peek() == '.') {
        ++at_;
        digits(false);
      }
      if (peek() == 'e' || peek() == 'E') {
        ++at_;
        if (peek() == '+' || peek() == '-') ++at_;
        ok = digits(false);
      }
    }
    if (ok && !is_alnum(peek())) return emit(TokenKind::kNumber, start);
    while (is_alnum(peek()) || peek() == '.') ++at_;
    error(start, "bad number or duration syntax: " + go_quote(query_.substr(start, at_ - start)));
  }

  // <int><unit> one or more times, not followed by a letter or digit.
  bool duration() {
    bool any = false;
    for (;;) {
      const size_t before = at_;
      while (is_digit(peek())) ++at_;
      if (at_ == before) break;
      const char c = peek();
      if (c == 'm' && peek(1) == 's')
        at_ += 2;
      else if (c == 'y' || c == 'w' || c == 'd' || c == 'h' || c == 'm' || c == 's')
        ++at_;
      else
        return false;
      any = true;
    }
    return any && !is_alnum(peek());
  }

  std::string_view query_;
  size_t at_ = 0;
  int paren_depth_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool done_ = false;
  TokenList list_;
};

std::string_view fixed_text(TokenKind kind) {
  switch (kind) {
    case TokenKind::kLeftParen: return "\"(\"";
    case TokenKind::kRightParen: return "\")\"";
    case TokenKind::kLeftBrace: return "\"{\"";
    case TokenKind::kRightBrace: return "\"}\"";
    case TokenKind::kLeftBracket: return "\"[\"";
    case TokenKind::kRightBracket: return "\"]\"";
    case TokenKind::kComma: return "\",\"";
    case TokenKind::kColon: return "\":\"";
    case TokenKind::kAt: return "<op:@>";
    case TokenKind::kAssign: return "\"=\"";
    default: return {};
  }
}

bool is_operator_word(Keyword k) {
  return k == Keyword::kAnd || k == Keyword::kOr || k == Keyword::kUnless || k == Keyword::kAtan2;
}

}  // namespace

TokenList lex(std::string_view query) { return Lexer(query).run(); }

bool is_aggregator(Keyword keyword) {
  return keyword >= Keyword::kSum && keyword <= Keyword::kLimitRatio;
}

std::string go_quote(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const size_t n = rune_bytes(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    char buffer[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7f || (n == 1 && c >= 0x80)) {
      std::snprintf(buffer, sizeof buffer, "\\x%02x", c);
      out += buffer;
    } else {
      out += text.substr(i, n);
    }
    i += n;
  }
  return out + "\"";
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

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEof: return "end of input";
    case TokenKind::kError: return std::string(token.text);
    case TokenKind::kMetricIdentifier: return "metric identifier " + go_quote(token.text);
    case TokenKind::kIdentifier:
      if (token.keyword == Keyword::kInf || token.keyword == Keyword::kNan)
        return "number " + go_quote(token.text);
      if (is_operator_word(token.keyword)) return "<op:" + std::string(token.text) + ">";
      if (is_aggregator(token.keyword)) return "<aggr:" + std::string(token.text) + ">";
      if (token.keyword != Keyword::kNone && token.keyword < Keyword::kFill)
        return "<" + std::string(token.text) + ">";
      return "identifier " + go_quote(token.text);
    case TokenKind::kString:
      return "string " + (token.text.size() > 10 ? go_quote(token.text.substr(0, 10)) + "..."
                                                 : go_quote(token.text));
    case TokenKind::kNumber:
      return "number " + (token.text.size() > 10 ? go_quote(token.text.substr(0, 10)) + "..."
                                                 : go_quote(token.text));
    case TokenKind::kDuration:
      return "duration " + (token.text.size() > 10 ? go_quote(token.text.substr(0, 10)) + "..."
                                                   : go_quote(token.text));
    default: break;
  }
  if (const auto fixed = fixed_text(token.kind); !fixed.empty()) return std::string(fixed);
  return "<op:" + std::string(token.text) + ">";
}

}  // namespace sightline::promql
