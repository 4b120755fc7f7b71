#pragma once
// Float samples of several series that share their timestamps, as one record: the times once; the buckets of a classic
// histogram together, as how many measurements fell into each since the sample before, coded row by row (of a row without
// measurements nothing but that is told); every other series in a column of its own that is read alone.
//   Integrity  no checksum here: whoever stores a group adds one.
//   Limits     kGroupSamplesMax samples, kGroupMembersMax members.
//   Format     docs/formats/tsdb_block.md, "Group"
#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "tsdb/adaptive_column.h"
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

// Buckets of one family must follow each other by ascending `le`, its count after them.
std::string encode_group(std::span<const int64_t> times, std::span<const GroupMember> members);

// Decoded buckets of families, so that reading one bucket after the other decodes once. Any thread.
class FamilyCache {
 public:
  // Column of each bucket, one after the other.
  using Columns = std::shared_ptr<const std::vector<double>>;
  Columns find(const void* unit) const;
  void keep(const void* unit, Columns columns);

 private:
  static constexpr size_t kValuesMax = 2u << 20;
  mutable std::mutex mutex_;
  std::unordered_map<const void*, Columns> columns_;  // guarded by mutex_
  size_t values_ = 0;                                 // guarded by mutex_
};

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
Status read_group_member(std::string_view bytes, uint32_t member, FamilyCache* cache,
                         SampleColumns& out);
Result<GroupParts> measure_group(std::string_view bytes);

}  // namespace sightline::tsdb
