#pragma once
// Spans that wait until their trace is complete, or old enough: what grouping by trace and
// tail sampling have in common. A trace refers to the batches its spans came in.
//   Limits    none of its own; the owner asks count() and takes the oldest().
//   Order     traces in the order of their first span; spans in order of arrival.
//   Threads   one owner at a time.
#include <absl/container/flat_hash_map.h>

#include <chrono>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/graph/consumer.h"

namespace sightline::pipeline {

// Some spans of one batch.
struct SpanPart {
  SharedBatch batch;
  std::vector<uint32_t> spans;  // indexes into batch->spans
};

struct WaitingTrace {
  TraceId id;
  std::vector<SpanPart> parts;
  size_t span_count = 0;
  size_t bytes = 0;                                   // of the spans as they were encoded
  std::chrono::nanoseconds first_seen{0};             // monotonic
  std::optional<std::chrono::nanoseconds> root_seen;  // a span without parent

  // Every span with its batch, in order of arrival, until `each` says stop (false).
  template <typename Each>
  bool visit(Each each) const {
    for (const SpanPart& part : parts)
      for (const uint32_t index : part.spans)
        if (!each(*part.batch, part.batch->spans[index])) return false;
    return true;
  }
};

// One batch of just these spans; it no longer needs the batches they came in, except for their bytes.
SharedBatch gather(std::span<const SpanPart> parts);
// The spans of a batch by trace, in order of their first span.
std::vector<std::pair<TraceId, std::vector<uint32_t>>> spans_by_trace(
    const model::SpanBatch& batch);

class WaitingTraces {
 public:
  // The trace these spans belong to; made when it is new.
  WaitingTrace& add(const TraceId& id, const SharedBatch& batch, std::vector<uint32_t> spans,
                    std::chrono::nanoseconds now);
  size_t count() const { return order_.size(); }
  bool has(const TraceId& id) const { return by_id_.contains(id); }
  WaitingTrace take_oldest() { return take(order_.begin()); }
  WaitingTrace take(const TraceId& id) { return take(by_id_.at(id)); }
  // Takes every trace of which `is_ready`; the first that is not ready does not end the search.
  template <typename Ready>
  std::vector<WaitingTrace> take_if(Ready is_ready) {
    std::vector<WaitingTrace> taken;
    for (auto at = order_.begin(); at != order_.end();) {
      const auto next = std::next(at);
      if (is_ready(*at)) taken.push_back(take(at));
      at = next;
    }
    return taken;
  }

 private:
  using Place = std::list<WaitingTrace>::iterator;
  WaitingTrace take(Place place);

  std::list<WaitingTrace> order_;
  absl::flat_hash_map<TraceId, Place, TraceIdHash> by_id_;
};

}  // namespace sightline::pipeline
