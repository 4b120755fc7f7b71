#pragma once
// What Sightline says of itself: its counters, and the status the start page shows.
//   GET /metrics            own counters, Prometheus text
//   GET /api/self/status    SelfStatus as JSON
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "base/time.h"
#include "net/http.h"

namespace sightline::api::self {

struct ListenerStatus {
  std::string name;     // "OTLP gRPC"
  std::string address;  // "127.0.0.1:4317"
  std::string role;     // "collector", "traces", "metrics", "ui"
};

struct ServiceStatus {
  std::string name;
  uint64_t spans_total = 0;
  TimestampNs last_seen;
};

struct SelfStatus {
  std::string version;
  TimestampNs started_at;
  TimestampNs now;
  std::string data_dir;
  std::vector<std::string> roles;
  std::vector<ListenerStatus> listeners;
  struct Received {
    uint64_t spans_total = 0;
    double spans_per_second = 0;  // over the last seconds
    uint64_t rejected_spans_total = 0;
    uint64_t requests_total = 0;
    std::optional<TimestampNs> last_span_at;
    std::vector<ServiceStatus> services;
  } received;
  struct Stored {
    uint64_t series = 0;
    uint64_t samples_total = 0;
    uint64_t exemplars = 0;
    uint64_t live_traces = 0;
    uint64_t trace_blocks = 0;
    uint64_t spans = 0;
    uint64_t bytes_on_disk = 0;
  } stored;
};

std::string to_json(const SelfStatus& status);
void add_self_routes(net::HttpRouter& router, const Telemetry& telemetry,
                     std::function<SelfStatus()> status);

}  // namespace sightline::api::self
