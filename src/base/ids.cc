#include "base/ids.h"

#include "base/text_codec.h"

namespace sightline {
namespace {

template <typename Id>
std::optional<Id> id_from_bytes(std::string_view raw) {
  Id id;
  if (raw.size() != id.bytes.size()) return std::nullopt;
  std::memcpy(id.bytes.data(), raw.data(), raw.size());
  return id;
}

template <typename Id>
std::string id_to_hex(const Id& id) {
  return hex_encode({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()});
}

template <typename Id>
std::optional<Id> parse_id(std::string_view hex) {
  const auto raw = hex_decode(hex);
  if (!raw) return std::nullopt;
  return id_from_bytes<Id>(*raw);
}

}  // namespace

std::string to_hex(const TraceId& id) { return id_to_hex(id); }
std::string to_hex(const SpanId& id) { return id_to_hex(id); }
std::optional<TraceId> parse_trace_id(std::string_view hex) { return parse_id<TraceId>(hex); }
std::optional<SpanId> parse_span_id(std::string_view hex) { return parse_id<SpanId>(hex); }
std::optional<TraceId> trace_id_from_bytes(std::string_view raw) {
  return id_from_bytes<TraceId>(raw);
}
std::optional<SpanId> span_id_from_bytes(std::string_view raw) {
  return id_from_bytes<SpanId>(raw);
}

}  // namespace sightline
