#pragma once
// Names of any UTF-8 in expositions: how a client asks for them, and what others get instead.
//   Threads  pure functions.
//   Source   Prometheus, "UTF-8 support": escaping schemes allow-utf-8, underscores, dots, values.
#include <optional>
#include <string>
#include <string_view>

namespace sightline::wire::openmetrics {

enum class Escaping { kAllowUtf8, kUnderscores, kDots, kValues };

std::string_view escaping_name(Escaping escaping);  // "allow-utf-8"
std::optional<Escaping> parse_escaping(std::string_view name);
// A metric or label name as the scheme writes it; one that every client understands stays, but under dots.
std::string escape_name(std::string_view name, Escaping escaping);
// Whether every client understands it; others are quoted.
bool is_plain_name(std::string_view name, bool is_metric);

}  // namespace sightline::wire::openmetrics
