#include "api/prometheus/series_id_cache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/random.h"

namespace sightline::api::prometheus {

SeriesIdCache::SeriesIdCache() : table_(0, Hash{.entries = &entries_}, Same{.entries = &entries_}) {
  static_assert(kSecretBytes >= XXH3_SECRET_SIZE_MIN && kSecretBytes % 8 == 0);
  for (size_t at = 0; at < kSecretBytes; at += 32) {
    Random random(Random::entropy_seed());
    for (size_t word = 0; word < 32; word += 8) store_le(secret_.data() + at + word, random.next());
  }
  for (auto& first : first_) first = kNone;
}

SeriesIdCache::Key SeriesIdCache::key_of(uint8_t kind, std::string_view bytes) const {
  const XXH128_hash_t hash =
      XXH3_128bits_withSecret(bytes.data(), bytes.size(), secret_.data(), kSecretBytes);
  return {hash.low64 ^ (kind * 0x9e3779b97f4a7c15u), hash.high64 + kind};
}

SeriesIdCache::Session::Session(SeriesIdCache& cache, uint8_t kind)
    : cache_(cache), kind_(kind), expected_(cache.first_by_kind(kind).load()) {
  cache_.mutex_.ReaderLock();
}

SeriesIdCache::Session::~Session() { cache_.mutex_.ReaderUnlock(); }

size_t SeriesIdCache::Session::expected_bytes() const {
  return expected_ < cache_.entries_.size() ? cache_.entries_[expected_].bytes : 0;
}

bool SeriesIdCache::Session::recognizes(std::string_view bytes) {
  if (expected_ >= cache_.entries_.size() || cache_.entries_[expected_].bytes != bytes.size() ||
      cache_.entries_[expected_].key != cache_.key_of(kind_, bytes))
    return false;
  recognized_ = bytes.data();
  return true;
}

void SeriesIdCache::Session::follow(uint32_t entry) {
  std::atomic<uint32_t>& guess =
      last_ < cache_.entries_.size() ? cache_.entries_[last_].next : cache_.first_by_kind(kind_);
  if (entry != last_ && guess.load(std::memory_order_relaxed) != entry)
    guess.store(entry, std::memory_order_relaxed);
  last_ = entry;
  expected_ = cache_.entries_[entry].next.load(std::memory_order_relaxed);
}

std::optional<tsdb::SeriesId> SeriesIdCache::Session::find(std::string_view bytes) {
  if (recognized_ != bytes.data() && !recognizes(bytes)) {
    const auto found = cache_.table_.find(cache_.key_of(kind_, bytes));
    if (found == cache_.table_.end()) return std::nullopt;
    expected_ = *found;
  }
  recognized_ = nullptr;
  follow(expected_);
  return tsdb::SeriesId{cache_.entries_[last_].id};
}

std::span<const tsdb::SeriesId> SeriesIdCache::Session::upcoming(
    std::span<tsdb::SeriesId> room) const {
  size_t count = 0;
  for (uint32_t at = last_; count < room.size() && at < cache_.entries_.size(); ++count) {
    room[count] = {cache_.entries_[at].id};
    at = cache_.entries_[at].next.load(std::memory_order_relaxed);
  }
  return room.first(count);
}

void SeriesIdCache::Session::keep(std::string_view bytes, tsdb::SeriesId id) {
  cache_.mutex_.ReaderUnlock();
  const uint32_t entry = cache_.keep(cache_.key_of(kind_, bytes), bytes.size(), id);
  cache_.mutex_.ReaderLock();
  if (entry < cache_.entries_.size()) follow(entry);
}

uint32_t SeriesIdCache::keep(const Key& key, size_t bytes, tsdb::SeriesId id) {
  const absl::MutexLock alone(&mutex_);
  if (const auto found = table_.find(key); found != table_.end()) {
    entries_[*found].id = id.value;
    return *found;
  }
  if (entries_.size() >= kEntriesMax) {
    table_.clear();
    entries_.clear();
  }
  const auto number = static_cast<uint32_t>(entries_.size());
  Entry& entry = entries_.emplace_back();
  entry.key = key;
  entry.id = id.value;
  entry.bytes = static_cast<uint32_t>(bytes);
  table_.insert(number);
  return number;
}

}  // namespace sightline::api::prometheus
