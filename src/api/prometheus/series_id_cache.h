#pragma once
// Which series labels sent as these bytes are, so that a sender's labels are read once and not with every sample. A sender
// names its series in the same order each time, as a rule: the one that came next last time is tried before any table.
//   Key       128 bits of a keyed hash of the bytes, under a key nobody knows: no sender can make two label sets meet.
//   Limits    kEntriesMax; then it begins anew. An entry whose series left the store costs one lookup more.
//   Memory    about 50 bytes an entry.
//   Threads   any; a Session has one owner, and others' new entries wait for it to end.
#include <absl/container/flat_hash_set.h>
#include <absl/synchronization/mutex.h>

#include <array>
#include <atomic>
#include <deque>
#include <optional>
#include <span>
#include <string_view>

#include "tsdb/appender.h"

namespace sightline::api::prometheus {

class SeriesIdCache {
 public:
  SeriesIdCache();

  // The series of one request, one after the other.
  class Session {
   public:
    // `kind` tells encodings apart.
    Session(SeriesIdCache& cache, uint8_t kind);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    // How many bytes the labels have that are expected next; 0 when none are.
    size_t expected_bytes() const;
    // Whether those are they; find() then need not look.
    bool recognizes(std::string_view bytes);
    // What was kept for these bytes, which become those that came last.
    std::optional<tsdb::SeriesId> find(std::string_view bytes);
    // Which are expected to come next, the one that find() found last first; as many as fit, no more than are known.
    std::span<const tsdb::SeriesId> upcoming(std::span<tsdb::SeriesId> room) const;
    // For the bytes that find() was last asked for.
    void keep(std::string_view bytes, tsdb::SeriesId id);

   private:
    void follow(uint32_t entry);

    SeriesIdCache& cache_;
    const uint8_t kind_;
    uint32_t last_ = kNone;             // entry that came last
    uint32_t expected_;                 // that should come now, or kNone
    const char* recognized_ = nullptr;  // where the bytes lie that were
  };

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kEntriesMax = 2'000'000;
  static constexpr size_t kKinds = 4;
  using Key = std::array<uint64_t, 2>;

  struct Entry {
    Key key;
    uint64_t id = 0;
    std::atomic<uint32_t> next = kNone;  // which came after it last time; a guess, so in any order
    uint32_t bytes = 0;
  };
  // The table holds numbers of entries and is asked for keys.
  struct Hash {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    size_t operator()(uint32_t entry) const { return (*entries)[entry].key[0]; }
    size_t operator()(const Key& key) const { return key[0]; }
  };
  struct Same {
    using is_transparent = void;
    const std::deque<Entry>* entries;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Key& b) const { return (*entries)[a].key == b; }
    bool operator()(const Key& a, uint32_t b) const { return (*entries)[b].key == a; }
  };

  Key key_of(uint8_t kind, std::string_view bytes) const;
  uint32_t keep(const Key& key, size_t bytes, tsdb::SeriesId id);  // the entry
  std::atomic<uint32_t>& first_by_kind(uint8_t kind) { return first_[kind % kKinds]; }

  static constexpr size_t kSecretBytes = 192;
  std::array<char, kSecretBytes> secret_;
  // Shared: reading entries, and writing their `next`. Lets who adds an entry in before those who come later.
  absl::Mutex mutex_;
  std::deque<Entry> entries_;                        // guarded by mutex_
  absl::flat_hash_set<uint32_t, Hash, Same> table_;  // guarded by mutex_
  std::array<std::atomic<uint32_t>, kKinds> first_;  // what a request began with last; a guess
};

}  // namespace sightline::api::prometheus
