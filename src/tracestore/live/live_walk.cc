#include "tracestore/live/live_walk.h"

#include <algorithm>
#include <utility>

namespace sightline::tracestore {

LiveWalk::LiveWalk(const LiveTraces& live, Visible visible)
    : live_(live), visible_(visible), batches_(live.batches(visible.sequence)) {
  newest_.reserve(batches_.size());
  TimestampNs newest{0};
  for (const auto& batch : batches_)
    newest_.push_back(newest = std::max(newest, batch->newest_begun()));
}

// A trace that has several parts, or was seen by others before its first batch was, may be named by several batches: it
// comes with the first one this reader sees.
void LiveWalk::next(std::vector<LiveTrace>& traces) {
  const auto batch = std::move(batches_.back());
  batches_.pop_back();
  newest_.pop_back();
  for (const TraceId& id : batch->begun()) {
    LiveTrace trace = live_.find(id, visible_);
    if (!trace.parts.empty() && trace.parts.front()->rows.runs().front().batch == batch)
      traces.push_back(std::move(trace));
  }
}

}  // namespace sightline::tracestore
