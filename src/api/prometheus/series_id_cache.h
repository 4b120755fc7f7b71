#pragma once
// Which series labels sent as these bytes are, so that a sender's labels are read once and not with every sample.
//   Key       two 64-bit hashes of the bytes under seeds nobody knows: no sender can make two label sets meet.
//   Limits    kEntriesMax; then it begins anew. An entry whose series left the store costs one lookup more.
//   Threads   any.
#include <absl/container/flat_hash_map.h>

#include <array>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/checksum.h"
#include "base/random.h"
#include "tsdb/appender.h"

namespace sightline::api::prometheus {

class SeriesIdCache {
 public:
  struct Key {
    uint64_t first = 0;
    uint64_t second = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.first);
    }
  };
  // `kind` tells encodings apart.
  Key key_of(uint64_t kind, std::string_view bytes) const {
    return {xxh3(bytes, seed_ + kind), xxh3(bytes, other_seed_ - kind)};
  }
  std::optional<tsdb::SeriesId> find(const Key& key) const {
    const Shard& shard = shards_[key.second % kShards];
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.ids.find(key);
    if (found == shard.ids.end()) return std::nullopt;
    return tsdb::SeriesId{found->second};
  }
  void keep(const Key& key, tsdb::SeriesId id) {
    Shard& shard = shards_[key.second % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.ids.size() >= kEntriesMax / kShards) shard.ids = {};
    shard.ids.insert_or_assign(key, id.value);
  }

 private:
  static constexpr size_t kShards = 16;
  static constexpr size_t kEntriesMax = 2'000'000;
  struct Shard {
    mutable std::mutex mutex;
    absl::flat_hash_map<Key, uint64_t> ids;  // guarded by mutex
  };
  const uint64_t seed_ = Random::entropy_seed();
  const uint64_t other_seed_ = Random::entropy_seed();
  std::array<Shard, kShards> shards_;
};

}  // namespace sightline::api::prometheus
