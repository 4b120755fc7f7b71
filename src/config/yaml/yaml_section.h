#pragma once
// Reads a section of a peer's file of which part means something here; the rest is held to the peer's keys. A
// section that is not in the file reads nothing.
//   Lifetime  as MapReader's; the keys outlive it.
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "config/known_keys.h"
#include "config/yaml/yaml_node.h"

namespace sightline::config {

class Section {
 public:
  Section(std::optional<Cursor> at, const KnownKeys* known) : known_(known) {
    if (at) map_.emplace(*at);
  }
  MapReader* map() { return map_ ? &*map_ : nullptr; }
  // Reads `key` where the peer has it in this section; else it stays unknown.
  template <typename T>
  void read(std::string_view key, T& out) {
    if (knows(key) && map_) map_->read(key, out);
  }
  Section inner(std::string_view key) {
    if (!knows(key)) return Section(std::nullopt, nullptr);
    return Section(map_ ? map_->take(key) : std::nullopt, known_->child(key));
  }
  std::optional<Cursor> take(std::string_view key) {
    return knows(key) && map_ ? map_->take(key) : std::nullopt;
  }
  void ignore(std::string_view key, std::string_view why) {
    if (knows(key) && map_) map_->ignore_known(*known_->child(key), why);
  }
  // Everything not read so far: known to the peer and noticed, or an error.
  void finish(std::string_view why) {
    if (!map_) return;
    for (const KnownKeys& key : known_->children)
      if (!read_.contains(key.name)) map_->ignore_known(key, why);
    map_->finish();
  }

 private:
  bool knows(std::string_view key) {
    if (known_ == nullptr || known_->child(key) == nullptr) return false;
    read_.insert(std::string(key));
    return true;
  }
  const KnownKeys* known_;
  std::optional<MapReader> map_;
  std::set<std::string> read_;
};

}  // namespace sightline::config
