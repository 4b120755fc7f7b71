#include "tsdb/codec/decoded_groups.h"

#include <utility>

namespace sightline::tsdb {
namespace {

template <typename Map, typename Key>
auto find_used(Map& map, const Key& key) {
  const auto found = map.find(key);
  if (found == map.end()) return decltype(found->second.value)();
  found->second.is_used = true;
  return found->second.value;
}

// Returns the bytes that became free.
template <typename Map>
size_t erase_unused(Map& map) {
  size_t freed = 0;
  absl::erase_if(map, [&](auto& item) {
    if (std::exchange(item.second.is_used, false)) return false;
    freed += item.second.bytes;
    return true;
  });
  return freed;
}

}  // namespace

DecodedGroups::ColumnsPtr DecodedGroups::find(const UnitKey& key) {
  Shard& home = shard(key.group);
  const std::lock_guard lock(home.mutex);
  return find_used(home.units, key);
}

DecodedGroups::GroupPtr DecodedGroups::find_group(const GroupKey& key) {
  Shard& home = shard(key);
  const std::lock_guard lock(home.mutex);
  return find_used(home.groups, key);
}

void DecodedGroups::keep(const UnitKey& key, ColumnsPtr columns) {
  const size_t bytes =
      kEntryBytes + columns->bytes.size() + columns->ends.size() * sizeof(uint32_t);
  Shard& home = shard(key.group);
  const std::lock_guard lock(home.mutex);
  make_room(home, bytes);
  if (home.units.try_emplace(key, Entry<ColumnsPtr>{std::move(columns), bytes}).second)
    home.bytes += bytes;
}

void DecodedGroups::keep_group(const GroupKey& key, GroupPtr group) {
  const size_t bytes = kEntryBytes + group->layout.units.size() * sizeof(GroupUnit) +
                       group->times.size() * sizeof(int64_t);
  Shard& home = shard(key);
  const std::lock_guard lock(home.mutex);
  make_room(home, bytes);
  if (home.groups.try_emplace(key, Entry<GroupPtr>{std::move(group), bytes}).second)
    home.bytes += bytes;
}

void DecodedGroups::make_room(Shard& shard, size_t bytes) {
  if (shard.bytes + bytes <= shard_bytes_max_) return;
  shard.bytes -= erase_unused(shard.units) + erase_unused(shard.groups);
  if (shard.bytes + bytes <= shard_bytes_max_) return;
  shard.units.clear();
  shard.groups.clear();
  shard.bytes = 0;
}

}  // namespace sightline::tsdb
