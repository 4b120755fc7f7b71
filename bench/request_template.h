#pragma once
// One encoded trace request that becomes a new one each time it is sent: fresh ids and current times for the price
// of a copy. So the driver spends its time on the socket, and the server never sees a trace twice.
//   Invariants  within a stamped request equal ids stay equal, so traces stay whole.
//   Threads     stamp() from any number of threads.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace sightline::bench {

class RequestTemplate {
 public:
  // `request` is an ExportTraceServiceRequest in protobuf with at least one span.
  static Result<RequestTemplate> create(std::string request);

  struct Stamped {
    std::string request;
    TraceId first_trace;
  };
  // A copy with new ids whose last span ends at `now`; the same seed gives the same ids.
  Stamped stamp(uint64_t seed, TimestampNs now) const;
  size_t span_count() const { return trace_ids_.size(); }
  size_t bytes() const { return request_.size(); }

 private:
  void find_spans(std::string_view message, size_t depth);
  void note_span(std::string_view span);
  size_t offset_of(const char* at) const { return static_cast<size_t>(at - request_.data()); }

  std::string request_;
  std::vector<size_t> trace_ids_;  // offsets in request_
  std::vector<size_t> span_ids_;   // a span's own and its parent's
  std::vector<size_t> times_;      // starts and ends
  uint64_t last_end_ns_ = 0;
};

}  // namespace sightline::bench
