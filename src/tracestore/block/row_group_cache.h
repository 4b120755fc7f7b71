#pragma once
// Row groups that were read lately, still open: the next trace of one costs its page, not its tables, frequencies and
// dictionaries again. One for all blocks of a store, so that what it takes does not grow with their number.
//   Memory    Limits, by what decoders and tables say of themselves; the least recently used go.
//   Threads   any. A decoder has one user at a time: it is taken out, and given back.
//   Lifetime  a block forgets its own before it goes.
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <absl/container/flat_hash_map.h>

#include "tracestore/row_group/row_group_decoder.h"

namespace sightline::tracestore {

class RowGroupCache {
 public:
  struct Limits {
    uint64_t decoder_bytes_max = 24u << 20;
    uint64_t table_bytes_max = 8u << 20;
  };
  explicit RowGroupCache(const Limits& limits)
      : decoders_(limits.decoder_bytes_max), tables_(limits.table_bytes_max) {}

  struct Key {
    const void* block = nullptr;
    uint32_t number = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.block, key.number);
    }
  };
  // Null when there is none, or somebody has it.
  std::unique_ptr<RowGroupDecoder> take(const Key& key);
  void give_back(const Key& key, std::unique_ptr<RowGroupDecoder> decoder);
  std::shared_ptr<const RowGroupTables> tables(const Key& key);
  void keep_tables(const Key& key, std::shared_ptr<const RowGroupTables> tables);
  void forget(const void* block);

  uint64_t bytes() const;

 private:
  template <typename Value>
  class Recent {
   public:
    explicit Recent(uint64_t bytes_max) : bytes_max_(bytes_max) {}
    Value* find(const Key& key) {
      const auto found = places_.find(key);
      if (found == places_.end()) return nullptr;
      order_.splice(order_.end(), order_, found->second);
      return &found->second->value;
    }
    std::optional<Value> take(const Key& key) {
      const auto found = places_.find(key);
      if (found == places_.end()) return std::nullopt;
      Value value = std::move(found->second->value);
      erase(found->second);
      return value;
    }
    // What has to go for it, and what it replaces.
    std::list<Value> put(const Key& key, Value value, uint64_t bytes);
    std::list<Value> forget(const void* block);
    uint64_t bytes() const { return bytes_; }

   private:
    struct Entry {
      Key key;
      Value value;
      uint64_t bytes = 0;
    };
    using Place = typename std::list<Entry>::iterator;
    void erase(Place place) {
      bytes_ -= place->bytes;
      places_.erase(place->key);
      order_.erase(place);
    }
    const uint64_t bytes_max_;
    uint64_t bytes_ = 0;
    std::list<Entry> order_;  // the last used one last
    absl::flat_hash_map<Key, Place> places_;
  };

  mutable std::mutex mutex_;
  Recent<std::unique_ptr<RowGroupDecoder>> decoders_;     // guarded by mutex_
  Recent<std::shared_ptr<const RowGroupTables>> tables_;  // guarded by mutex_
};

}  // namespace sightline::tracestore
