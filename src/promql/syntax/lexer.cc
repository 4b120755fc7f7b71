#include "promql/syntax/lexer.h"

#include <algorithm>
#include <utility>

#include "promql/syntax/go_text.h"

namespace sightline::promql {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Functions of durations that stand inside brackets.
bool is_duration_word(std::string_view word) {
  for (const std::string_view known : {"step", "range", "min_of", "max_of"}) {
    if (word.size() != known.size()) continue;
    size_t same = 0;
    while (same < known.size() && (word[same] | 32) == (known[same] | 32)) ++same;
    if (same == known.size()) return true;
  }
  return false;
}

bool may_begin_duration_word(char c) {
  const int lower = c | 32;
  return is_alpha(c) && (lower == 's' || lower == 'r' || lower == 'm');
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
  // The character at hand; what is none, and the end of input, are the replacement character.
  std::string_view rune() const { return first_rune(query_.substr(at_)); }
  std::string rune_quoted() const { return go_quote_rune(rune()); }
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
      } else if (is_space(c)) {
        ++at_;
      } else {
        return;
      }
    }
  }

  void next() {
    if (in_duration_) return next_in_duration();
    skip_space();
    if (at_end()) return finish();
    if (in_braces_) return next_in_braces();
    const char c = peek();
    if (begins_number()) return number();
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '`') return raw();
    if (in_brackets_ && (is_alpha(c) || c == ':')) return next_in_brackets(c);
    if (is_alpha(c) || c == ':') return word();
    if (!punctuation(c) && !operation(c)) error(at_, "unexpected character: " + rune_quoted());
  }

  bool begins_number() const { return is_digit(peek()) || (peek() == '.' && is_digit(peek(1))); }

  // Behind '[', until a number has come: only what durations are made of.
  void next_in_duration() {
    while (is_space(peek())) ++at_;
    if (at_end()) return error(at_, "unexpected end of input in duration expression");
    if (begins_number()) {
      in_duration_ = false;
      return number();
    }
    const char c = peek();
    switch (c) {
      case ']':
      case '(':
      case ')':
      case ',': (void)punctuation(c); return;
      case '+':
      case '-':
      case '*':
      case '/':
      case '%':
      case '^': (void)operation(c); return;
      case ':':
        ++at_;
        if (!had_duration_)
          return error(at_, "unexpected colon before duration in duration expression");
        if (had_colon_) return error(at_, "unexpected repeated colon in duration expression");
        had_colon_ = true;
        --at_;
        return one(TokenKind::kColon);
      default: break;
    }
    if (!may_begin_duration_word(c) || !duration_word())
      error(at_, "unexpected character in duration expression: " + rune_quoted());
  }

  void next_in_brackets(char c) {
    if (c == ':') {
      if (std::exchange(had_colon_, true)) return error(at_, "unexpected colon ':'");
      return one(TokenKind::kColon);
    }
    if (!may_begin_duration_word(c) || !duration_word())
      error(at_, "unexpected character: " + rune_quoted() + ", expected ':'");
  }

  // step, range, min_of, max_of; false, and nothing taken, when it is something else.
  bool duration_word() {
    size_t end = at_;
    while (end < query_.size() && is_alpha(query_[end])) ++end;
    const std::string_view text = query_.substr(at_, end - at_);
    if (!is_duration_word(text)) return false;
    had_duration_ = true;
    const size_t start = std::exchange(at_, end);
    emit(TokenKind::kIdentifier, start, keyword_of(text));
    return true;
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
        // The peer finds out only after it has taken it.
        if (paren_depth_ == 0) return error(++at_, "unexpected right parenthesis ')'"), true;
        --paren_depth_;
        one(TokenKind::kRightParen);
        return true;
      case '{':
        in_braces_ = true;
        one(TokenKind::kLeftBrace);
        return true;
      case '[':
        if (in_brackets_) return error(at_, "unexpected left bracket '['"), true;
        in_brackets_ = in_duration_ = true;
        had_duration_ = had_colon_ = false;
        one(TokenKind::kLeftBracket);
        return true;
      case ']':
        if (!in_brackets_) return error(at_, "unexpected right bracket ']'"), true;
        in_brackets_ = in_duration_ = false;
        one(TokenKind::kRightBracket);
        return true;
      case ',': one(TokenKind::kComma); return true;
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
        return error(at_ - 1, "unexpected character after '!' inside braces: " + rune_quoted());
      default: return error(at_, "unexpected character inside braces: " + rune_quoted());
    }
  }

  void word() {
    const size_t start = at_;
    bool colon = false;
    while (is_alnum(peek()) || peek() == ':') {
      colon = colon || peek() == ':';
      ++at_;
    }
    const std::string_view text = query_.substr(start, at_ - start);
    if (colon) return emit(TokenKind::kMetricIdentifier, start);
    Keyword keyword = keyword_of(text);
    if (keyword >= Keyword::kFill && keyword <= Keyword::kFillRight && !parenthesis_follows())
      keyword = Keyword::kNone;
    emit(TokenKind::kIdentifier, start, keyword);
  }

  bool parenthesis_follows() const {
    size_t i = at_;
    while (i < query_.size() && is_space(query_[i])) ++i;
    return i < query_.size() && query_[i] == '(';
  }

  void quoted(char quote) {
    const size_t start = at_++;
    for (;;) {
      if (at_end()) return error(start, "unterminated quoted string");
      const std::string_view r = rune();
      if (r == kReplacementRune) return error(start, "invalid UTF-8 rune");
      at_ += r.size();
      const char c = r[0];
      if (c == quote) return emit(TokenKind::kString, start);
      if (c == '\n') return error(start, "unterminated quoted string");
      if (c == '\\') {
        if (at_end()) return error(start, "escape sequence not terminated");
        if (!escape(quote, start)) return;
      }
    }
  }

  // `start`: of the text around it, where the peer says a fault in it is.
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
        error(start, "unknown escape sequence " + go_name_rune(rune()));
        return false;
    }
    uint64_t value = 0;
    for (; digits > 0; --digits, ++at_) {
      const char d = peek();
      const bool ok = !at_end() && (base == 8 ? d >= '0' && d <= '7' : is_hex(d));
      if (!ok) {
        error(start, at_end()
                         ? "escape sequence not terminated"
                         : "illegal character " + go_name_rune(rune()) + " in escape sequence");
        return false;
      }
      value = value * base + static_cast<uint64_t>(is_digit(d) ? d - '0' : (d | 32) - 'a' + 10);
    }
    if (value > max || (value >= 0xd800 && value < 0xe000)) {
      error(start, "escape sequence is an invalid Unicode code point");
      return false;
    }
    return true;
  }

  void raw() {
    const size_t start = at_++;
    for (; !at_end() && peek() != '`'; at_ += rune().size())
      if (rune() == kReplacementRune) return error(start, "invalid UTF-8 rune");
    if (at_end()) return error(start, "unterminated raw string");
    ++at_;
    emit(TokenKind::kString, start);
  }

  void number() {
    const size_t start = at_;
    had_duration_ = true;
    if (scan_number()) return emit(TokenKind::kNumber, start);
    if (scan_rest_of_duration()) return emit(TokenKind::kDuration, start);
    error(start, "bad number or duration syntax: " + go_quote(query_.substr(start, at_ - start)));
  }

  bool at_one_of(std::string_view set) const {
    return !at_end() && set.find(query_[at_]) != std::string_view::npos;
  }
  bool take_one_of(std::string_view set) { return at_one_of(set) ? (++at_, true) : false; }

  // The grammar of numbers is the peer's, which takes some odd ones and refuses others: 0x1e is none, 1__0 neither,
  // and 1.e5 is one. False leaves `at_` where the fault was seen.
  bool scan_number() {
    std::string_view digits = "0123456789";
    const bool hex = take_one_of("0") && take_one_of("xX");
    if (hex) {
      take_one_of("_");
      digits = "0123456789abcdefABCDEF";
    }
    take_one_of(".");
    take_one_of(digits);
    bool had_dot = false;
    bool had_exponent = false;
    while (at_one_of(digits) || at_one_of("._eE")) {
      if (take_one_of(".")) {
        if (std::exchange(had_dot, true) || take_one_of("_.") || hex) return false;
      } else if (take_one_of("eE")) {
        if (std::exchange(had_exponent, true)) return false;
        take_one_of("+-");
        if (take_one_of("._eE") || at_end()) return false;
      } else if (take_one_of("_")) {
        if (take_one_of("._eE") || at_end()) return false;
      } else {
        while (take_one_of(digits)) {
        }
      }
    }
    return !is_alnum(peek());
  }

  // 5m, 1h30m, behind digits that are taken already.
  bool scan_rest_of_duration() {
    constexpr std::string_view kDigits = "0123456789";
    if (!take_one_of("smhdwy")) return false;
    take_one_of("s");  // of "ms"
    while (take_one_of(kDigits)) {
      while (take_one_of(kDigits)) {
      }
      if (!take_one_of("smhdw")) return false;
      take_one_of("s");
    }
    if (!is_alnum(peek())) return true;
    ++at_;
    return false;
  }

  std::string_view query_;
  size_t at_ = 0;
  int paren_depth_ = 0;
  bool in_braces_ = false;
  bool in_brackets_ = false;
  bool in_duration_ = false;   // behind '[', and no number yet
  bool had_duration_ = false;  // since '['
  bool had_colon_ = false;     // since '['
  bool done_ = false;
  TokenList list_;
};

}  // namespace

TokenList lex(std::string_view query) { return Lexer(query).run(); }

}  // namespace sightline::promql
