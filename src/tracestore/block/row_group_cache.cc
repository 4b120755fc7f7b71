#include "tracestore/block/row_group_cache.h"

namespace sightline::tracestore {

template <typename Value>
std::list<Value> RowGroupCache::Recent<Value>::put(const Key& key, Value value, uint64_t bytes) {
  std::list<Value> gone;
  if (auto before = take(key)) gone.push_back(std::move(*before));
  if (bytes > bytes_max_) {
    gone.push_back(std::move(value));
    return gone;
  }
  while (bytes_ + bytes > bytes_max_) {
    gone.push_back(std::move(order_.front().value));
    erase(order_.begin());
  }
  order_.push_back({key, std::move(value), bytes});
  places_.emplace(key, std::prev(order_.end()));
  bytes_ += bytes;
  return gone;
}

template <typename Value>
std::list<Value> RowGroupCache::Recent<Value>::forget(const void* block) {
  std::list<Value> gone;
  for (Place at = order_.begin(); at != order_.end();) {
    const Place next = std::next(at);
    if (at->key.block == block) {
      gone.push_back(std::move(at->value));
      erase(at);
    }
    at = next;
  }
  return gone;
}

// What goes is destroyed outside the lock, everywhere here.

std::unique_ptr<RowGroupDecoder> RowGroupCache::take(const Key& key) {
  const std::lock_guard lock(mutex_);
  auto known = decoders_.take(key);
  return known ? std::move(*known) : nullptr;
}

void RowGroupCache::give_back(const Key& key, std::unique_ptr<RowGroupDecoder> decoder) {
  const uint64_t bytes = decoder->memory_bytes();
  std::list<std::unique_ptr<RowGroupDecoder>> gone;
  const std::lock_guard lock(mutex_);
  gone = decoders_.put(key, std::move(decoder), bytes);
}

std::shared_ptr<const RowGroupTables> RowGroupCache::tables(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto* known = tables_.find(key);
  return known == nullptr ? nullptr : *known;
}

void RowGroupCache::keep_tables(const Key& key, std::shared_ptr<const RowGroupTables> tables) {
  const uint64_t bytes = tables->bytes();
  std::list<std::shared_ptr<const RowGroupTables>> gone;
  const std::lock_guard lock(mutex_);
  gone = tables_.put(key, std::move(tables), bytes);
}

void RowGroupCache::forget(const void* block) {
  std::list<std::unique_ptr<RowGroupDecoder>> decoders;
  std::list<std::shared_ptr<const RowGroupTables>> tables;
  const std::lock_guard lock(mutex_);
  decoders = decoders_.forget(block);
  tables = tables_.forget(block);
}

uint64_t RowGroupCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return decoders_.bytes() + tables_.bytes();
}

}  // namespace sightline::tracestore
