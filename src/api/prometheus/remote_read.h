#pragma once
// POST /api/v1/read: samples, or streamed chunks, for any client of Prometheus' remote read.
//   Types    the first of the client's list that is known; samples when the list is empty.
//   Labels   external labels are added to what leaves; an equality with one of them is met here.
//   Limits   ReadLimits; over the sample limit: 400. A streamed answer is made frame by frame.
//   Source   spec: Remote read.
#include <memory>

#include "api/prometheus/prometheus_routes.h"

namespace sightline::api::prometheus {

struct ReadLimits {
  size_t request_bytes_max = 32u << 20;  // unpacked
  uint64_t samples_max = 50'000'000;     // of an answer that is made whole
  size_t frame_bytes_max = 1u << 20;
};

void add_remote_read(net::HttpRouter& router, std::shared_ptr<const PrometheusApi> api);

}  // namespace sightline::api::prometheus
