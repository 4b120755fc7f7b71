#include "tsdb/codec/group_layout.h"

#include <algorithm>

#include "base/bytes.h"
#include "tsdb/codec/sample_group.h"

namespace sightline::tsdb {
namespace {

std::unexpected<Error> damaged(const char* what) {
  return fail(Errc::kCorrupt, "group: ", what, " is damaged");
}

}  // namespace

const GroupUnit* GroupLayout::unit_of(uint32_t member) const {
  const auto after = std::upper_bound(
      units.begin(), units.end(), member,
      [](uint32_t wanted, const GroupUnit& unit) { return wanted < unit.first_member; });
  if (after == units.begin()) return nullptr;
  const GroupUnit& unit = *std::prev(after);
  return member - unit.first_member < unit.members() ? &unit : nullptr;
}

Result<GroupLayout> parse_group(std::string_view bytes, uint32_t up_to_member) {
  ByteReader in(bytes);
  GroupLayout layout;
  layout.samples = in.uvarint();
  layout.times = in.sized();
  const uint64_t count = in.uvarint();
  if (!in.ok() || layout.samples == 0 || layout.samples > kGroupSamplesMax || count == 0 ||
      count > kGroupMembersMax)
    return damaged("head");
  std::vector<uint64_t> lengths;
  uint32_t member = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t tag = in.u8();
    GroupUnit unit{.kind = static_cast<UnitKind>(tag & 3),
                   .has_created = (tag & kHasCreated) != 0,
                   .first_member = member};
    if (unit.kind != kSingle) {
      const uint64_t buckets = in.uvarint();
      if (buckets < 2 || buckets > kFamilyBucketsMax) return damaged("family");
      unit.buckets = static_cast<uint32_t>(buckets);
    }
    lengths.push_back(in.uvarint());
    if (!in.ok() || tag > (kHasCreated | kFamilyWithCount) || (tag & 3) == 3)
      return damaged("table");
    member += unit.members();
    if (member > kGroupMembersMax) return damaged("table");
    layout.units.push_back(unit);
  }
  layout.table_bytes = in.offset() - layout.times.size();
  for (size_t i = 0; i < layout.units.size(); ++i) {
    layout.units[i].bytes = in.bytes(lengths[i]);
    if (!in.ok()) return damaged("unit");
    if (layout.units[i].first_member > up_to_member) break;
  }
  if (up_to_member == UINT32_MAX && !in.at_end()) return damaged("end");
  return layout;
}

}  // namespace sightline::tsdb
