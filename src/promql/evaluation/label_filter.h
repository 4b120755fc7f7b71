#pragma once
// Picks labels of many series without building each set label by label: what grouping, matching and dropping a
// name need. A key is the packed form of the labels that are left.
//   Threads   immutable; any.
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/checksum.h"
#include "model/labels.h"

namespace sightline::promql {

class LabelFilter {
 public:
  // `names` must outlive the filter. kDrop drops the metric name too, kDropIdentity also type and unit.
  enum class Mode : uint8_t { kKeep, kDrop, kDropIdentity };
  LabelFilter(Mode mode, std::span<const std::string> names) : mode_(mode), names_(names) {}

  // Replaces `key` by the packed labels that are left.
  void key(const model::Labels& labels, std::string& key) const;
  model::Labels apply(const model::Labels& labels) const;

 private:
  bool keeps(std::string_view name) const;

  Mode mode_;
  std::span<const std::string> names_;
};

// Appends one label in packed form.
void append_packed(std::string& to, const model::LabelView& label);

// Hash tables by packed labels, looked up without a copy.
struct PackedHash {
  using is_transparent = void;
  size_t operator()(std::string_view packed) const { return static_cast<size_t>(xxh3(packed)); }
};
struct PackedEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};
template <typename T>
using PackedMap = std::unordered_map<std::string, T, PackedHash, PackedEqual>;

}  // namespace sightline::promql
