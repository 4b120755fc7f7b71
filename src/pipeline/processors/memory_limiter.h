#pragma once
// The memory_limiter processor: while the process holds more memory than its soft limit (limit less
// spike), batches are refused, retryable, before anything is done with them.
//   Memory    the process' resident set, read at most once per check_interval, by whoever comes first.
//   Threads   pass() from any thread.
//   Source    opentelemetry-collector, memorylimiterprocessor README.
#include <atomic>
#include <functional>

#include "base/telemetry.h"
#include "base/time.h"
#include "config/otelcol/otelcol_processors.h"
#include "pipeline/graph/encoded_traces.h"
#include "pipeline/graph/stage.h"

namespace sightline::pipeline {

struct MemoryReadings {
  std::function<uint64_t()> resident_bytes;  // of this process
  std::function<uint64_t()> total_bytes;  // that it may use: the machine's, or the control group's
  static MemoryReadings of_system();
  // The same, but of what is allocated on the heap alone, as the peer counts.
  static MemoryReadings of_heap();
};

// Whether the process holds too much, by one component's configuration.
class MemoryGate {
 public:
  MemoryGate(const config::MemoryLimiterConfig& config, std::string id, const Clock& clock,
             MemoryReadings readings);
  bool refuses();
  const std::string& id() const { return id_; }

 private:
  void look();

  const std::string id_;
  const std::chrono::nanoseconds interval_;
  const Clock& clock_;
  const MemoryReadings readings_;
  uint64_t hard_limit_ = 0;
  uint64_t soft_limit_ = 0;
  std::atomic<int64_t> next_look_ns_{0};  // monotonic; the thread that moves it on looks
  std::atomic<bool> refusing_{false};
};

// What is said to a sender then.
std::unexpected<Error> memory_refusal();

class MemoryLimiter final : public SpanProcessor, public EncodedConsumer {
 public:
  MemoryLimiter(const config::MemoryLimiterConfig& config, std::string id, SpanStage& next,
                const Clock& clock, Telemetry& telemetry,
                MemoryReadings readings = MemoryReadings::of_system());
  Status pass(const SharedBatch& batch, Delivery& delivery) override;
  // Requests that go on unread, to set_encoded_next(), which comes before the first of them.
  Status consume(const SharedEncoded& request) override;
  void set_encoded_next(EncodedConsumer& next) { encoded_next_ = &next; }

 private:
  MemoryGate gate_;
  EncodedConsumer* encoded_next_ = nullptr;
  Counter& accepted_;
  Counter& refused_;
};

}  // namespace sightline::pipeline
