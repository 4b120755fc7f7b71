#pragma once
// Trace requests of an imagined web shop: browsing, carts and checkouts through eight services, as a gateway
// collector would send them on: one resource per service, whole traces, real parents, both sides of each call.
#include <cstdint>
#include <string>

namespace sightline::bench {

struct ShopRequest {
  uint32_t traces = 30;  // about 10 spans each
  uint64_t seed = 1;     // of ids, choices and durations
};

// An ExportTraceServiceRequest in protobuf.
std::string make_shop_request(const ShopRequest& shop);

}  // namespace sightline::bench
