#pragma once
// Where the parts of an encoded group lie. For those who read groups; sample_group.h is what others include.
//   Lifetime  views into the group's bytes.
//   Format    docs/formats/tsdb_block.md, "Group"
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightline::tsdb {

enum UnitKind : uint8_t { kSingle = 0, kFamily = 1, kFamilyWithCount = 2 };
inline constexpr uint8_t kHasCreated = 4;

// One entry of the table: a member of its own, or a family's buckets and perhaps its count.
struct GroupUnit {
  UnitKind kind = kSingle;
  bool has_created = false;
  uint32_t buckets = 0;  // of a family
  uint32_t first_member = 0;
  std::string_view bytes;
  uint32_t members() const {
    return kind == kSingle ? 1 : buckets + (kind == kFamilyWithCount ? 1 : 0);
  }
};

struct GroupLayout {
  uint64_t samples = 0;
  std::string_view times;
  std::vector<GroupUnit> units;
  uint64_t table_bytes = 0;

  // The unit that a member is in; null when there is no such member.
  const GroupUnit* unit_of(uint32_t member) const;
  uint32_t member_count() const { return units.back().first_member + units.back().members(); }
};

// Units beyond the one with `up_to_member` may be left without their bytes.
Result<GroupLayout> parse_group(std::string_view bytes, uint32_t up_to_member = UINT32_MAX);

}  // namespace sightline::tsdb
