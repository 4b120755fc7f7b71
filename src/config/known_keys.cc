#include "config/known_keys.h"

#include <algorithm>

namespace sightline::config {
namespace {

// Reads the lines indented by `level` from `rest`; deeper ones become children.
std::vector<KnownKeys> read_level(std::string_view& rest, size_t level) {
  std::vector<KnownKeys> keys;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    const size_t indent = line.find_first_not_of(' ');
    if (indent == std::string_view::npos) {
      rest.remove_prefix(std::min(end + 1, rest.size()));
      continue;
    }
    if (indent < level * 2) break;
    if (indent > level * 2 && !keys.empty()) {
      keys.back().children = read_level(rest, level + 1);
      continue;
    }
    for (size_t at = indent; at < line.size();) {
      const size_t space = std::min(line.find(' ', at), line.size());
      keys.push_back({std::string(line.substr(at, space - at)), {}});
      at = space + 1;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return keys;
}

}  // namespace

KnownKeys KnownKeys::parse(std::string_view outline) { return {"", read_level(outline, 0)}; }

const KnownKeys* KnownKeys::child(std::string_view key) const {
  const KnownKeys* any = nullptr;
  for (const KnownKeys& c : children) {
    if (c.name == key) return &c;
    if (c.name == "*") any = &c;
  }
  return any;
}

std::vector<std::string> KnownKeys::names() const {
  std::vector<std::string> out;
  for (const KnownKeys& c : children) out.push_back(c.name);
  return out;
}

}  // namespace sightline::config
