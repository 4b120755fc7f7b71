#pragma once
// Bytes that are verified as far as somebody looks at them. Readers parse what any bytes may say, then ask, and believe
// nothing before.
//   Threads  any.
#include <string_view>

namespace sightline::tracestore {

class ByteGuard {
 public:
  virtual ~ByteGuard() = default;
  // Whether `bytes`, a part of those guarded, are as they were written.
  virtual bool is_sound(std::string_view bytes) const = 0;
};

// Bytes without a guard were verified before.
inline bool is_sound(const ByteGuard* guard, std::string_view bytes) {
  return guard == nullptr || guard->is_sound(bytes);
}

}  // namespace sightline::tracestore
