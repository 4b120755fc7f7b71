#pragma once
// A tree of key names a peer understands, for the parts of its file that mean
// nothing here: they are accepted whole, but a mistyped key in them is still found.
// Written as an outline, two spaces a level; several keys may share a line, and what
// lies deeper belongs to the last of them. "*" stands for any key; a key with nothing
// below it accepts any value. Lists are transparent.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sightline::config {

struct KnownKeys {
  std::string name;
  std::vector<KnownKeys> children;

  static KnownKeys parse(std::string_view outline);
  const KnownKeys* child(std::string_view key) const;  // falls back to "*"
  std::vector<std::string> names() const;
};

}  // namespace sightline::config
