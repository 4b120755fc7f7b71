#pragma once
// Delta points as cumulative ones: what each stream of points has summed up to, so that what is stored is a counter.
//   Transaction  add() computes against what is pending; keep() makes it so, forget() drops it: a request that was not
//                stored and comes again is not counted twice. take_back() drops the last point alone: what is refused is
//                not in the sum.
//   Streams      one that pauses goes on where it was, and so does one whose producer began anew: its deltas add. Several
//                producers of one stream add up as long as each point ends after the one before. Histograms of other bounds
//                begin anew; exponential ones meet at the coarser scale.
//   Order        a point that does not end after the last of its stream is refused: kOutOfRange. One may both begin and
//                end where the last one ended. DeltaOrder says what the peer's prometheus exporter does instead.
//   Limits       kStreamsMax streams; those idle longest make room. Sums begin anew with the process, with a new start.
//   Threads      one owner at a time; the caller locks.
#include <absl/container/flat_hash_map.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/otlp/decode_metrics.h"

namespace sightline::pipeline {

// When a point adds to its stream, begins it anew, or is refused.
enum class DeltaOrder {
  kEnds,  // adds when it ends after the last one, or begins and ends where that ended; else refused
  kPeerSums,  // adds when it begins where the last one ended; refused when it ends before that; else anew
  kPeerHistograms  // adds when it begins where the last one ended; anew when it begins after that; else refused
};

class DeltaAccumulator {
 public:
  static constexpr size_t kStreamsMax = 200'000;

  // Makes `point` of the stream named `key` cumulative.
  Status add(const std::string& key, model::DataPoint& point, DeltaOrder order = DeltaOrder::kEnds);
  void take_back();
  void keep();
  void forget() { pending_.clear(); }
  size_t streams() const { return streams_.size(); }

 private:
  using Streams = absl::flat_hash_map<std::string, model::DataPoint>;
  void make_room();

  Streams streams_;
  Streams pending_;
  // What take_back() goes back to: the stream of the last add(), and what was pending of it.
  std::string last_key_;
  std::optional<model::DataPoint> last_pending_;
};

}  // namespace sightline::pipeline
