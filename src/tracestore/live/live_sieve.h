#pragma once
// Passes by live traces that cannot hold the texts a scan asks for. Texts lie in a batch's bytes as they are, and
// looking for one there costs a fraction of decoding.
//   Never a wrong no: what is let through may still hold nothing.
//   Threads  one at a time.
//   Lifetime  the request outlives it.
#include <cstdint>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "tracestore/live/live_traces.h"
#include "tracestore/querier.h"

namespace sightline::tracestore {

class LiveSieve {
 public:
  explicit LiveSieve(const ScanRequest& request);
  // kCorrupt and the like when the log cannot be read.
  Result<bool> may_match(const LiveTrace& trace);

 private:
  using Bits = uint64_t;  // one for each of wanted_
  Result<Bits> met_by(const LiveBatch& batch);

  const bool all_;  // of wanted_, else any, must be met
  // Of each condition, texts that lie in a batch that meets it. Empty: there is nothing to look for.
  std::vector<std::vector<std::string_view>> wanted_;
  Bits everything_ = 0;
  absl::flat_hash_map<const LiveBatch*, Bits> known_;
  size_t let_through_ = 0;  // of the batches that were read
};

}  // namespace sightline::tracestore
