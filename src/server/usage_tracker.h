#pragma once
// How many bytes of spans each tenant sent, by the attributes it wants them told apart by: what /usage_metrics shows.
//   Bytes    of the spans as they came; those of a resource and a scope count with their first span in a request.
//   Limits   series_max of one tenant; what comes beyond counts as "__overflow__".
//   Threads  any.
//   Source   Tempo, "Usage tracker".
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "model/span_batch.h"

namespace sightline::server {

// Attribute to label: "service.name", "resource.service.name" or "span.http.method"; an empty label is the
// attribute's own name.
using UsageDimensions = std::map<std::string, std::string>;

class UsageTracker {
 public:
  UsageTracker(uint32_t series_max,
               std::function<UsageDimensions(const std::string& tenant)> dimensions)
      : series_max_(series_max), dimensions_(std::move(dimensions)) {}

  void count(const std::string& tenant, const model::SpanBatch& batch);
  std::string text() const { return counters_.text(); }  // Prometheus text format

 private:
  Counter& counter(const std::string& tenant, const std::vector<std::string>& labels,
                   const std::vector<std::string>& values);

  const uint32_t series_max_;
  const std::function<UsageDimensions(const std::string&)> dimensions_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::vector<std::string>, Counter*>>
      series_;  // by tenant; guarded by mutex_
  Telemetry counters_;
};

}  // namespace sightline::server
