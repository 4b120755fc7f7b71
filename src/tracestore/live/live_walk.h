#pragma once
// Goes through the live traces one reader sees, each once and whole: from the batch that came last to the first, those that
// begin in it. Neighbours share their batches, so that each is decoded about once; no list of traces is made.
//   Threads   one at a time.
//   Lifetime  the live traces outlive it.
#include <cstdint>
#include <memory>
#include <vector>

#include "tracestore/live/live_traces.h"

namespace sightline::tracestore {

class LiveWalk {
 public:
  LiveWalk(const LiveTraces& live, Visible visible);

  bool at_end() const { return batches_.empty(); }
  // Each of those still to come starts by then.
  TimestampNs newest() const { return newest_.empty() ? TimestampNs{0} : newest_.back(); }
  // Appends the traces that begin in the next batch.
  void next(std::vector<LiveTrace>& traces);

 private:
  const LiveTraces& live_;
  const Visible visible_;
  std::vector<std::shared_ptr<const LiveBatch>> batches_;  // those to come, the next one last
  std::vector<TimestampNs> newest_;                        // of each and those before it
};

}  // namespace sightline::tracestore
