#pragma once
// Whether two byte strings are equal, decided in place for short ones: keys and most values are, and are compared by the
// million.
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "model/span_batch.h"

namespace sightline::tracestore {

inline bool same_bytes(std::string_view a, std::string_view b) {
  const size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ_at = [&](size_t at) {
    return load_le<uint64_t>(a.data() + at) ^ load_le<uint64_t>(b.data() + at);
  };
  if (size >= 8 && size <= 32) {  // words that overlap
    uint64_t differ = differ_at(0) | differ_at(size - 8);
    if (size > 16) differ |= differ_at(8) | differ_at(size - 16);
    return differ == 0;
  }
  return size == 0 || std::memcmp(a.data(), b.data(), size) == 0;
}

// a == b.
inline bool same_value(const model::ValueView& a, const model::ValueView& b) {
  if (a.kind == model::ValueKind::kString)
    return b.kind == model::ValueKind::kString && same_bytes(a.bytes, b.bytes);
  return a == b;
}

}  // namespace sightline::tracestore
