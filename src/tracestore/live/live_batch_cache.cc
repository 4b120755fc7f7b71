#include "tracestore/live/live_batch_cache.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sightline::tracestore {

uint64_t LiveBatchCache::Reader::bytes_max() const {
  return std::max(cache_.limits_.work_bytes_least,
                  cache_.limits_.work_bytes_max / std::max<uint64_t>(1, cache_.readers_));
}

uint64_t LiveBatchCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::shared_ptr<const model::SpanBatch> LiveBatchCache::known(
    const std::shared_ptr<const LiveBatch>& batch) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(batch.get());
  if (found == known_.end() || found->second.live.lock() != batch) return nullptr;
  return found->second.spans;
}

Result<std::shared_ptr<const model::SpanBatch>> LiveBatchCache::read(
    const std::shared_ptr<const LiveBatch>& batch) {
  if (auto spans = batch->hot()) return spans;
  if (auto spans = known(batch)) return spans;
  auto spans = batch->spans();
  if (spans) keep(batch, *spans);
  return spans;
}

// Of a batch that lay where this one does, the place stays behind in the order: it goes when its turn comes.
void LiveBatchCache::keep(const std::shared_ptr<const LiveBatch>& batch,
                          std::shared_ptr<const model::SpanBatch> spans) {
  std::vector<Known> gone;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = known_.try_emplace(batch.get());
  gone.push_back(std::exchange(place->second, {batch, std::move(spans)}));
  if (!is_new) return;
  order_.push_back({batch.get(), batch->decoded_bytes()});
  bytes_ += order_.back().bytes;
  while (bytes_ > limits_.kept_bytes_max) {
    bytes_ -= order_.front().bytes;
    const auto oldest = known_.find(order_.front().live);
    gone.push_back(std::move(oldest->second));
    known_.erase(oldest);
    order_.pop_front();
  }
}

}  // namespace sightline::tracestore
