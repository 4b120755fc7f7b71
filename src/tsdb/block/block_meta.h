#pragma once
// What a block says about itself: meta.json, in the words of the peer's where it has them.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::tsdb {

struct BlockMeta {
  uint64_t number = 0;   // grows with each block written
  int64_t min_time = 0;  // ms, of the first sample or exemplar
  int64_t max_time = 0;  // ms, one past the last
  uint64_t series = 0;
  uint64_t samples = 0;
  uint64_t chunks = 0;
  uint64_t exemplars = 0;
  uint64_t bytes = 0;             // on disk; not stored
  uint32_t level = 1;             // how often compacted, from 1
  std::vector<uint64_t> sources;  // blocks cut from the head that went in; itself when level is 1
  std::vector<uint64_t> parents;  // blocks it replaces

  std::string id() const;  // "00000012"
  std::string directory_name() const { return "block-" + id(); }
  // Of two blocks with a sample at the same time, the one with the smaller age wins.
  uint64_t age() const { return sources.empty() ? number : sources.front(); }
  std::string to_json() const;
};

inline constexpr std::string_view kBlockDirectoryPrefix = "block-";
// The number in "block-00000012"; nullopt for any other name.
std::optional<uint64_t> block_number(std::string_view directory_name);
// The number also when ".corrupt" or ".tmp" follows: such a number is not used again.
std::optional<uint64_t> block_number_taken(std::string_view directory_name);

Result<BlockMeta> parse_block_meta(std::string_view json);

}  // namespace sightline::tsdb
