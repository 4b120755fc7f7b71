#pragma once
// Looking for one text in another, as fast as the C library does.
#include <cstring>
#include <string_view>

namespace sightline {

// Every text holds the empty one.
inline bool holds_text(std::string_view text, std::string_view part) {
  return part.empty() || (text.size() >= part.size() &&
                          ::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr);
}

}  // namespace sightline
