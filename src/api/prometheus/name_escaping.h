#pragma once
// Metric and label names for readers that know only the old alphabet [a-zA-Z0-9_:].
//   Source  Prometheus content negotiation, escaping schemes.
#include <optional>
#include <string>
#include <string_view>

namespace sightline::api::prometheus {

enum class NameEscaping : uint8_t { kUnderscores, kDots, kValues, kAllowUtf8 };

std::optional<NameEscaping> parse_escaping(std::string_view text);  // "allow-utf-8", ...
std::string_view escaping_name(NameEscaping escaping);
// A name of the old alphabet stays as it is, except that kDots doubles its underscores.
std::string escape_name(std::string_view name, NameEscaping escaping);

}  // namespace sightline::api::prometheus
