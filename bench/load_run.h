#pragma once
// Sends trace requests for a while and counts what became of them.
//   Rate     flat out: each connection sends as soon as it was answered. At a fixed rate the requests have
//            planned times, and latency counts from those: a server that stalls is not asked less.
//   Refusals (gRPC RESOURCE_EXHAUSTED and UNAVAILABLE, HTTP 429, 502, 503, 504) are retried after what the server
//            asked for, else 100 ms, as long as time is left.
//   Limits   LoadOptions, checked by run_load(). Loopback targets only.
//   Threads  one per connection, ended when run_load() returns.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "bench/request_template.h"

namespace sightline::bench {

enum class Transport { kGrpc, kHttp };

struct LoadOptions {
  Transport transport = Transport::kGrpc;
  std::string target = "127.0.0.1:4317";       // host:port
  uint32_t connections = 2;                    // 1..kConnectionsMax
  std::chrono::duration<double> duration{10};  // up to kDurationMax
  double spans_per_second = 0;                 // 0: flat out
  uint64_t seed = 1;
  static constexpr uint32_t kConnectionsMax = 256;
  static constexpr std::chrono::seconds kDurationMax{600};
};

struct LoadReport {
  double seconds = 0;  // from the first request to the last answer
  uint64_t calls = 0;  // answered with success
  uint64_t spans_accepted = 0;
  uint64_t spans_rejected = 0;  // by partial success
  uint64_t bytes = 0;           // of successful requests, before any framing
  uint64_t refused = 0;         // answers that ask to come again
  uint64_t retried = 0;
  uint64_t failed = 0;                    // anything else, and what was still refused at the end
  std::string first_fault;                // of failed and refused calls
  std::vector<double> latencies_seconds;  // of successful calls, ascending
  std::vector<TraceId> traces;            // some that were accepted, oldest first
};

// `templates` are sent in turn; not empty.
Result<LoadReport> run_load(const LoadOptions& options,
                            const std::vector<RequestTemplate>& templates, const Clock& clock);

}  // namespace sightline::bench
