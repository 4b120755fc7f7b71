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

// An object, each range asked for anew.
//   Lifetime  the store outlives it.
class ObjectByteSource final : public ByteSource {
 public:
  ObjectByteSource(ObjectStore& objects, ObjectInfo object)
      : objects_(objects), object_(std::move(object)) {}
  uint64_t size() const override { return object_.bytes; }
  Result<HeldBytes> read(ByteRange range) const override {
    auto bytes = objects_.get_range(object_.key, range);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    const auto kept = std::make_shared<const std::string>(std::move(*bytes));
    return HeldBytes{*kept, kept};
  }

 private:
  ObjectStore& objects_;
  const ObjectInfo object_;
};

}  // namespace sightline::io
