#pragma once
// POST /api/v1/write: samples, native histograms, exemplars and metadata from any Prometheus-compatible sender, remote write 1.0
// and 2.0.
//   1.0       a request with a sample that the store refuses as bad is refused whole, with 400; a series with bad
//             labels is skipped; an exemplar that is refused is counted, and the request goes on.
//   2.0       what is good is stored; what is bad is said in one 400. Every answer says in X-Prometheus-Remote-Write-*-Written how
//             many samples, histograms and exemplars were stored.
//   Status    204 done; 400 bad data, never retried; 415 another message or encoding;
//             429 and 503 with Retry-After when a limit or the disk says so: nothing is stored then.
//   Threads   requests run on many threads at once.
//   Source    Prometheus remote write 1.0 and 2.0.
#include "base/telemetry.h"
#include "net/http.h"
#include "tsdb/appender.h"

namespace sightline::api::prometheus {

inline constexpr size_t kWriteRequestBytesMax = 64u << 20;  // unpacked

// `store` and `telemetry` outlive the router.
void add_remote_write(net::HttpRouter& router, tsdb::Appendable& store, Telemetry& telemetry);

}  // namespace sightline::api::prometheus
