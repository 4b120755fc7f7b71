#pragma once
// What span metrics need to know of a resource, remembered by the bytes it came in.
//   Threads  any; one mutex, taken once per resource of a batch.
//   Limits   resources_cached_max; when full it starts anew (ids are never reused).
#include <absl/container/flat_hash_map.h>

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/spanmetrics/options.h"
#include "model/labels.h"
#include "model/owned_attributes.h"
#include "model/span_batch.h"

namespace sightline::connectors::spanmetrics {

// What a series counts. Calls and durations share one where their dimensions are the same.
enum class SeriesKind : uint8_t { kCallsAndDuration, kCalls, kDuration, kEvents };
inline constexpr size_t kSeriesKinds = 4;
using DimensionLists = std::array<std::vector<Dimension>, kSeriesKinds>;

// Immutable once made.
struct Resource {
  uint64_t id = 0;       // part of the raw series key
  bool counted = false;  // false without service.name: the peer does not count such spans
  std::string job;       // service.namespace/service.name
  std::string instance;  // service.instance.id; may be empty
  std::string service_name;
  std::string target_key;                                    // job and instance, length-prefixed
  uint64_t target_hash = 0;                                  // of target_key: chooses the shard
  std::shared_ptr<const model::OwnedAttributes> attributes;  // with keep_attributes
  model::Labels target_info;  // job, instance and the other attributes; empty unless both are there
  // Per kind of series and dimension of it: text to use when the span has no such attribute.
  std::array<std::vector<std::optional<std::string>>, kSeriesKinds> fallbacks;
};

class ResourceCache {
 public:
  // Both outlive the cache.
  ResourceCache(const SpanMetricsOptions& options, const DimensionLists& dimensions)
      : options_(options), dimensions_(dimensions) {}
  std::shared_ptr<const Resource> find_or_make(const model::SpanBatch& batch,
                                               const model::ResourceView& resource);

 private:
  std::shared_ptr<const Resource> make(const model::SpanBatch& batch,
                                       const model::ResourceView& resource, uint64_t id);
  void join_group(const model::SpanBatch& batch, const model::ResourceView& resource,
                  Resource& made);  // needs mutex_

  const SpanMetricsOptions& options_;
  const DimensionLists& dimensions_;
  std::mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Resource>> by_bytes_;  // guarded by mutex_
  // With resource_key_attributes: the first resource of each group, by the values of those attributes.
  absl::flat_hash_map<std::string, Resource> groups_;  // guarded by mutex_
  uint64_t next_id_ = 1;                               // guarded by mutex_
};

}  // namespace sightline::connectors::spanmetrics
