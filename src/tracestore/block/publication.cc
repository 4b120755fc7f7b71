#include "tracestore/block/publication.h"

#include <algorithm>

namespace sightline::tracestore {

Snapshot::~Snapshot() { from_.close(visible_); }

std::unique_ptr<Snapshot> Publication::open() {
  const std::lock_guard lock(mutex_);
  open_.emplace(version_, sequence_);
  return std::make_unique<Snapshot>(*this, Visible{sequence_, version_}, blocks_);
}

void Publication::publish(LiveBatch& batch) {
  const std::lock_guard lock(mutex_);
  batch.sequence.store(++sequence_, std::memory_order_release);
}

uint64_t Publication::next_version() const {
  const std::lock_guard lock(mutex_);
  return version_ + 1;
}

void Publication::publish(BlockList blocks) {
  auto list = std::make_shared<const BlockList>(std::move(blocks));
  const std::lock_guard lock(mutex_);
  ++version_;
  blocks_.swap(list);  // the old list dies outside the lock
}

std::shared_ptr<const BlockList> Publication::blocks() const {
  const std::lock_guard lock(mutex_);
  return blocks_;
}

LiveTraces::OldReaders Publication::old_readers() const {
  const std::lock_guard lock(mutex_);
  LiveTraces::OldReaders readers{.oldest_version = version_};
  if (!open_.empty()) readers.oldest_version = open_.begin()->first;
  for (const auto& [version, sequence] : open_)
    if (version < version_) readers.newest_sequence = std::max(readers.newest_sequence, sequence);
  return readers;
}

void Publication::close(Visible visible) {
  const std::lock_guard lock(mutex_);
  open_.erase(open_.find({visible.version, visible.sequence}));
}

}  // namespace sightline::tracestore
