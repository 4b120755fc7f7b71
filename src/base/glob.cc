#include "base/glob.h"

namespace sightline {
namespace {

void append_literal(std::string& out, char c) {
  if (std::string_view("\\.+*?()|[]{}^$-").contains(c)) out += '\\';
  out += c;
}

// What stands between brackets: a range, or a list of characters.
Status append_class(std::string& out, std::string_view inner) {
  out += '[';
  if (inner.starts_with('!')) {
    out += '^';
    inner.remove_prefix(1);
  }
  if (inner.empty()) return fail(Errc::kInvalidArgument, "a class [] of no characters");
  if (inner.size() == 3 && inner[1] == '-') {
    append_literal(out, inner[0]);
    out += '-';
    append_literal(out, inner[2]);
  } else {
    for (const char c : inner) append_literal(out, c);
  }
  out += ']';
  return {};
}

}  // namespace

Result<std::string> glob_to_regexp(std::string_view glob) {
  std::string out;
  int depth = 0;
  for (size_t i = 0; i < glob.size(); ++i) {
    const char c = glob[i];
    if (c == '*') {
      const bool is_double = glob.substr(i + 1).starts_with('*');
      out += is_double ? ".*" : "[^.]*";
      i += is_double ? 1 : 0;
    } else if (c == '?') {
      out += "[^.]";
    } else if (c == '[') {
      const size_t end = glob.find(']', i);
      if (end == std::string_view::npos)
        return fail(Errc::kInvalidArgument, "glob \"", glob, "\" has [ without ]");
      if (auto status = append_class(out, glob.substr(i + 1, end - i - 1)); !status)
        return in_context("glob \"" + std::string(glob) + "\"", std::move(status).error());
      i = end;
    } else if (c == '{') {
      ++depth;
      out += "(?:";
    } else if (c == '}' && depth > 0) {
      --depth;
      out += ')';
    } else if (c == ',' && depth > 0) {
      out += '|';
    } else {
      append_literal(out, c == '\\' && i + 1 < glob.size() ? glob[++i] : c);
    }
  }
  if (depth > 0) return fail(Errc::kInvalidArgument, "glob \"", glob, "\" has { without }");
  return out;
}

}  // namespace sightline
