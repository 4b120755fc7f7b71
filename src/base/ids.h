#pragma once
// Trace and span ids as OTLP and W3C trace context define them.
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sightline {

// 16 bytes in wire order. All zero means "no trace" (OTLP) and is never stored.
struct TraceId {
  std::array<uint8_t, 16> bytes{};
  constexpr bool is_valid() const { return *this != TraceId{}; }
  friend constexpr auto operator<=>(const TraceId&, const TraceId&) = default;
};

// 8 bytes in wire order. All zero means "no span"; a root's parent is all zero.
struct SpanId {
  std::array<uint8_t, 8> bytes{};
  constexpr bool is_valid() const { return *this != SpanId{}; }
  friend constexpr auto operator<=>(const SpanId&, const SpanId&) = default;
};

std::string to_hex(const TraceId& id);  // 32 lower-case digits
std::string to_hex(const SpanId& id);   // 16 lower-case digits
// Exactly 32 or 16 hex digits of either case; anything else is nullopt.
std::optional<TraceId> parse_trace_id(std::string_view hex);
std::optional<SpanId> parse_span_id(std::string_view hex);
// From raw wire bytes; nullopt unless the length is exact.
std::optional<TraceId> trace_id_from_bytes(std::string_view raw);
std::optional<SpanId> span_id_from_bytes(std::string_view raw);

// Trace ids are random, so their own bytes hash them; mixed once, because not
// every sender is random in every byte.
struct TraceIdHash {
  size_t operator()(const TraceId& id) const {
    uint64_t a = 0;
    uint64_t b = 0;
    std::memcpy(&a, id.bytes.data(), 8);
    std::memcpy(&b, id.bytes.data() + 8, 8);
    const uint64_t mixed = (a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL;
    return static_cast<size_t>(mixed ^ (mixed >> 32));
  }
};
struct SpanIdHash {
  size_t operator()(const SpanId& id) const {
    uint64_t a = 0;
    std::memcpy(&a, id.bytes.data(), 8);
    a *= 0xff51afd7ed558ccdULL;
    return static_cast<size_t>(a ^ (a >> 32));
  }
};

}  // namespace sightline
