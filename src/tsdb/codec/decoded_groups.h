#pragma once
// What was decoded of groups, in a form that is read quickly and takes few bytes: the layout of a group and its times; and the
// series of a unit that is slow to decode, as value columns. So the next query for the same data, and the next bucket of
// the same histogram, cost a fraction.
//   Limits    bytes_max; when it is passed, what was not used since the last time goes.
//   Threads   any.
//   Lifetime  a group's layout has views into its block, which whoever finds it must have open. Numbers of blocks are not used
//             again within one store.
#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tsdb/codec/group_layout.h"
#include "tsdb/codec/sample_group.h"

namespace sightline::tsdb {

class DecodedGroups {
 public:
  explicit DecodedGroups(size_t bytes_max = 8u << 20) : shard_bytes_max_(bytes_max / kShards) {}

  struct UnitKey {
    GroupKey group;
    uint32_t first_member = 0;
    friend bool operator==(const UnitKey&, const UnitKey&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const UnitKey& key) {
      return H::combine(std::move(h), key.group, key.first_member);
    }
  };
  // Value columns (value_column.h), one after the other.
  struct Columns {
    std::string bytes;
    std::vector<uint32_t> ends;
    std::string_view column(size_t i) const {
      const uint32_t begin = i == 0 ? 0 : ends[i - 1];
      return std::string_view(bytes).substr(begin, ends[i] - begin);
    }
  };
  using ColumnsPtr = std::shared_ptr<const Columns>;
  struct Group {
    GroupLayout layout;
    std::vector<int64_t> times;
  };
  using GroupPtr = std::shared_ptr<const Group>;

  // Null when it is not there.
  ColumnsPtr find(const UnitKey& key);
  GroupPtr find_group(const GroupKey& key);
  void keep(const UnitKey& key, ColumnsPtr columns);
  void keep_group(const GroupKey& key, GroupPtr group);

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kEntryBytes = 128;  // beside what it holds

  template <typename Value>
  struct Entry {
    Value value;
    size_t bytes = 0;
    bool is_used = true;  // since room was last made
  };
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<UnitKey, Entry<ColumnsPtr>> units;  // guarded by mutex
    absl::flat_hash_map<GroupKey, Entry<GroupPtr>> groups;  // guarded by mutex
    size_t bytes = 0;                                       // guarded by mutex
  };

  Shard& shard(const GroupKey& key) { return shards_[absl::HashOf(key) % kShards]; }
  void make_room(Shard& shard, size_t bytes);  // needs its mutex

  const size_t shard_bytes_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace sightline::tsdb
