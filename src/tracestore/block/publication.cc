#include "tracestore/block/publication.h"

namespace sightline::tracestore {

Snapshot::~Snapshot() { from_.close(visible_.version); }

std::unique_ptr<Snapshot> Publication::open() {
  const std::lock_guard lock(mutex_);
  open_.insert(version_);
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

uint64_t Publication::oldest_version() const {
  const std::lock_guard lock(mutex_);
  return open_.empty() ? version_ : *open_.begin();
}

void Publication::close(uint64_t version) {
  const std::lock_guard lock(mutex_);
  open_.erase(open_.find(version));
}

}  // namespace sightline::tracestore
