#pragma once
// How many bytes of spans a tenant may send: a bucket that fills at a rate and holds a burst.
//   Units    bytes of OTLP protobuf; bytes per second.
//   Errors   kResourceExhausted, in the peer's words; retryable.
//   Threads  any.
//   Source   Tempo, overrides.ingestion.rate_limit_bytes and burst_size_bytes.
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace sightline::tracestore {

struct IngestRateLimit {
  uint64_t bytes_per_second = 0;
  uint64_t burst_bytes = 0;
  friend bool operator==(const IngestRateLimit&, const IngestRateLimit&) = default;
};

class IngestRate {
 public:
  explicit IngestRate(const Clock& clock) : clock_(clock) {}
  // Takes `bytes` from the bucket, or nothing and says why. A bucket that never was is full; one whose
  // limit changed keeps what it holds.
  Status take(uint64_t bytes, const IngestRateLimit& limit, std::string_view tenant);

 private:
  const Clock& clock_;
  std::mutex mutex_;
  double bytes_left_ = 0;                              // guarded by mutex_
  std::optional<std::chrono::nanoseconds> filled_at_;  // guarded by mutex_
};

}  // namespace sightline::tracestore
