#pragma once
// Dates as the peers' APIs read them.
#include <cstdint>
#include <optional>
#include <string_view>

namespace sightline {

// RFC 3339, the years 1970 to 2200, as nanoseconds since the Unix epoch; whole-string:
// "2026-11-24T01:58:08.486Z" or with "+01:00". What is finer than a nanosecond is cut off.
std::optional<int64_t> parse_rfc3339(std::string_view text);

}  // namespace sightline
