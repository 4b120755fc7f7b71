#pragma once
// Trace requests as the SDKs of a shop's pods send them (shop_topology.h): each request is what one pod's batch
// processor held, so a trace of several services arrives in many requests, leaves first.
//   Shape    24 services, 45 pods, about 190 span names, 8 to 60 spans a trace (mean 21), about 460 bytes a span;
//            2 % of the traces fail, with exceptions and stack traces; some spans link to others.
//   Time     simulated from `start` on; a request comes out at the time it would have been sent.
//   Threads  one owner.
#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/time.h"

namespace sightline::bench {

struct ShopTrafficOptions {
  uint64_t seed = 1;
  double spans_per_second = 40'000;
  uint32_t spans_per_request_max = 512;
  uint64_t flush_after_ns = 5'000'000'000;  // how long a pod holds an incomplete batch
  TimestampNs start{1'795'485'322'988'000'000};
};

class ShopTraffic {
 public:
  explicit ShopTraffic(const ShopTrafficOptions& options);
  ~ShopTraffic();

  struct Request {
    std::string bytes;  // an ExportTraceServiceRequest
    uint64_t spans = 0;
    TimestampNs sent;
    TraceId first_trace;
  };
  Request next();

  uint64_t traces_made() const;
  uint64_t spans_made() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace sightline::bench
