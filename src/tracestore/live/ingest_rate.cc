#include "tracestore/live/ingest_rate.h"

#include <algorithm>

namespace sightline::tracestore {

Status IngestRate::take(uint64_t bytes, const IngestRateLimit& limit, std::string_view tenant) {
  const auto now = clock_.monotonic();
  const auto burst = static_cast<double>(limit.burst_bytes);
  const std::lock_guard lock(mutex_);
  if (!filled_at_) {
    bytes_left_ = burst;
  } else {
    const double seconds = std::chrono::duration<double>(now - *filled_at_).count();
    bytes_left_ =
        std::min(burst, bytes_left_ + seconds * static_cast<double>(limit.bytes_per_second));
  }
  filled_at_ = now;
  if (bytes_left_ >= static_cast<double>(bytes)) {
    bytes_left_ -= static_cast<double>(bytes);
    return {};
  }
  if (bytes > limit.bytes_per_second && bytes > limit.burst_bytes)
    return fail(Errc::kResourceExhausted, "RATE_LIMITED: batch size (", bytes,
                " bytes) exceeds ingestion limit (local: ", limit.bytes_per_second,
                " bytes/s, global: 0 bytes/s, burst: ", limit.burst_bytes, " bytes) while adding ",
                bytes, " bytes for user ", tenant,
                ". consider reducing batch size or increasing rate limit.");
  return fail(Errc::kResourceExhausted,
              "RATE_LIMITED: ingestion rate limit (local: ", limit.bytes_per_second,
              " bytes/s, global: 0 bytes/s, burst: ", limit.burst_bytes,
              " bytes) exceeded while adding ", bytes, " bytes for user ", tenant,
              ". consider increasing the limit or reducing ingestion rate.");
}

}  // namespace sightline::tracestore
