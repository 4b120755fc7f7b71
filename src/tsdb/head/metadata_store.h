#pragma once
// Type, unit and help of metric families, by name.
//   Threads  any.
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "model/sample.h"

namespace sightline::tsdb {

class MetadataStore {
 public:
  using Entries = std::map<std::string, model::MetricMetadata, std::less<>>;

  // False when it is already so.
  bool differs(std::string_view metric, const model::MetricMetadata& metadata) const {
    const std::lock_guard lock(mutex_);
    const auto at = entries_.find(metric);
    return at == entries_.end() || at->second != metadata;
  }
  void set(std::string_view metric, model::MetricMetadata metadata) {
    const std::lock_guard lock(mutex_);
    entries_.insert_or_assign(std::string(metric), std::move(metadata));
  }
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }
  // All of them when `metric` is empty.
  std::map<std::string, model::MetricMetadata> get(std::string_view metric) const {
    const std::lock_guard lock(mutex_);
    if (metric.empty()) return {entries_.begin(), entries_.end()};
    const auto at = entries_.find(metric);
    if (at == entries_.end()) return {};
    return {{at->first, at->second}};
  }

 private:
  mutable std::mutex mutex_;
  Entries entries_;  // guarded by mutex_
};

}  // namespace sightline::tsdb
