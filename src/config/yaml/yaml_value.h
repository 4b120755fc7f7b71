#pragma once
// A YAML document as a tree that knows where each value was written.
//   Aliases are shared subtrees, merge keys (<<) are resolved, duplicate keys
//   are errors. yaml-cpp and its exceptions stay inside yaml_value.cc.
//   Limits  YamlLimits; an alias counts as often as it is used, so a bomb fails early.
//   Threads the tree is immutable once parsed.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"

namespace sightline::config {

struct YamlLimits {
  size_t text_bytes_max = 4 << 20;
  size_t nodes_max = 100'000;  // aliases counted as often as they are used
  size_t depth_max = 64;
};

struct YamlEntry;

struct YamlValue {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar that is a string whatever it looks like
  Mark mark;
  std::string scalar;
  std::vector<std::shared_ptr<const YamlValue>> items;
  std::vector<YamlEntry> entries;  // file order, keys unique
  size_t weight = 1;               // nodes below, aliases expanded

  const YamlEntry* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  Mark mark;  // of the key
  std::shared_ptr<const YamlValue> value;
};

// The first document of `text`; an empty text is a null value. A second document is an error.
Result<std::shared_ptr<const YamlValue>> parse_yaml(std::string_view text, std::string_view file,
                                                    const YamlLimits& limits = {});

}  // namespace sightline::config
