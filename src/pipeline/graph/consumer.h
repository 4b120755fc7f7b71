#pragma once
// The edges of the collector's graph: what a receiver hands to a processor, a
// connector or an exporter. Within the process an edge is this function call.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::pipeline {

using SharedBatch = std::shared_ptr<const model::SpanBatch>;

// Takes whole batches or refuses them whole: kResourceExhausted and kUnavailable are retryable
// by the sender, everything else is permanent. Any thread.
class SpanConsumer {
 public:
  virtual ~SpanConsumer() = default;
  virtual Status consume(const SharedBatch& batch) = 0;
};

// The same where spans of many tenants are kept apart: X-Scope-OrgID, as the sender wrote it, says whose they are.
using TenantConsumer = std::function<Status(std::string_view org_id, const SharedBatch& batch)>;

}  // namespace sightline::pipeline
