#include "tsdb/matcher.h"

#include <re2/re2.h>

#include <algorithm>

namespace sightline::tsdb {
namespace {

constexpr int64_t kRegexMemoryMax = 8 << 20;
constexpr size_t kSetMatchesMax = 256;
constexpr size_t kShownBytesMax = 1'000;  // of a regex in an error

bool is_meta(char c) {
  return std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos;
}

// Reads literal characters from `at` on; stops at the first that is none.
std::string take_literal(std::string_view regex, size_t& at) {
  std::string literal;
  while (at < regex.size()) {
    if (regex[at] == '\\' && at + 1 < regex.size() && is_meta(regex[at + 1])) {
      literal += regex[at + 1];
      at += 2;
    } else if (!is_meta(regex[at])) {
      literal += regex[at++];
    } else {
      break;
    }
  }
  return literal;
}

bool has_top_level_bar(std::string_view regex) {
  int depth = 0;
  bool in_class = false;
  for (size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    if (c == '\\')
      ++i;
    else if (in_class)
      in_class = c != ']';
    else if (c == '[')
      in_class = true;
    else if (c == '(')
      ++depth;
    else if (c == ')')
      --depth;
    else if (c == '|' && depth == 0)
      return true;
  }
  return false;
}

// a|b|c, or the same in one pair of parentheses. Empty unless it is only that.
std::vector<std::string> literal_alternatives(std::string_view regex) {
  if (regex.starts_with("(?:") && regex.ends_with(")"))
    regex = regex.substr(3, regex.size() - 4);
  else if (regex.starts_with("(") && regex.ends_with(")"))
    regex = regex.substr(1, regex.size() - 2);
  std::vector<std::string> result;
  for (size_t at = 0;; ++at) {
    result.push_back(take_literal(regex, at));
    if (at == regex.size()) break;
    if (regex[at] != '|' || result.size() > kSetMatchesMax) return {};
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

std::string literal_prefix(std::string_view regex) {
  if (has_top_level_bar(regex)) return {};
  size_t at = 0;
  std::string prefix = take_literal(regex, at);
  const bool optional =
      at < regex.size() && (regex[at] == '*' || regex[at] == '?' || regex[at] == '{');
  if (optional && !prefix.empty()) {  // the last character may be absent: all of its UTF-8 bytes
    while (!prefix.empty() && (static_cast<uint8_t>(prefix.back()) & 0xc0) == 0x80)
      prefix.pop_back();
    if (!prefix.empty()) prefix.pop_back();
  }
  return prefix;
}

// As the peer's library, which is RE2 in another language, says it.
std::string_view fault_text(RE2::ErrorCode code) {
  switch (code) {
    case RE2::ErrorBadEscape: return "invalid escape sequence";
    case RE2::ErrorBadCharClass: return "invalid character class";
    case RE2::ErrorBadCharRange: return "invalid character class range";
    case RE2::ErrorMissingBracket: return "missing closing ]";
    case RE2::ErrorMissingParen: return "missing closing )";
    case RE2::ErrorUnexpectedParen: return "unexpected )";
    case RE2::ErrorTrailingBackslash: return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument: return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize: return "invalid repeat count";
    case RE2::ErrorRepeatOp: return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp: return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8: return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture: return "invalid named capture";
    case RE2::ErrorPatternTooLarge: return "expression too large";
    default: return "internal error";
  }
}

}  // namespace

Result<Matcher> Matcher::create(MatchOp op, std::string name, std::string value) {
  Matcher m;
  m.op_ = op;
  m.name_ = std::move(name);
  m.value_ = std::move(value);
  if (op != MatchOp::kRegex && op != MatchOp::kNotRegex) return m;
  RE2::Options options;
  options.set_dot_nl(true);
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemoryMax);
  // Checked as given first, so that the error speaks of the user's own text.
  const RE2 as_given(m.value_, options);
  if (!as_given.ok()) {
    const bool is_whole = as_given.error_code() == RE2::ErrorPatternTooLarge;
    return fail(Errc::kInvalidArgument, "error parsing regexp: ", fault_text(as_given.error_code()),
                ": `", is_whole ? m.value_.substr(0, kShownBytesMax) : as_given.error_arg(), "`");
  }
  auto regex = std::make_shared<RE2>("^(?s:" + m.value_ + ")$", options);
  if (!regex->ok()) return fail(Errc::kInvalidArgument, "error parsing regexp: ", regex->error());
  m.regex_ = std::move(regex);
  m.set_matches_ = literal_alternatives(m.value_);
  if (op == MatchOp::kRegex) m.prefix_ = literal_prefix(m.value_);
  return m;
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::kEqual: return value == value_;
    case MatchOp::kNotEqual: return value != value_;
    default: break;
  }
  const bool found = !set_matches_.empty()
                         ? std::binary_search(set_matches_.begin(), set_matches_.end(), value)
                         : RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
  return found == (op_ == MatchOp::kRegex);
}

std::string Matcher::to_string() const {
  static constexpr std::string_view kOps[] = {"=", "!=", "=~", "!~"};
  std::string out = name_;
  out += kOps[static_cast<size_t>(op_)];
  out += '"';
  for (const char c : value_) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace sightline::tsdb
