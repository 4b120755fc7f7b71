#pragma once
// Float samples of several series that share their timestamps, as one record: the times once; the buckets of a classic
// histogram together, as how many measurements fell into each since the sample before, coded row by row (of a row without
// measurements nothing but that is told); every other series in a column of its own that is read alone.
//   Integrity  no checksum here: whoever stores a group adds one.
//   Limits     kGroupSamplesMax samples, kGroupMembersMax members.
//   Format     docs/formats/tsdb_block.md, "Group"
#include <array>
#include <span>
#include <string>

#include "base/result.h"
#include "tsdb/codec/adaptive_column.h"
#include "tsdb/querier.h"

namespace sightline::tsdb {

inline constexpr size_t kGroupSamplesMax = 8'192;
inline constexpr size_t kGroupMembersMax = 1'024;
inline constexpr size_t kFamilyBucketsMax = 256;

// What a member is in its histogram family.
enum class FamilyRole : uint8_t { kNone, kBucket, kCount };

struct GroupMember {
  FamilyRole role = FamilyRole::kNone;
  uint64_t family = 0;               // of buckets and counts
  std::span<const double> values;    // as many as there are times
  std::span<const int64_t> created;  // likewise, or empty when all are unknown
};

// How hard to try for few bytes.
enum class GroupCoding : uint8_t {
  kSmall,  // families together, adaptive columns
  kQuick   // value columns alone: for what is soon merged and written anew
};
// Buckets of one family must follow each other by ascending `le`, its count after them.
std::string encode_group(std::span<const int64_t> times, std::span<const GroupMember> members,
                         GroupCoding coding = GroupCoding::kSmall);
// The same as kQuick from columns that are encoded already: the integer column of all their `count` times, and a value
// column each.
std::string join_group(size_t count, std::string_view times,
                       std::span<const std::string_view> values);

// Names a group for a cache; block 0: by where its bytes lie.
struct GroupKey {
  uint64_t block = 0;
  uint64_t offset = 0;
  friend bool operator==(const GroupKey&, const GroupKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const GroupKey& key) {
    return H::combine(std::move(h), key.block, key.offset);
  }
};
class DecodedGroups;

// Bytes of a group by what they hold.
struct GroupParts {
  uint64_t times = 0;
  uint64_t table = 0;  // counts and lengths
  uint64_t families = 0;
  uint64_t family_samples = 0;
  uint64_t created = 0;
  std::array<uint64_t, kAdaptiveCodecs> columns{};  // by codec
  std::array<uint64_t, kAdaptiveCodecs> column_samples{};
  void add(const GroupParts& other);
};

Status read_group_times(std::string_view bytes, std::vector<int64_t>& out);
// Appends the samples of one member to `out`, which is as before when the bytes are damaged. `cache` may be null.
Status read_group_member(std::string_view bytes, uint32_t member, DecodedGroups* cache,
                         SampleColumns& out, GroupKey key = {}, ValueNeed need = ValueNeed::kAll);
Result<GroupParts> measure_group(std::string_view bytes);
Result<uint32_t> group_member_count(std::string_view bytes);

}  // namespace sightline::tsdb
