#pragma once
// Immutable bytes that are read by ranges: a mapped file, or an object whose ranges come when they are wanted.
//   Threads   any.
#include <memory>
#include <string_view>

#include "base/result.h"
#include "io/object_store.h"

namespace sightline::io {

// Views of `bytes` live as long as `owner`.
struct HeldBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // kOutOfRange beyond the end; else what reading a file or an object can cause.
  virtual Result<HeldBytes> read(ByteRange range) const = 0;
};

// All of it in memory or mapped, kept by `owner`.
class HeldByteSource final : public ByteSource {
 public:
  explicit HeldByteSource(HeldBytes held) : held_(std::move(held)) {}
  uint64_t size() const override { return held_.bytes.size(); }
  Result<HeldBytes> read(ByteRange range) const override {
    if (range.offset > size() || range.length > size() - range.offset)
      return fail(Errc::kOutOfRange, range.length, " bytes from ", range.offset,
                  " asked for, there are ", size());
    return HeldBytes{held_.bytes.substr(range.offset, range.length), held_.owner};
  }

 private:
  const HeldBytes held_;
};

}  // namespace sightline::io
