#include "pipeline/trace_fates.h"

namespace sightline::pipeline {

void RecentTraces::add(const TraceId& id) {
  Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock(shard.mutex);
  if (!shard.ids.insert(id).second) return;
  shard.order.push_back(id);
  if (shard.order.size() <= shard_max_) return;
  shard.ids.erase(shard.order.front());
  shard.order.pop_front();
}

bool RecentTraces::has(const TraceId& id) const {
  const Shard& shard = shards_[shard_of(id)];
  const std::lock_guard lock(shard.mutex);
  return shard.ids.contains(id);
}

}  // namespace sightline::pipeline
