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
#include "config/otelcol_processors.h"
#include "pipeline/stage.h"

namespace sightline::pipeline {

struct MemoryReadings {
  std::function<uint64_t()> resident_bytes;  // of this process
  std::function<uint64_t()> total_bytes;  // that it may use: the machine's, or the control group's
  static MemoryReadings of_system();
};

class MemoryLimiter final : public SpanProcessor {
 public:
  MemoryLimiter(const config::MemoryLimiterConfig& config, std::string id, SpanStage& next,
                const Clock& clock, Telemetry& telemetry,
                MemoryReadings readings = MemoryReadings::of_system());
  Status pass(const SharedBatch& batch, Delivery& delivery) override;

 private:
  void look();

  const std::string id_;
  const std::chrono::nanoseconds interval_;
  const Clock& clock_;
  const MemoryReadings readings_;
  uint64_t hard_limit_ = 0;
  uint64_t soft_limit_ = 0;
  Counter& accepted_;
  Counter& refused_;
  std::atomic<int64_t> next_look_ns_{0};  // monotonic; the thread that moves it on looks
  std::atomic<bool> refusing_{false};
};

}  // namespace sightline::pipeline
