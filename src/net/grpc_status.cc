#include "net/grpc_status.h"

#include "base/bytes.h"

namespace sightline::net {
namespace {

// Keys of the few fields needed: number * 8 + wire type (0 varint, 2 sized).
constexpr uint64_t kStatusCode = 1 * 8 + 0;
constexpr uint64_t kStatusMessage = 2 * 8 + 2;
constexpr uint64_t kStatusDetails = 3 * 8 + 2;
constexpr uint64_t kAnyTypeUrl = 1 * 8 + 2;
constexpr uint64_t kAnyValue = 2 * 8 + 2;
constexpr uint64_t kRetryInfoDelay = 1 * 8 + 2;
constexpr uint64_t kDurationSeconds = 1 * 8 + 0;
constexpr uint64_t kDurationNanos = 2 * 8 + 0;
constexpr std::string_view kRetryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

void append_field(std::string& out, uint64_t key, std::string_view bytes) {
  append_uvarint(out, key);
  append_sized(out, bytes);
}

void append_field(std::string& out, uint64_t key, uint64_t value) {
  append_uvarint(out, key);
  append_uvarint(out, value);
}

// Calls on_field(key, number, bytes) for each field; false when the message is malformed.
template <typename OnField>
bool for_each_field(std::string_view message, OnField on_field) {
  ByteReader reader(message);
  while (!reader.at_end()) {
    const uint64_t key = reader.uvarint();
    uint64_t number = 0;
    std::string_view bytes;
    switch (key & 7) {
      case 0: number = reader.uvarint(); break;
      case 1: number = reader.le<uint64_t>(); break;
      case 2: bytes = reader.sized(); break;
      case 5: number = reader.le<uint32_t>(); break;
      default: return false;
    }
    if (!reader.ok()) return false;
    on_field(key, number, bytes);
  }
  return reader.ok();
}

}  // namespace

std::string write_status_details(GrpcCode code, std::string_view message,
                                 std::chrono::milliseconds retry_after) {
  const auto delay = static_cast<uint64_t>(std::max<int64_t>(retry_after.count(), 0));
  std::string duration;
  if (delay >= 1000) append_field(duration, kDurationSeconds, delay / 1000);
  if (delay % 1000 != 0) append_field(duration, kDurationNanos, delay % 1000 * 1'000'000);
  std::string retry_info;
  append_field(retry_info, kRetryInfoDelay, duration);
  std::string any;
  append_field(any, kAnyTypeUrl, kRetryInfoType);
  append_field(any, kAnyValue, retry_info);
  std::string status;
  append_field(status, kStatusCode, static_cast<uint64_t>(code));
  append_field(status, kStatusMessage, message);
  append_field(status, kStatusDetails, any);
  return status;
}

std::optional<std::chrono::milliseconds> parse_retry_after(std::string_view details) {
  std::optional<std::chrono::milliseconds> found;
  const auto read_delay = [&](std::string_view duration) {
    uint64_t milliseconds = 0;
    for_each_field(duration, [&](uint64_t key, uint64_t number, std::string_view) {
      if (key == kDurationSeconds) milliseconds += std::min<uint64_t>(number, 1u << 30) * 1000;
      if (key == kDurationNanos)
        milliseconds += std::min<uint64_t>(number, 999'999'999) / 1'000'000;
    });
    found = std::chrono::milliseconds(milliseconds);
  };
  const auto read_any = [&](std::string_view any) {
    std::string_view type;
    std::string_view value;
    for_each_field(any, [&](uint64_t key, uint64_t, std::string_view bytes) {
      if (key == kAnyTypeUrl) type = bytes;
      if (key == kAnyValue) value = bytes;
    });
    if (type != kRetryInfoType || found) return;
    bool any_delay = false;
    for_each_field(value, [&](uint64_t key, uint64_t, std::string_view bytes) {
      if (key == kRetryInfoDelay) any_delay = true;
      if (key == kRetryInfoDelay) read_delay(bytes);
    });
    if (!any_delay) found = std::chrono::milliseconds(0);
  };
  const bool whole = for_each_field(details, [&](uint64_t key, uint64_t, std::string_view bytes) {
    if (key == kStatusDetails) read_any(bytes);
  });
  return whole ? found : std::nullopt;
}

GrpcCode grpc_code_of(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kOutOfRange:
    case Errc::kExecution:
    case Errc::kUnsupported: return GrpcCode::kInvalidArgument;
    case Errc::kNotFound: return GrpcCode::kNotFound;
    case Errc::kResourceExhausted: return GrpcCode::kResourceExhausted;
    case Errc::kCancelled: return GrpcCode::kCancelled;
    case Errc::kDeadlineExceeded: return GrpcCode::kDeadlineExceeded;
    case Errc::kUnavailable: return GrpcCode::kUnavailable;
    default: return GrpcCode::kInternal;
  }
}

}  // namespace sightline::net
