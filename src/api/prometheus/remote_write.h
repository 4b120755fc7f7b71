#pragma once
// POST /api/v1/write: samples, exemplars and metadata from any Prometheus-compatible sender, remote write 1.0.
//   Whole     a request with a sample that the store refuses as bad is refused whole, with 400; an exemplar
//             that is refused is counted, and the request goes on. A series with bad labels is skipped.
//   Status    204 done; 400 bad data, never retried; 415 another message, protocol version or encoding;
//             429 and 503 with Retry-After when a limit or the disk says so. Native histograms are not taken by
//             this receiver: 400, said and counted.
//   Threads   requests run on many threads at once.
//   Source    Prometheus remote write 1.0.
#include "base/telemetry.h"
#include "net/http.h"
#include "tsdb/appender.h"

namespace sightline::api::prometheus {

inline constexpr size_t kWriteRequestBytesMax = 64u << 20;  // unpacked

// `store` and `telemetry` outlive the router.
void add_remote_write(net::HttpRouter& router, tsdb::Appendable& store, Telemetry& telemetry);

}  // namespace sightline::api::prometheus
