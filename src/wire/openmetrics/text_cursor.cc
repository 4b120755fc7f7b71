#include "wire/openmetrics/text_cursor.h"

#include <algorithm>

#include "base/number_text.h"

namespace sightline::wire::openmetrics {
namespace {

bool is_name_character(char c, bool first, bool colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
         (!first && c >= '0' && c <= '9');
}

size_t name_length(std::string_view text, bool colon) {
  size_t n = 0;
  while (n < text.size() && is_name_character(text[n], n == 0, colon)) ++n;
  return n;
}

}  // namespace

Result<std::string_view> TextCursor::take_metric_name() {
  if (at_any("\"")) {
    const size_t begin = at_ + 1;
    const size_t end = text_.find('"', begin);
    if (end == std::string_view::npos)
      return fail(Errc::kInvalidArgument, "the metric name's closing quote is missing");
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }
  const size_t n = name_length(rest(), true);
  if (n == 0) return fail(Errc::kInvalidArgument, "expected a metric name");
  const std::string_view name = text_.substr(at_, n);
  at_ += n;
  return name;
}

Result<std::string> TextCursor::take_label_name() {
  const size_t n = name_length(rest(), false);
  if (n == 0) return fail(Errc::kInvalidArgument, column(), ": expected a label name");
  std::string name(text_.substr(at_, n));
  at_ += n;
  return name;
}

Result<std::string> TextCursor::take_quoted() {
  if (!take('"')) return fail(Errc::kInvalidArgument, column(), ": expected \"");
  std::string out;
  while (!at_end()) {
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c != '\\' || at_end()) {
      out += c;
      continue;
    }
    const char escaped = text_[at_++];
    if (escaped == 'n')
      out += '\n';
    else if (escaped == '\\' || escaped == '"')
      out += escaped;
    else
      (out += '\\') += escaped;
  }
  return fail(Errc::kInvalidArgument, column(), ": the closing quote is missing");
}

Status TextCursor::skip_braces() {
  ++at_;
  bool quoted = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (quoted) {
      if (c == '\\')
        ++at_;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '}') {
      ++at_;
      return {};
    }
  }
  at_ = std::min(at_, text_.size());
  return fail(Errc::kInvalidArgument, "the labels' closing brace is missing");
}

Status TextCursor::skip_series() {
  const size_t n = name_length(rest(), true);
  at_ += n;
  const size_t after_name = at_;
  skip_blanks();
  if (at_any("{")) return skip_braces();
  at_ = after_name;
  if (n == 0) return fail(Errc::kInvalidArgument, "expected a metric name");
  return {};
}

Result<double> parse_number(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) digits.remove_prefix(1);
  if (digits.starts_with("0x") || digits.starts_with("0X"))
    return fail(Errc::kInvalidArgument, "invalid number \"", text, "\": it must be decimal");
  auto value = parse_float(text);
  if (!value) return fail(Errc::kInvalidArgument, "invalid number \"", text, "\"");
  return value;
}

}  // namespace sightline::wire::openmetrics
