#pragma once
// A text that every match of a regular expression holds: looking for it is much cheaper than matching.
//   Never too long: what is hard to say is left out, and empty says nothing.
#include <string>
#include <string_view>

namespace sightline::traceql {

std::string required_literal(std::string_view pattern);

}  // namespace sightline::traceql
