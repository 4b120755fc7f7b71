#pragma once
// How spans come into the trace store.
#include <memory>

#include "base/result.h"
#include "model/span_batch.h"

namespace sightline::tracestore {

class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  // When it returns without error the spans survive a kill -9 (power loss with
  // sync=always) and can be found by id and by search. Any thread; blocks for a disk write.
  // kUnavailable: disk full or stopping, retryable. kResourceExhausted: over a limit, retryable.
  virtual Status append(std::shared_ptr<const model::SpanBatch> batch) = 0;
};

}  // namespace sightline::tracestore
